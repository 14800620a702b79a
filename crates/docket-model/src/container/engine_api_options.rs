//! The options of a container: a tree of the types that the Engine API has, made once from bollard's types.
//!
//! The check of posted containers, the canonical case of keys and the JSON Schema follow from this tree. Each
//! type's own `Deserialize` is the source: a deserializer without a value returns the simplest value for each
//! request, and records what was requested.

use std::{iter, ops::RangeInclusive, sync::LazyLock};

use bollard_stubs::models::{ContainerConfig, HostConfig, NetworkingConfig};
use indexmap::IndexMap;
use serde::{
    Deserialize, Deserializer,
    de::{
        IntoDeserializer, Visitor,
        value::{Error, MapDeserializer, SeqDeserializer, StrDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::Value;

use super::swarm_options::SwarmOptions;

/// What the value of an option may be. A list, a mapping and a struct may also be null.
#[derive(Debug)]
pub(super) enum Type {
    /// Anything.
    Any,
    /// Anything: an option of older versions of the Engine API, which engines in use may still accept.
    Retired,
    Boolean,
    Number,
    Whole(RangeInclusive<i128>),
    Text,
    /// One of these words.
    Words(&'static [&'static str]),
    List(Box<Type>),
    /// A mapping with any keys.
    Map(Box<Type>),
    Struct(Fields),
    /// Null, or a value of this type.
    Optional(Box<Type>),
}

/// The keys of a struct and their types.
pub(super) type Fields = IndexMap<&'static str, Type>;

/// Options of older versions of the Engine API.
// bollard's types follow the newest API and no longer have them, while older engines still do.
const RETIRED: [(&str, &str); 3] =
    [("Config", "MacAddress"), ("HostConfig", "KernelMemory"), ("HostConfig", "KernelMemoryTCP")];

/// Lists for which the engine also accepts a single string, as in `Cmd: "date"`.
// The engine has its own decoder for these five; any other list must be a list.
pub(super) const LISTS_OF_ONE: [&str; 5] = ["Cmd", "Entrypoint", "Shell", "CapAdd", "CapDrop"];

/// What may be posted under `Container`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(dead_code, reason = "serde reads the fields; only their types matter")]
struct Posted {
    name: Option<String>,
    config: Option<ContainerConfig>,
    host_config: Option<HostConfig>,
    networking_config: Option<NetworkingConfig>,
    platform: Option<String>,
    swarm: Option<SwarmOptions>,
    context: Option<Value>,
}

/// The type of `Container`.
pub(super) static CONTAINER: LazyLock<Type> = LazyLock::new(|| {
    let (mut container, _) = probed(|probe| Posted::deserialize(probe));
    for (part, key) in RETIRED {
        if let Some(fields) =
            container.fields_mut().and_then(|parts| parts.get_mut(part)?.fields_mut())
        {
            fields.insert(key, Type::Retired);
        }
    }
    *container
});

impl Type {
    /// What messages call a value of this type.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Any | Self::Retired => "a value",
            Self::Boolean => "true or false",
            Self::Number => "a number",
            Self::Whole(_) => "a whole number",
            Self::Text | Self::Words(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Struct(_) => "a mapping",
            Self::Optional(inner) => inner.words(),
        }
    }

    /// The keys of a struct and their types.
    pub(super) fn fields(&self) -> Option<&Fields> {
        match self {
            Self::Struct(fields) => Some(fields),
            Self::Optional(inner) => inner.fields(),
            _ => None,
        }
    }

    fn fields_mut(&mut self) -> Option<&mut Fields> {
        match self {
            Self::Struct(fields) => Some(fields),
            Self::Optional(inner) => inner.fields_mut(),
            _ => None,
        }
    }
}

/// The type of what is read, and the result of reading. A type that fails to be read accepts anything.
fn probed<T>(read: impl FnOnce(Probe<'_>) -> T) -> (Box<Type>, T) {
    // The type is recorded through the reference even if the visitor fails afterwards.
    let mut kind = Box::new(Type::Any);
    let read = read(Probe(&mut kind));
    (kind, read)
}

fn whole<T: Into<i128>>(least: T, most: T) -> Type {
    Type::Whole(least.into()..=most.into())
}

/// A deserializer without a value, which records the type that is requested.
struct Probe<'a>(&'a mut Type);

impl IntoDeserializer<'_, Error> for Probe<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Each type of scalar, with the simplest value of it.
macro_rules! scalars {
    ($($method:ident: $kind:expr, $visit:ident($value:expr);)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            *self.0 = $kind;
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    scalars! {
        deserialize_bool: Type::Boolean, visit_bool(false);
        deserialize_f64: Type::Number, visit_f64(0.0);
        deserialize_str: Type::Text, visit_borrowed_str("");
        deserialize_string: Type::Text, visit_borrowed_str("");
        deserialize_i8: whole(i8::MIN, i8::MAX), visit_i8(0);
        deserialize_i16: whole(i16::MIN, i16::MAX), visit_i16(0);
        deserialize_i32: whole(i32::MIN, i32::MAX), visit_i32(0);
        deserialize_i64: whole(i64::MIN, i64::MAX), visit_i64(0);
        deserialize_u8: whole(u8::MIN, u8::MAX), visit_u8(0);
        deserialize_u16: whole(u16::MIN, u16::MAX), visit_u16(0);
        deserialize_u32: whole(u32::MIN, u32::MAX), visit_u32(0);
        deserialize_u64: whole(u64::MIN, u64::MAX), visit_u64(0);
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // A value of any type: the record stays `Type::Any`.
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // `visit_none` would be simpler, and would never show the type inside.
        let (inner, read) = probed(|probe| visitor.visit_some(probe));
        *self.0 = Type::Optional(inner);
        read
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let (items, read) =
            probed(|probe| visitor.visit_seq(SeqDeserializer::new(iter::once(probe))));
        *self.0 = Type::List(items);
        read
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // A key must be read to get to the value; its type is always a string, so it is not
        // recorded.
        let mut key = Type::Any;
        let (values, read) = probed(|probe| {
            visitor.visit_map(MapDeserializer::new(iter::once((Probe(&mut key), probe))))
        });
        *self.0 = Type::Map(values);
        read
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        // Each field is given, so that the visitor asks for each and none is missing.
        let mut fields: Fields = keys.iter().map(|key| (*key, Type::Any)).collect();
        let each = fields.iter_mut().map(|(key, kind)| (*key, Probe(kind)));
        let read = visitor.visit_map(MapDeserializer::new(each));
        *self.0 = Type::Struct(fields);
        read
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = Type::Words(words);
        // Any of the words will do, as only the list of words is recorded.
        let any: StrDeserializer<'_, Error> =
            words.first().copied().unwrap_or_default().into_deserializer();
        visitor.visit_enum(any)
    }

    forward_to_deserialize_any! {
        // The Engine API has none of these; they would be recorded as `Type::Any`.
        i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}
