//! Holds a JSON value against a Rust type: canonical keys, unknown keys, all errors at once.
//!
//! The type's own `Deserialize` is the schema. A deserializer of ours walks the value, and where
//! the type asks for a struct it learns which keys there are; maps that are free keep theirs.

use std::{cell::RefCell, fmt};

use serde::{
    Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, Expected, IntoDeserializer, MapAccess, SeqAccess,
        Unexpected, Visitor,
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

use crate::mistake::{FieldPath, Mistake, Step, nearest, unknown_key};

/// Mistakes of one kind after which the search for more ends.
const MOST_MISTAKES: usize = 50;

/// What was found while a value was held against a type.
#[derive(Default)]
pub(super) struct Findings {
    /// Keys that the type does not have.
    pub(super) unknown: Vec<Mistake>,
    /// Values of the wrong kind, and keys given twice.
    pub(super) mistakes: Vec<Mistake>,
}

/// Rewrites the keys of `value` as `T` spells them, and tells what does not fit.
///
/// A wrong value is noted and taken out, and the rest is looked at again, because serde gives up at
/// the first one.
pub(super) fn conform<T: DeserializeOwned>(value: &mut Value, at: &FieldPath) -> Findings {
    let report = RefCell::new(Report::default());
    let mut mistakes = canonical_pass::<T>(value, &report);
    if !mistakes.is_empty() {
        let mut rest = value.clone();
        while let Some(last) = mistakes.last().filter(|_| mistakes.len() < MOST_MISTAKES) {
            take_out(&mut rest, &last.field.0);
            let fresh = canonical_pass::<T>(&mut rest, &RefCell::new(Report::default()));
            let Some(mistake) = fresh.into_iter().next() else {
                break;
            };
            if mistakes.contains(&mistake) {
                break;
            }
            mistakes.push(mistake);
        }
    }
    let Report { unknown, twice, .. } = report.into_inner();
    let below = |mistake: Mistake| Mistake { field: mistake.field.below(at), ..mistake };
    Findings {
        unknown: unknown.into_iter().map(below).collect(),
        mistakes: twice.into_iter().chain(mistakes).map(below).collect(),
    }
}

fn canonical_pass<T: DeserializeOwned>(
    value: &mut Value,
    report: &RefCell<Report>,
) -> Vec<Mistake> {
    let node = Node { value, path: Path::Root, report };
    match T::deserialize(node) {
        Ok(_) => Vec::new(),
        Err(Mismatch(message)) => {
            let field = report.borrow_mut().failed.take().unwrap_or_default();
            vec![Mistake::new(field, message)]
        }
    }
}

/// Removes what stands at the path; a list's element takes the list with it, to keep the others' places.
fn take_out(value: &mut Value, path: &[Step]) {
    match path {
        [Step::Key(key)] => {
            value.as_object_mut().map(|object| object.shift_remove(key));
        }
        [Step::Key(key), Step::Index(_), ..] if path.len() == 2 => {
            value.as_object_mut().map(|object| object.shift_remove(key));
        }
        [Step::Key(key), rest @ ..] => {
            if let Some(inner) = value.get_mut(key) {
                take_out(inner, rest);
            }
        }
        [Step::Index(index), rest @ ..] => {
            if let Some(inner) = value.get_mut(index) {
                take_out(inner, rest);
            }
        }
        [] => *value = Value::Object(Map::new()),
    }
}

#[derive(Default)]
struct Report {
    unknown: Vec<Mistake>,
    twice: Vec<Mistake>,
    /// Where the value lies at which reading broke off.
    failed: Option<FieldPath>,
}

#[derive(Clone, Copy)]
enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    fn to_field(self) -> FieldPath {
        match self {
            Path::Root => FieldPath::default(),
            Path::Key(parent, key) => parent.to_field().with_key(key),
            Path::Index(parent, index) => parent.to_field().with_index(index),
        }
    }
}

/// A place in the value that serde is about to read.
struct Node<'a> {
    value: &'a mut Value,
    path: Path<'a>,
    report: &'a RefCell<Report>,
}

