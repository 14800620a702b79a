//! Flags, whole numbers and sizes.

use serde_json::{Value, json};

use super::{
    super::{reader::Reader, values, writer::Written},
    Form,
};
use crate::{
    finding::Place,
    size::{self, Size},
};

/// True or false.
pub(in crate::allocation) struct Flag;

impl Form<bool> for Flag {
    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value) -> Option<bool> {
        reader.value(at, &value, values::boolean)
    }

    fn write<'a>(&self, value: &'a bool) -> Option<Written<'a>> {
        Some(Written::Flag(*value))
    }

    fn schema(&self) -> Value {
        json!({"type": "boolean"})
    }

    fn words(&self) -> String {
        "`true`, `false`".to_owned()
    }
}

/// A whole number from `least` to `most`.
pub(in crate::allocation) struct Number {
    pub(in crate::allocation) least: u64,
    pub(in crate::allocation) most: u64,
}

impl Number {
    fn range_schema(&self) -> Value {
        json!({"type": "integer", "minimum": self.least, "maximum": self.most})
    }

    fn range(&self) -> String {
        format!("{} to {}", self.least, self.most)
    }
}

/// The types of numbers that a field may have.
macro_rules! number {
    ($($type:ty: $into:expr),*) => {$(
        impl Form<$type> for Number {
            fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value) -> Option<$type> {
                let range = self.least..=self.most;
                reader.value(at, &value, |value| values::whole_number(value, &range))
            }

            fn write<'a>(&self, value: &'a $type) -> Option<Written<'a>> {
                Some(Written::Number($into(*value)))
            }

            fn schema(&self) -> Value {
                self.range_schema()
            }

            fn words(&self) -> String {
                self.range()
            }
        }
    )*};
}

number!(u32: u64::from, usize: |number| number as u64);

/// A number of bytes, at most `most`.
pub(in crate::allocation) struct SizeUpTo {
    pub(in crate::allocation) most: usize,
}

impl Form<usize> for SizeUpTo {
    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value) -> Option<usize> {
        reader.value(at, &value, |value| values::size(value, self.most))
    }

    fn write<'a>(&self, value: &'a usize) -> Option<Written<'a>> {
        Some(Written::Text(Size::from_bytes(*value as u64).to_string().into()))
    }

    fn schema(&self) -> Value {
        json!({"anyOf": [
            {"type": "string", "pattern": size::PATTERN},
            {"type": "integer", "minimum": 0, "maximum": self.most},
        ]})
    }

    fn words(&self) -> String {
        format!("size of at most `{}`", Size::from_bytes(self.most as u64))
    }
}
