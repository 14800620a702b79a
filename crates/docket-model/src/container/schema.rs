//! The JSON Schema of a container: its outline, and all options of the Engine API.
//!
//! As in the check of posted containers (`conform`), the type's own `Deserialize` is the source: a
//! deserializer without a value returns the simplest value for each request, and records what was
//! requested.

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::StrDeserializer,
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Value, json};

use super::{Posted, conform::LISTS_OF_ONE, findings::Mismatch, keys::RETIRED};

/// The schema of `Container` without the options, which depend on the engine.
pub(crate) fn outline() -> Value {
    json!({
        "type": "object",
        "properties": {
            "Config": {
                "type": "object",
                "properties": {"Image": {"type": "string", "minLength": 1}},
                "required": ["Image"],
            },
            "HostConfig": {"type": ["object", "null"]},
            "NetworkingConfig": {"type": ["object", "null"]},
            "Platform": {"type": ["string", "null"]},
        },
        "required": ["Config"],
    })
}

/// The schema of `Container` with all options of the Engine API.
pub(crate) fn options() -> Value {
    let mut schema = of::<Posted>();
    let parts = &mut schema["properties"];
    for (part, key) in RETIRED {
        parts[part]["properties"][key] = json!({"description": "Of older engines."});
    }
    parts["Name"] =
        json!({"enum": ["", null], "description": "Left out: docket names containers."});
    parts["Context"] = json!({"description": "Ignored."});
    parts["Config"]["type"] = "object".into();
    parts["Config"]["required"] = json!(["Image"]);
    parts["Config"]["properties"]["Image"] = json!({"type": "string", "minLength": 1});
    parts["HostConfig"]["properties"]["RestartPolicy"]["properties"]["Name"] =
        json!({"enum": ["", "no", null], "description": "Retries are docket's: use `Retries`."});
    schema["type"] = "object".into();
    schema["required"] = json!(["Config"]);
    schema
}

/// The schema of a type.
fn of<T: DeserializeOwned>() -> Value {
    let mut schema = Value::Bool(true);
    // A type that fails to be read accepts anything.
    let _ = T::deserialize(Probe::new("", &mut schema));
    schema
}

/// A deserializer without a value, which records what is requested.
struct Probe<'a> {
    /// The key of the value, or of the list that it is in.
    key: &'static str,
    /// True if null is accepted, too.
    optional: bool,
    schema: &'a mut Value,
}

impl<'a> Probe<'a> {
    fn new(key: &'static str, schema: &'a mut Value) -> Self {
        Self { key, optional: false, schema }
    }

    /// Records that the value has one of these types.
    fn is(&mut self, kinds: &[&str]) {
        let null = self.optional.then_some("null");
        let kinds: Vec<_> = kinds.iter().copied().chain(null).collect();
        *self.schema = match kinds.as_slice() {
            [kind] => json!({"type": kind}),
            kinds => json!({"type": kinds}),
        };
    }
}

/// Whole numbers.
macro_rules! deserialize_whole {
    ($($method:ident $visit:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Mismatch> {
            // A file mode may also be a string in octal.
            self.is(if self.key == "Mode" { &["integer", "string"] } else { &["integer"] });
            visitor.$visit(0)
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_some(Self { optional: true, ..self })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_bool<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Mismatch> {
        self.is(&["boolean"]);
        visitor.visit_bool(false)
    }

    fn deserialize_f64<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Mismatch> {
        self.is(&["number"]);
        visitor.visit_f64(0.0)
    }

    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Mismatch> {
        self.is(&["string"]);
        visitor.visit_borrowed_str("")
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_str(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let mut items = Value::Bool(true);
        let read = visitor.visit_seq(One(Some(Probe::new(self.key, &mut items))));
        // The engine reads null as an empty list.
        let kinds: &[&str] = if LISTS_OF_ONE.contains(&self.key) {
            &["array", "string", "null"]
        } else {
            &["array", "null"]
        };
        *self.schema = json!({"type": kinds, "items": items});
        read
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let mut values = Value::Bool(true);
        let read = visitor.visit_map(One(Some(Probe::new("", &mut values))));
        *self.schema = json!({"type": ["object", "null"], "additionalProperties": values});
        read
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let mut properties = Map::new();
        let fields = Fields { keys: keys.iter(), key: "", properties: &mut properties };
        let read = visitor.visit_map(fields);
        *self.schema = json!({
            "type": ["object", "null"],
            "properties": properties,
            "additionalProperties": false,
        });
        read
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let null = self.optional.then_some(Value::Null);
        let words = variants.iter().map(|word| Value::from(*word)).chain(null);
        *self.schema = json!({"enum": words.collect::<Vec<_>>()});
        let any: StrDeserializer<'_, Mismatch> =
            variants.first().copied().unwrap_or("").into_deserializer();
        visitor.visit_enum(any)
    }

    deserialize_whole! {
        deserialize_i8 visit_i8,
        deserialize_i16 visit_i16,
        deserialize_i32 visit_i32,
        deserialize_i64 visit_i64,
        deserialize_u8 visit_u8,
        deserialize_u16 visit_u16,
        deserialize_u32 visit_u32,
        deserialize_u64 visit_u64,
    }

    forward_to_deserialize_any! {
        i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

/// The fields of a struct, each once.
struct Fields<'a> {
    keys: std::slice::Iter<'static, &'static str>,
    key: &'static str,
    properties: &'a mut Map<String, Value>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mismatch> {
        let Some(key) = self.keys.next() else { return Ok(None) };
        self.key = key;
        let key: StrDeserializer<'_, Mismatch> = (*key).into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Mismatch> {
        let mut schema = Value::Bool(true);
        let read = seed.deserialize(Probe::new(self.key, &mut schema));
        self.properties.insert(self.key.to_owned(), schema);
        read
    }
}

/// The one element of a list, or the one entry of a map.
struct One<'a>(Option<Probe<'a>>);

impl<'de> SeqAccess<'de> for One<'_> {
    type Error = Mismatch;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Mismatch> {
        self.0.take().map(|probe| seed.deserialize(probe)).transpose()
    }
}

impl<'de> MapAccess<'de> for One<'_> {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mismatch> {
        if self.0.is_none() {
            return Ok(None);
        }
        // Some maps have no keys, only values: `ExposedPorts` and `Volumes`.
        seed.deserialize(Probe::new("", &mut Value::Null)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Mismatch> {
        match self.0.take() {
            Some(probe) => seed.deserialize(probe),
            None => seed.deserialize(Probe::new("", &mut Value::Null)),
        }
    }
}
