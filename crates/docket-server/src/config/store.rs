//! The choice of a store, as users write it.

use std::{fmt, path::PathBuf};

use thiserror::Error;

/// The choice of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StoreChoice {
    /// In memory, until the server stops.
    #[default]
    Memory,
    /// In this SQLite file.
    Sqlite(PathBuf),
}

/// A text that is not a valid store.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidStore {
    /// An unknown kind.
    #[error(
        "`{0}` is not a valid store: write memory or sqlite:PATH, such as sqlite:/var/lib/docket.db"
    )]
    Unknown(String),
    /// A file without a path.
    #[error("`{0}` needs a path, such as sqlite:/var/lib/docket.db")]
    NoPath(String),
    /// A path that ends in a slash.
    #[error("`{0}` is a directory: name a file in it, such as {0}docket.db")]
    Folder(String),
}

impl std::str::FromStr for StoreChoice {
    type Err = InvalidStore;

    fn from_str(text: &str) -> Result<Self, InvalidStore> {
        // `sqlite:///PATH` is the form of a URL, which many programs require.
        let path = text.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
        match path {
            None if text == "memory" => Ok(Self::Memory),
            None => Err(InvalidStore::Unknown(text.to_owned())),
            Some("") => Err(InvalidStore::NoPath(text.to_owned())),
            Some(path) if path.ends_with('/') => Err(InvalidStore::Folder(text.to_owned())),
            Some(path) => Ok(Self::Sqlite(path.into())),
        }
    }
}

impl fmt::Display for StoreChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_memory_or_a_file_and_anything_else_is_refused_with_a_way_out() {
        let read = |text: &str| text.parse::<StoreChoice>().map(|store| store.to_string());

        for text in ["memory", "sqlite:docket.db", "sqlite:/var/lib/docket/a:b.db"] {
            assert_eq!(read(text).as_deref(), Ok(text));
        }
        assert_eq!(read("sqlite:///var/docket.db").as_deref(), Ok("sqlite:/var/docket.db"));
        let unknown =
            "is not a valid store: write memory or sqlite:PATH, such as sqlite:/var/lib/docket.db";
        for text in ["", "sqlite", "Memory", "memory:", "/var/docket.db", "etcd://host"] {
            assert_eq!(read(text).unwrap_err().to_string(), format!("`{text}` {unknown}"));
        }
        assert_eq!(
            read("sqlite:").unwrap_err().to_string(),
            "`sqlite:` needs a path, such as sqlite:/var/lib/docket.db"
        );
        assert_eq!(
            read("sqlite:/var/").unwrap_err().to_string(),
            "`sqlite:/var/` is a directory: name a file in it, such as sqlite:/var/docket.db"
        );
    }
}
