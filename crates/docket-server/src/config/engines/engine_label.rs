//! The grammar of `--engine-label`: `NAME:KEY=VALUE`.

use std::str::FromStr;

use docket_model::EngineName;
use thiserror::Error;

/// One `--engine-label`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineLabel {
    pub(super) engine: EngineName,
    pub(super) key: String,
    pub(super) value: String,
}

/// A text that is not a valid `--engine-label`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a label of an engine: write NAME:KEY=VALUE, such as web1:zone=a")]
pub struct InvalidEngineLabel(String);

impl FromStr for EngineLabel {
    type Err = InvalidEngineLabel;

    fn from_str(text: &str) -> Result<Self, InvalidEngineLabel> {
        let parts = text.split_once(':').and_then(|(name, label)| {
            let (key, value) = label.split_once('=')?;
            Some((name.parse().ok()?, key, value))
        });
        match parts {
            Some((engine, key, value)) if is_label_key(key) => {
                Ok(Self { engine, key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err(InvalidEngineLabel(text.to_owned())),
        }
    }
}

/// True for a key that an expression of `Placement.Where` can name.
pub(super) fn is_label_key(key: &str) -> bool {
    !key.is_empty() && !key.contains(|c: char| c.is_whitespace() || matches!(c, '=' | '!' | '~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_belongs_to_an_engine_and_has_a_key_and_a_value() {
        let read = |text: &str| {
            let label: EngineLabel = text.parse().ok()?;
            Some(format!("{} {} {}", label.engine, label.key, label.value))
        };
        for (text, label) in [
            ("web1:zone=a", Some("web1 zone a")),
            ("web1:com.example:rack=a=b", Some("web1 com.example:rack a=b")),
            ("web1:zone=", Some("web1 zone ")),
            ("web1:zone", None),
            ("web1:=a", None),
            ("web1:zo!ne=a", None),
            ("zone=a", None),
            (":zone=a", None),
        ] {
            assert_eq!(read(text).as_deref(), label, "{text}");
        }
    }
}
