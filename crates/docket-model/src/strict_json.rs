//! Reads JSON without losing anything: a duplicate key is an error.

use std::{cell::Cell, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value, map::Entry};

use crate::finding::shortened;

/// The weight of the largest allocation: some hundred thousand values, or 4 MiB of text. A value takes
/// many times the bytes of its text in memory, so a limit on the text alone does not limit memory.
pub(crate) const MAX_WEIGHT: usize = 1 << 18;

/// How many bytes of text weigh as much as a value.
pub(crate) const TEXT_WEIGHT: usize = 16;

/// Reads any JSON value, and rejects an object with a duplicate key.
///
/// `serde_json` alone silently keeps the last of two values.
#[derive(Debug, Clone, PartialEq)]
pub struct StrictJson(pub Value);

impl<'de> Deserialize<'de> for StrictJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Within(usize::MAX).deserialize(deserializer)
    }
}

/// Reads a [`StrictJson`] of at most this weight: a value weighs 1, and so do 16 bytes of text.
#[derive(Debug, Clone, Copy)]
pub struct Within(usize);

impl Within {
    /// The limit for one allocation.
    pub const ALLOCATION: Self = Self(MAX_WEIGHT);

    pub(crate) fn weight(weight: usize) -> Self {
        Self(weight)
    }
}

impl<'de> DeserializeSeed<'de> for Within {
    type Value = StrictJson;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<StrictJson, D::Error> {
        // Nested visitors share the count by reference; `DeserializeSeed` gives them no mutable
        // access.
        let left = Cell::new(self.0);
        ValueVisitor { left: &left }.deserialize(deserializer).map(StrictJson)
    }
}

#[derive(Clone, Copy)]
struct ValueVisitor<'a> {
    /// The remaining weight.
    left: &'a Cell<usize>,
}

impl ValueVisitor<'_> {
    /// Subtracts the weight of a value with so many bytes of text.
    fn weigh<E: Error>(self, text: usize) -> Result<(), E> {
        // Short texts count as part of their value, so the weight of a tree stays near its number
        // of values.
        let left = self.left.get().checked_sub(1 + text / TEXT_WEIGHT);
        let left = left.ok_or_else(|| {
            E::custom(format_args!(
                "the allocation is too large: it has more than {MAX_WEIGHT} values, or {} MiB of \
                 text",
                (MAX_WEIGHT * TEXT_WEIGHT) >> 20
            ))
        })?;
        self.left.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for ValueVisitor<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueVisitor<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        self.weigh(0)?;
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.weigh(0)?;
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.weigh(0)?;
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.weigh(0)?;
        // A deserializer of another format may have NaN and infinity; JSON has neither.
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom(format_args!("{value} is not a number that JSON can hold")))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.weigh(value.len())?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        self.weigh(value.len())?;
        Ok(Value::String(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.weigh(0)?;
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        self.weigh(0)?;
        // A size hint comes from the input, so no capacity is reserved for it.
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.weigh(0)?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.weigh(key.len())?;
            // The second value is not read, so the error has the position of the duplicate key.
            match object.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(entries.next_value_seed(self)?);
                }
                Entry::Occupied(place) => {
                    let key = shortened(place.key());
                    let message = format_args!("duplicate key `{key}`");
                    return Err(A::Error::custom(message));
                }
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_duplicate_is_refused_with_its_place() {
        let error = serde_json::from_str::<StrictJson>("{\"a\":1,\n\"a\":2}").unwrap_err();
        assert_eq!(error.to_string(), "duplicate key `a` at line 2 column 3");
    }

    #[test]
    fn everything_else_is_read_as_it_stands() {
        let text = r#"{"z":[1,-2,0.5,"x",null,true],"a":{"b":18446744073709551615}}"#;
        let StrictJson(value) = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
    }

    #[test]
    fn a_value_that_is_too_heavy_is_refused() {
        let read = |text: &str, weight| {
            Within::weight(weight).deserialize(&mut serde_json::Deserializer::from_str(text))
        };

        assert!(read("[1,2,{\"a\":null}]", 6).is_ok());
        assert!(read("[1,2,{\"a\":null}]", 5).is_err());
        assert!(read("\"0123456789abcdef\"", 2).is_ok());
        assert!(read("\"0123456789abcdef\"", 1).is_err());
    }
}
