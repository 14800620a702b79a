//! What a server is told when it starts, and the one place that chooses its store and its engine.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use chrono_tz::Tz;
use docket_model::container::UnknownOptions;
use thiserror::Error;
use tracing::info;

use crate::{
    engine::{Engine, docker},
    store::{MemoryStore, OpenError, SqliteStore, Store},
};

/// What a server needs to know. Everything that can be wrong with it was found when it was made.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who may do what.
    pub access: Access,
    /// The zone of allocations that name none.
    pub time_zone: Tz,
    /// Tells servers on one engine apart.
    pub namespace: Namespace,
    /// How many containers may be in creation or start at once; twice the engine's cores if absent.
    pub max_starting: Option<usize>,
    /// How many containers may be alive at once.
    pub max_running: usize,
    /// How many runs may wait for one of those to end.
    pub queue: usize,
    /// Where the files of `EnvFiles` are.
    pub env_dir: Option<PathBuf>,
    /// True where the containers are stopped with the server.
    pub stop_runs: bool,
    /// How many images may be pulled at once.
    pub max_pulling: usize,
    /// After which time a pull is given up.
    pub pull_timeout: Duration,
    /// The largest request body, in bytes.
    pub max_body: usize,
    /// Where allocations and runs are kept.
    pub store: StoreChoice,
    /// How many bytes records and outputs may take in memory together, where they are kept there.
    pub memory: usize,
    /// A file or a directory of files with allocations that only it can change.
    pub file: Option<PathBuf>,
    /// What becomes of options that the Engine API does not know.
    pub unknown_options: UnknownOptions,
}

impl Config {
    /// The store that was chosen. This blocks while a file is opened.
    pub(crate) fn store(&self) -> Result<Arc<dyn Store>, ConfigError> {
        Ok(match &self.store {
            StoreChoice::Memory => Arc::new(MemoryStore::new(self.memory)),
            StoreChoice::Sqlite(path) => Arc::new(SqliteStore::open(path)?),
        })
    }

    /// The engine that the environment names, as Docker's own client finds it.
    pub(crate) fn engine(&self) -> Result<Arc<dyn Engine>, ConfigError> {
        let config = docker::config_folder();
        let variable = |name: &str| std::env::var(name).ok();
        let endpoint = docker::Endpoint::choose(&variable, config.as_deref())?;
        let settings = docker::Settings {
            config,
            max_pulling: self.max_pulling,
            pull_timeout: self.pull_timeout,
        };
        let engine = docker::connect(&endpoint, settings)?;
        info!(engine = engine.endpoint(), "runs go to this engine");
        Ok(Arc::new(engine))
    }
}

/// What a server was told that cannot be.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The environment names an engine that cannot be used.
    #[error(transparent)]
    Engine(#[from] docker::ConnectError),
    /// The file that was named cannot be the store.
    #[error(transparent)]
    Store(#[from] OpenError),
}

/// Where allocations and runs are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StoreChoice {
    /// In memory, for as long as the server lives.
    #[default]
    Memory,
    /// In this SQLite file.
    Sqlite(PathBuf),
}

/// A text that names no store.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidStore {
    /// A kind that there is not.
    #[error("`{0}` is no store: write memory or sqlite:PATH, such as sqlite:/var/lib/docket.db")]
    Unknown(String),
    /// A file without a path.
    #[error("`{0}` wants a path, such as sqlite:/var/lib/docket.db")]
    NoPath(String),
    /// A path that ends in a slash.
    #[error("`{0}` names a folder: name a file in it, such as {0}docket.db")]
    Folder(String),
}

impl std::str::FromStr for StoreChoice {
    type Err = InvalidStore;

    fn from_str(text: &str) -> Result<Self, InvalidStore> {
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

/// The default for where the server listens.
pub const LISTEN: &str = "127.0.0.1:3000";
/// The default for [`Config::namespace`].
pub const NAMESPACE: &str = "docket";

/// Who may talk to the server.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// What each request must carry, if anything.
    pub token: Option<Token>,
    /// True where the server may be reached from elsewhere without a token.
    pub insecure: bool,
    /// The origin under which a proxy offers the server, such as `https://docket.example.org`.
    pub public_url: Option<String>,
    /// Certificate and key, where the server speaks TLS itself.
    pub tls: Option<TlsFiles>,
}

/// The files of a TLS server.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// A secret that opens the API. It is neither printed nor logged.
#[derive(Clone)]
pub struct Token(Arc<str>);

/// The shortest token that is taken: shorter ones can be guessed.
pub const SHORTEST_TOKEN: usize = 16;

/// A token that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidToken {
    /// Too short to be a secret.
    #[error(
        "a token has at least {SHORTEST_TOKEN} characters, this one has {0}: make one with `openssl rand -hex 32`"
    )]
    TooShort(usize),
    /// It could not stand in a header.
    #[error("a token is made of printable ASCII characters without spaces")]
    BadCharacter,
}

