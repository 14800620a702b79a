//! Why there is no client of an engine: which variable or file is wrong, and the mend.

use std::{fmt, io, path::PathBuf};

use docket_model::container::InvalidPlatform;
use thiserror::Error;

/// What named the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The variable `DOCKER_HOST`.
    Variable,
    /// The Docker context of this name.
    Context(String),
    /// The options of the engine of this name.
    Engine(String),
    /// Nothing: it is where Docker's client looks by itself.
    Default,
}

impl Origin {
    /// What names the folder with certificates.
    fn certificates(&self) -> &'static str {
        match self {
            Self::Engine(_) => "`tls` in the file of --engines",
            Self::Variable | Self::Context(_) | Self::Default => "`DOCKER_CERT_PATH`",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable => f.write_str("`DOCKER_HOST`"),
            Self::Context(name) => write!(f, "the Docker context `{name}`"),
            Self::Engine(name) => write!(f, "the configuration of `{name}`"),
            Self::Default => f.write_str("the default"),
        }
    }
}

/// Why no engine could be chosen, or why its client could not be made.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The address is none that docket can use.
    #[error(
        "{origin} names the engine `{address}`: write unix:///PATH, [tcp://]HOST:PORT, \
         https://HOST:PORT or ssh://USER@HOST[:PORT][/SOCKET]"
    )]
    BadAddress {
        /// What named it.
        origin: Origin,
        /// As it was written.
        address: String,
    },
    /// The chosen context does not exist.
    #[error(
        "there is no Docker context `{name}`, which {chosen_by} asks for (no `{}`): \
         create it with `docker context create`, or set `DOCKER_HOST`",
        .file.display()
    )]
    NoSuchContext {
        /// The context's name.
        name: String,
        /// The variable or file that asks for it.
        chosen_by: String,
        /// Where it would be.
        file: PathBuf,
    },
    /// The context asks for TLS without looking at certificates.
    #[error(
        "the Docker context `{0}` skips the check of the engine's certificate, which docket does not: \
         give the context a certificate authority (`docker context update --docker ca=FILE`)"
    )]
    UncheckedTls(String),
    /// The variables ask for TLS without looking at certificates.
    #[error(
        "`DOCKER_TLS` asks for TLS without a check of the engine's certificate, which docket does \
         not do: set `DOCKER_TLS_VERIFY=1`, and `DOCKER_CERT_PATH` to the folder with ca.pem"
    )]
    UncheckedTlsVariable,
    /// A file that decides about the engine cannot be read.
    #[error("cannot read `{}`, which says how to reach the engine: mend it, or set `DOCKER_HOST`", .file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A certificate or key for TLS is missing or no good.
    #[error(
        "cannot use `{}`, which TLS to the engine of {origin} needs: {reason}; \
         {} names the folder with ca.pem, and with cert.pem and key.pem if the engine checks its \
         clients",
        .file.display(),
        .origin.certificates()
    )]
    BadCertificate {
        /// Which file.
        file: PathBuf,
        /// What named the engine.
        origin: Origin,
        /// What is wrong with it.
        reason: String,
    },
    /// An engine is reached by TLS, and nothing names its certificates.
    #[error(
        "the engine `{0}` has a URL with https://, and TLS needs certificates: configure it in the file \
         of --engines, with the folder of ca.pem, cert.pem and key.pem as `tls`"
    )]
    NoCertificates(String),
    /// The default platform of images is not a platform.
    #[error("`DOCKER_DEFAULT_PLATFORM`: {0}")]
    BadPlatform(#[from] InvalidPlatform),
    /// The client library refused the endpoint.
    #[error("cannot make a client for the engine at {endpoint}")]
    Client {
        /// Where, and what named it.
        endpoint: String,
        /// In the library's words.
        source: Box<bollard::errors::Error>,
    },
}
