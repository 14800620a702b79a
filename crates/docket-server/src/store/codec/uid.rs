//! The uid of an allocation as 32 digits.

use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
use uuid::Uuid;

pub(crate) fn serialize<S: Serializer>(uid: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&uid.simple())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(D::Error::custom)
}
