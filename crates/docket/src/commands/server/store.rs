//! Which store is wanted, as users write it.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// What a store in a file begins with.
const SQLITE: &str = "sqlite:";

/// `memory`, or `sqlite:` and the path of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoreText(String);

/// A text that names no store.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum InvalidStore {
    /// A kind that there is not.
    #[error("`{0}` is no store: write memory or sqlite:PATH, such as sqlite:/var/lib/docket.db")]
    Unknown(String),
    /// A file without a path.
    #[error("`sqlite:` wants a path, such as sqlite:/var/lib/docket.db")]
    NoPath,
    /// A path that ends in a slash.
    #[error("`{0}` names a folder: name a file in it, such as {0}docket.db")]
    Folder(String),
}

impl FromStr for StoreText {
    type Err = InvalidStore;

    fn from_str(text: &str) -> Result<Self, InvalidStore> {
        match text.strip_prefix(SQLITE) {
            None if text == "memory" => Ok(Self(text.to_owned())),
            None => Err(InvalidStore::Unknown(text.to_owned())),
            Some("") => Err(InvalidStore::NoPath),
            Some(path) if path.ends_with('/') => Err(InvalidStore::Folder(text.to_owned())),
            Some(_) => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for StoreText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_memory_or_a_file_and_anything_else_is_refused_with_a_way_out() {
        for text in ["memory", "sqlite:docket.db", "sqlite:/var/lib/docket/docket.db"] {
            assert_eq!(text.parse::<StoreText>().unwrap().to_string(), text);
        }
        let unknown = "is no store: write memory or sqlite:PATH, such as sqlite:/var/lib/docket.db";
        let cases = [
            ("etcd://host", format!("`etcd://host` {unknown}")),
            ("/var/lib/docket.db", format!("`/var/lib/docket.db` {unknown}")),
            ("sqlite:", "`sqlite:` wants a path, such as sqlite:/var/lib/docket.db".to_owned()),
            (
                "sqlite:/var/lib/",
                "`sqlite:/var/lib/` names a folder: name a file in it, such as \
                 sqlite:/var/lib/docket.db"
                    .to_owned(),
            ),
        ];
        for (text, message) in cases {
            assert_eq!(text.parse::<StoreText>().unwrap_err().to_string(), message);
        }
    }
}
