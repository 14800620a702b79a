//! The keys of the Engine API: their canonical case, and where a misplaced one belongs.

use bollard_stubs::models::{ContainerConfig, HostConfig, NetworkingConfig};
use serde::{
    Deserializer,
    de::{DeserializeOwned, Visitor},
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

use super::findings::{Findings, Mismatch};
use crate::{
    allocation::KEYS,
    finding::{Place, nearest, shortened, unknown_key},
};

/// Options of older versions of the Engine API, which engines in use may still accept.
pub(super) const RETIRED: [(&str, &str); 3] =
    [("Config", "MacAddress"), ("HostConfig", "KernelMemory"), ("HostConfig", "KernelMemoryTCP")];

/// Rewrites the keys of an object in the case of the known ones; notes unknown and duplicate ones.
pub(super) fn make_canonical(
    object: &mut Map<String, Value>,
    known: &'static [&'static str],
    at: Place<'_>,
    findings: &mut Findings,
) {
    if object.keys().all(|key| known.contains(&key.as_str())) {
        return;
    }
    for (key, value) in std::mem::take(object) {
        let Some(canonical) = canonical(&key, known, at) else {
            findings.unknown_key(at, &key, unknown_option(&key, known, at));
            object.insert(key, value);
            continue;
        };
        if object.contains_key(canonical) {
            let message = format!("duplicate key `{canonical}`");
            findings.wrong_key(at, &key, message);
        } else {
            object.insert(canonical.to_owned(), value);
        }
    }
}

fn canonical(key: &str, known: &[&'static str], at: Place<'_>) -> Option<&'static str> {
    let same = |known: &&&'static str| known.eq_ignore_ascii_case(key);
    let retired = || {
        let mut retired = RETIRED.iter();
        retired.find(|(part, name)| is_part(at, part) && name.eq_ignore_ascii_case(key))
    };
    known.iter().find(same).copied().or_else(|| retired().map(|(_, name)| *name))
}

/// True at this part of a container, such as `Config`.
fn is_part(at: Place<'_>, part: &str) -> bool {
    matches!(at, Place::Key(Place::Key(_, "Container"), key) if key == part)
}

/// The message for an unknown option, with where it belongs or the most similar known one.
fn unknown_option(key: &str, known: &[&'static str], at: Place<'_>) -> String {
    let deep = !matches!(at, Place::Key(Place::Start(_) | Place::Key(Place::Start(_), _), _));
    match home_of(key) {
        Some(home) if !deep || nearest(key, known.iter().copied()).is_none() => {
            format!("unknown key `{}`: it belongs {home}", shortened(key))
        }
        _ => unknown_key(key, known.iter().copied()),
    }
}

/// Where in a specification a key, in any case, belongs: `under` or `beside` a part of it.
pub(crate) fn home_of(key: &str) -> Option<&'static str> {
    let has = |keys: &[&str]| keys.iter().any(|known| known.eq_ignore_ascii_case(key));
    if has(&KEYS) {
        Some("beside `Container`")
    } else if has(keys_of::<super::Posted>()) {
        Some("under `Container`")
    } else if has(keys_of::<ContainerConfig>()) {
        Some("under `Container.Config`")
    } else if has(keys_of::<HostConfig>()) {
        Some("under `Container.HostConfig`")
    } else if has(keys_of::<NetworkingConfig>()) {
        Some("under `Container.NetworkingConfig`")
    } else {
        None
    }
}

/// The keys of a struct, from its `Deserialize`.
fn keys_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut keys: &'static [&'static str] = &[];
    // The probe always ends with an error, once it knows the keys.
    let _ = T::deserialize(Probe(&mut keys));
    keys
}

struct Probe<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Mismatch> {
        Err(Mismatch(String::new()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        *self.0 = keys;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
