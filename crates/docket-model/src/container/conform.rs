//! Checks a JSON value against a Rust type: canonical keys, unknown keys, all errors at once.
//!
//! The type's own `Deserialize` is the schema. Our deserializer walks the value; when the type asks for
//! a struct, it learns the known keys, and free maps keep theirs. The result of the type is dropped, so
//! for a wrong value an error is noted and a harmless value is passed on, and no text is copied.

use std::cell::RefCell;

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, IntoDeserializer, Visitor,
        value::{SeqDeserializer, StrDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

use super::{
    expected_at,
    findings::{Findings, Mismatch},
    keys, mode,
    within::{Elements, Entries},
};
use crate::finding::Place;

/// Lists for which the engine also accepts a single string, as in `Cmd: "date"`.
pub(super) const LISTS_OF_ONE: [&str; 5] = ["Cmd", "Entrypoint", "Shell", "CapAdd", "CapDrop"];

/// Rewrites the keys of `value` in the case of `T`, and returns what does not fit.
pub(super) fn conform<T: DeserializeOwned>(value: &mut Value, at: Place<'_>) -> Findings {
    let findings = RefCell::new(Findings::default());
    let node = Node { value, at, findings: &findings };
    let read = T::deserialize(node).err();
    let mut findings = findings.into_inner();
    if let Some(Mismatch(message)) = read {
        findings.wrong(at, message);
    }
    findings
}

/// A value that serde is about to read, with its path.
pub(super) struct Node<'a> {
    pub(super) value: &'a mut Value,
    pub(super) at: Place<'a>,
    pub(super) findings: &'a RefCell<Findings>,
}

impl Node<'_> {
    fn expected(&self, kind: &str) {
        self.findings.borrow_mut().wrong(self.at, expected_at(self.at, kind, self.value));
    }

    /// Notes anything but a whole number in the range as an error.
    fn check_whole(&mut self, least: i128, most: i128) {
        if mode::is_mode(self.at) && !self.value.is_number() {
            self.read_mode();
            return;
        }
        let number = self.value.as_i64().map(i128::from);
        match number.or_else(|| self.value.as_u64().map(i128::from)) {
            None => self.expected("a whole number"),
            Some(number) if (least..=most).contains(&number) => {}
            Some(number) => {
                let message = format!("{number} is out of range ({least} to {most})");
                self.findings.borrow_mut().wrong(self.at, message);
            }
        }
    }

    /// Replaces a file mode in octal by the number that the engine accepts.
    fn read_mode(&mut self) {
        match self.value.as_str().and_then(mode::read) {
            Some(mode) => *self.value = mode.into(),
            None => self.findings.borrow_mut().wrong(self.at, mode::expected(self.value)),
        }
    }

    fn key(&self) -> &str {
        match self.at {
            Place::Key(_, key) => key,
            _ => "",
        }
    }
}

impl<'a> Node<'a> {
    fn entries(self) -> Entries<'a> {
        Entries {
            rest: self.value.as_object_mut().map(Map::iter_mut),
            at: self.at,
            findings: self.findings,
            value: None,
        }
    }
}

/// The whole numbers, whose types differ only in their range.
macro_rules! deserialize_whole {
    ($($method:ident $visit:ident $type:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Mismatch> {
            self.check_whole(i128::from(<$type>::MIN), i128::from(<$type>::MAX));
            visitor.$visit(0)
        }
    )*};
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Mismatch;

    /// A type that accepts anything needs no check.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if !self.value.is_boolean() {
            self.expected("true or false");
        }
        visitor.visit_bool(false)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if !self.value.is_number() {
            self.expected("a number");
        }
        visitor.visit_f64(0.0)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if !self.value.is_string() {
            self.expected("a string");
        }
        visitor.visit_borrowed_str("")
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_str(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.value.is_string() && LISTS_OF_ONE.contains(&self.key()) {
            *self.value = Value::Array(vec![self.value.take()]);
        }
        let Value::Array(items) = self.value else {
            if !self.value.is_null() {
                self.expected("a list");
            }
            return visitor.visit_seq(SeqDeserializer::new(std::iter::empty::<()>()));
        };
        visitor.visit_seq(Elements {
            items: items.iter_mut().enumerate(),
            at: self.at,
            findings: self.findings,
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        // The engine reads null as an empty mapping, too.
        if !self.value.is_object() && !self.value.is_null() {
            self.expected("a mapping");
        }
        visitor.visit_map(self.entries())
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        if let Value::Object(object) = self.value {
            keys::make_canonical(object, keys, self.at, &mut self.findings.borrow_mut());
        }
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match self.value.as_str() {
            None => self.expected("a string"),
            Some(text) if variants.contains(&text) => {}
            // The engine compares only this word in any case.
            Some(text)
                if self.key() == "Isolation"
                    && variants.iter().any(|v| v.eq_ignore_ascii_case(text)) => {}
            Some(text) => self.findings.borrow_mut().unknown_word(self.at, text, variants),
        }
        let any: StrDeserializer<'_, Mismatch> =
            variants.first().copied().unwrap_or("").into_deserializer();
        visitor.visit_enum(any)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    deserialize_whole! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    forward_to_deserialize_any! {
        i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}