impl<'a> Node<'a> {
    fn entries(self, keys: Option<&'static [&'static str]>) -> Entries<'a> {
        let Node { value, path, report } = self;
        let rest = value.as_object_mut().map(Map::iter_mut);
        Entries { rest, keys, path, report, value: None }
    }
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match &*self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::String(value) => visitor.visit_str(value),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(value), ..) => visitor.visit_i64(value),
                (_, Some(value), _) => visitor.visit_u64(value),
                (.., value) => visitor.visit_f64(value.unwrap_or(f64::NAN)),
            },
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Object(_) => visitor.visit_map(self.entries(None)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        // The engine takes `Cmd: "date"` for `Cmd: ["date"]`, and so do its other commands.
        let is_command =
            matches!(self.path, Path::Key(_, "Cmd" | "Entrypoint" | "OnBuild" | "Shell"));
        if self.value.is_string() && is_command {
            *self.value = Value::Array(vec![self.value.take()]);
        }
        let Node { value, path, report } = self;
        match value {
            Value::Array(items) => {
                visitor.visit_seq(Elements { items: items.iter_mut().enumerate(), path, report })
            }
            _ => Node { value, path, report }.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let Node { value, path, report } = self;
        match value {
            Value::Object(object) => rename_keys(object, keys, path, report),
            _ => {
                return Node { value, path, report }.deserialize_any(visitor);
            }
        }
        visitor.visit_map(Node { value, path, report }.entries(Some(keys)))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let Value::String(text) = &*self.value else {
            return self.deserialize_any(visitor);
        };
        if !variants.contains(&text.as_str()) {
            return Err(de::Error::unknown_variant(text, variants));
        }
        visitor.visit_enum(text.as_str().into_deserializer())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct tuple tuple_struct map identifier ignored_any
    }
}

fn rename_keys(
    object: &mut Map<String, Value>,
    keys: &'static [&'static str],
    path: Path<'_>,
    report: &RefCell<Report>,
) {
    if object.keys().all(|key| keys.contains(&key.as_str())) {
        return;
    }
    for (key, value) in std::mem::take(object) {
        let Some(canonical) = keys.iter().find(|known| known.eq_ignore_ascii_case(&key)) else {
            let field = path.to_field().with_key(&key);
            let message = unknown_key(&key, keys.iter().copied());
            report.borrow_mut().unknown.push(Mistake::of_key(field, message));
            object.insert(key, value);
            continue;
        };
        if object.insert((*canonical).to_owned(), value).is_some() {
            let field = path.to_field().with_key(canonical);
            let message = format!("the key `{key}` is given twice");
            report.borrow_mut().twice.push(Mistake::of_key(field, message));
        }
    }
}

/// The entries of an object; of a struct only those that it knows.
struct Entries<'a> {
    rest: Option<serde_json::map::IterMut<'a>>,
    keys: Option<&'static [&'static str]>,
    path: Path<'a>,
    report: &'a RefCell<Report>,
    value: Option<(&'a String, &'a mut Value)>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mismatch> {
        let known = |key: &str| self.keys.is_none_or(|keys| keys.contains(&key));
        let next = self.rest.as_mut().and_then(|rest| rest.find(|(key, _)| known(key)));
        let Some((key, value)) = next else {
            return Ok(None);
        };
        self.value = Some((key, value));
        seed.deserialize(key.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Mismatch> {
        let Some((key, value)) = self.value.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        read(seed, Node { value, path: Path::Key(&self.path, key), report: self.report })
    }
}

struct Elements<'a> {
    items: std::iter::Enumerate<std::slice::IterMut<'a, Value>>,
    path: Path<'a>,
    report: &'a RefCell<Report>,
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
        read(seed, Node { value, path: Path::Index(&self.path, index), report: self.report })
            .map(Some)
    }
}

fn read<'de, S: DeserializeSeed<'de>>(seed: S, node: Node<'_>) -> Result<S::Value, Mismatch> {
    let (path, report) = (node.path, node.report);
    seed.deserialize(node).inspect_err(|_| {
        // The innermost place is the first that the error passes.
        report.borrow_mut().failed.get_or_insert_with(|| path.to_field());
    })
}

/// What does not fit, in words that need no Rust.
#[derive(Debug)]
struct Mismatch(String);

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!("expected {}, found {}", in_words(expected), shown(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let known: Vec<_> =
            expected.iter().filter(|v| !v.is_empty()).map(|v| format!("`{v}`")).collect();
        let hint = match nearest(variant, expected.iter().copied()) {
            Some(near) => format!(" (did you mean `{near}`?)"),
            None => String::new(),
        };
        Self(format!("`{variant}` is none of {}{hint}", known.join(", ")))
    }
}

fn in_words(expected: &dyn Expected) -> String {
    match expected.to_string().as_str() {
        "i64" | "i32" | "u64" | "u32" | "u16" | "isize" | "usize" => "a whole number".to_owned(),
        "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "a text".to_owned(),
        "a sequence" => "a list".to_owned(),
        other if other == "a map" || other.starts_with("struct ") => "a mapping".to_owned(),
        other => other.to_owned(),
    }
}

fn shown(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Str(text) => format!("the text {text:?}"),
        Unexpected::Signed(number) => format!("the number {number}"),
        Unexpected::Unsigned(number) => format!("the number {number}"),
        Unexpected::Float(number) => format!("the number {number}"),
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unit | Unexpected::Option => "null".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}
