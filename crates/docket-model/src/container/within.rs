//! The entries of an object, and the items of a list, that serde reads.

use std::cell::RefCell;

use serde::{
    Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor, value::MapDeserializer},
    forward_to_deserialize_any,
};
use serde_json::Value;

use super::{
    conform::Node,
    findings::{Findings, Mismatch},
};
use crate::finding::Place;

/// The entries of an object.
pub(super) struct Entries<'a> {
    pub(super) rest: Option<serde_json::map::IterMut<'a>>,
    pub(super) at: Place<'a>,
    pub(super) findings: &'a RefCell<Findings>,
    pub(super) value: Option<(&'a String, &'a mut Value)>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mismatch> {
        self.value = self.rest.as_mut().and_then(Iterator::next);
        let Some((key, _)) = &self.value else {
            return Ok(None);
        };
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Mismatch> {
        let Some((key, value)) = self.value.take() else {
            return seed.deserialize(MapDeserializer::new(std::iter::empty::<((), ())>()));
        };
        seed.deserialize(Node { value, at: Place::Key(&self.at, key), findings: self.findings })
    }
}

/// A key: the name of a field of a struct, or any key of a free map.
struct Key<'a>(&'a str);

impl<'de> Deserializer<'de> for Key<'_> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_str(self.0)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_str("")
    }

    /// The values of `ExposedPorts` and `Volumes` have no keys; the engine ignores any.
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf option
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The elements of a list.
pub(super) struct Elements<'a> {
    pub(super) items: std::iter::Enumerate<std::slice::IterMut<'a, Value>>,
    pub(super) at: Place<'a>,
    pub(super) findings: &'a RefCell<Findings>,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Mismatch;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Mismatch> {
        let Some((index, value)) = self.items.next() else {
            return Ok(None);
        };
        let element = Node { value, at: Place::Index(&self.at, index), findings: self.findings };
        seed.deserialize(element).map(Some)
    }
}