impl Token {
    /// Reads a token, without the line end that a file has.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        let text = text.trim();
        if !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(InvalidToken::BadCharacter);
        }
        if text.len() < SHORTEST_TOKEN {
            return Err(InvalidToken::TooShort(text.len()));
        }
        Ok(Self(text.into()))
    }

    /// True if `offered` is the token; takes as long for a near miss as for a far one.
    #[must_use]
    pub fn admits(&self, offered: &[u8]) -> bool {
        use subtle::ConstantTimeEq;
        self.0.as_bytes().ct_eq(offered).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A namespace: `[a-z0-9-]{1,20}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(Arc<str>);

/// A text that is no namespace.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no namespace: use 1 to 20 of a-z, 0-9 and -, beginning with a letter or a digit")]
pub struct InvalidNamespace(String);

impl Namespace {
    /// The namespace as text.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Namespace {
    type Err = InvalidNamespace;

    fn from_str(text: &str) -> Result<Self, InvalidNamespace> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        // Docker wants a container's name to begin with a letter or a digit.
        if text.is_empty() || text.len() > 20 || text.starts_with('-') || !text.chars().all(allowed)
        {
            return Err(InvalidNamespace(text.to_owned()));
        }
        Ok(Self(text.into()))
    }
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A host and a port.
    Tcp(String),
    /// A socket in the file system, which only its owner can open.
    Unix(PathBuf),
}

/// An address on which the server will not listen.
#[derive(Debug, Error)]
pub enum ListenError {
    /// No host and port, and no path.
    #[error("`{0}` is no address: write HOST:PORT, such as 127.0.0.1:3000, or unix:/PATH")]
    Malformed(String),
    /// Anyone who reaches the address could start containers, which is root on the host.
    #[error(
        "{0} can be reached from other machines, and whoever starts containers is root on this one: \
         give a secret with `--token-file FILE`, or say `--insecure` if something else keeps others out"
    )]
    Open(SocketAddr),
    /// The system refused.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
}

impl std::str::FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        match text.strip_prefix("unix:") {
            Some("") => Err(ListenError::Malformed(text.to_owned())),
            Some(path) => Ok(Self::Unix(path.strip_prefix("//").unwrap_or(path).into())),
            None => match text.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    Ok(Self::Tcp(text.to_owned()))
                }
                _ => Err(ListenError::Malformed(text.to_owned())),
            },
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A socket that is open, and safe to be open.
#[derive(Debug)]
pub enum Listener {
    /// On a host and a port.
    Tcp(std::net::TcpListener),
    /// In the file system; the path is removed in the end.
    Unix(std::os::unix::net::UnixListener, PathBuf),
}

impl Listener {
    /// Opens the socket, unless that would open the engine to strangers.
    ///
    /// # Errors
    /// [`ListenError::Open`] for an address that is not loopback without a token or `insecure`.
    pub fn bind(listen: &Listen, access: &Access) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Bind { address: listen.to_string(), source };
        match listen {
            Listen::Tcp(address) => {
                let listener = std::net::TcpListener::bind(address).map_err(failed)?;
                let local = listener.local_addr().map_err(failed)?;
                if !local.ip().is_loopback() && access.token.is_none() && !access.insecure {
                    return Err(ListenError::Open(local));
                }
                Ok(Self::Tcp(listener))
            }
            Listen::Unix(path) => {
                let listener = crate::socket_file::bind(path).map_err(failed)?;
                Ok(Self::Unix(listener, path.clone()))
            }
        }
    }

    /// The path of a socket file.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(_, path) => Some(path.clone()),
        }
    }

    /// The address as a client would write it.
    pub fn url(&self, access: &Access) -> Result<String, std::io::Error> {
        match self {
            Self::Tcp(listener) => {
                let scheme = if access.tls.is_some() { "https" } else { "http" };
                Ok(format!("{scheme}://{}", listener.local_addr()?))
            }
            Self::Unix(_, path) => Ok(format!("unix:{}", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_open_to_others_is_refused_with_both_ways_out() {
        let open = Listen::Tcp("0.0.0.0:0".to_owned());

        let refusal = Listener::bind(&open, &Access::default()).unwrap_err().to_string();
        let with_token =
            Access { token: Some(Token::parse(&"x".repeat(16)).unwrap()), ..Access::default() };
        let insecure = Access { insecure: true, ..Access::default() };

        assert!(refusal.contains("--token-file") && refusal.contains("--insecure"), "{refusal}");
        assert!(Listener::bind(&open, &with_token).is_ok());
        assert!(Listener::bind(&open, &insecure).is_ok());
    }

    #[test]
    fn a_store_is_memory_or_a_path() {
        let read = |text: &str| text.parse::<StoreChoice>().map(|store| store.to_string());

        assert_eq!(read("memory").as_deref(), Ok("memory"));
        for text in ["sqlite:docket.db", "sqlite:/var/lib/docket/a:b.db"] {
            assert_eq!(read(text).as_deref(), Ok(text));
        }
        assert_eq!(read("sqlite:///var/docket.db").as_deref(), Ok("sqlite:/var/docket.db"));
        for text in ["", "sqlite", "sqlite:", "sqlite://", "Memory", "memory:", "/var/docket.db"] {
            assert!(read(text).unwrap_err().to_string().contains("`memory`, or `sqlite:`"));
        }
    }

    #[test]
    fn a_token_is_never_shown_and_admits_only_itself() {
        let token = Token::parse("0123456789abcdef\n").unwrap();
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert!(token.admits(b"0123456789abcdef"));
        assert!(!token.admits(b"0123456789abcdeF"));
        assert!(!token.admits(b""));
    }

    #[test]
    fn a_socket_file_can_be_bound_again_after_a_crash_but_not_taken_from_a_living_server() {
        let directory = tempfile::tempdir().unwrap();
        let listen = Listen::Unix(directory.path().join("docket.sock"));
        let access = Access::default();

        let first = Listener::bind(&listen, &access).unwrap();
        let while_in_use = Listener::bind(&listen, &access);
        drop(first);
        let after_a_crash = Listener::bind(&listen, &access);

        assert!(while_in_use.is_err());
        assert!(after_a_crash.is_ok());
    }
}
