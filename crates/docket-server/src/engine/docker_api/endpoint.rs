//! Which Docker engine is meant, by the rules of Docker's own client. Nothing connects here.

use std::{
    fmt,
    net::Ipv6Addr,
    path::{Path, PathBuf},
};

use docket_model::container::Platform;
use http::uri::Authority;

use super::{
    context,
    endpoint_error::{ConnectError, Origin},
};

/// Where Docker's client looks when nothing else is said.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
/// Where Docker's client looks when only TLS is asked for.
const DEFAULT_TLS_HOST: &str = "tcp://localhost:2376";
/// The port of a `tcp://` address that names none, with TLS and without, as in Docker's client.
const DEFAULT_PORT: u16 = 2375;
/// The host of a `tcp://` address that names none.
const DEFAULT_HOST: &str = "localhost";

/// An engine to connect to, and what chose it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub(in crate::engine) address: Address,
    pub(in crate::engine) origin: Origin,
}

/// How the engine is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Address {
    /// A socket of this machine.
    Unix(PathBuf),
    /// TCP without TLS.
    Plain(String),
    /// TCP with TLS.
    Tls {
        /// Host and port.
        authority: String,
        /// The folder with `ca.pem`, `cert.pem` and `key.pem`.
        certificates: PathBuf,
    },
    /// `docker system dial-stdio` at the far end of an SSH connection.
    Ssh {
        /// User, host and port.
        destination: String,
        /// The engine's socket there; none where Docker's client there decides.
        socket: Option<String>,
    },
}

/// How the variables ask for TLS.
enum Tls {
    No,
    /// With certificates of this folder.
    Checked(PathBuf),
    /// Without a look at the engine's certificate.
    Unchecked,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.url(), self.origin)
    }
}

impl Endpoint {
    /// Where the engine is.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.address {
            Address::Unix(path) => format!("unix://{}", path.display()),
            Address::Plain(authority) => format!("tcp://{authority}"),
            Address::Tls { authority, .. } => format!("https://{authority}"),
            Address::Ssh { destination, socket } => {
                format!("ssh://{destination}{}", socket.as_deref().unwrap_or_default())
            }
        }
    }

    /// Reads the URL of the engine of this name; over TCP it is reached by TLS where there are
    /// certificates.
    ///
    /// # Errors
    /// [`ConnectError::BadAddress`] names the engine, and which forms a URL has.
    pub fn of_engine(
        name: &str,
        url: &str,
        certificates: Option<PathBuf>,
    ) -> Result<Self, ConnectError> {
        let origin = Origin::Engine(name.to_owned());
        if url.starts_with("https://") && certificates.is_none() {
            return Err(ConnectError::NoCertificates(name.to_owned()));
        }
        read(url, origin, certificates, None)
    }

    /// True where the engine is reached by a socket of this machine.
    pub(in crate::engine) fn is_local(&self) -> bool {
        matches!(self.address, Address::Unix(_))
    }

    /// True where a connection takes a process of its own.
    pub(in crate::engine) fn is_by_process(&self) -> bool {
        matches!(self.address, Address::Ssh { .. })
    }

    /// True where the engine is reached by TCP, with TLS or without.
    pub(crate) fn is_over_tcp(&self) -> bool {
        matches!(self.address, Address::Plain(_) | Address::Tls { .. })
    }

    /// Chooses the engine as Docker's client does: variable, context, default.
    ///
    /// `variable` looks up the environment; `config` is Docker's configuration folder.
    ///
    /// # Errors
    /// [`ConnectError`] names the variable or the file that is wrong, and the mend.
    pub fn choose(
        variable: &dyn Fn(&str) -> Option<String>,
        config: Option<&Path>,
    ) -> Result<Self, ConnectError> {
        // Docker's client takes an empty variable for one that is not set.
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let tls = || match (set("DOCKER_TLS_VERIFY"), set("DOCKER_TLS")) {
            // Any value counts, also `0`, as in Docker's client.
            (Some(_), _) => Tls::Checked(certificate_folder(&set, config)),
            (None, Some(_)) => Tls::Unchecked,
            (None, None) => Tls::No,
        };
        // It has precedence over `DOCKER_CONTEXT`, as in Docker's client.
        if let Some(host) = set("DOCKER_HOST") {
            return by_variable(&host, Origin::Variable, tls(), config);
        }
        let by_default = || match tls() {
            Tls::No => Ok(Self::default()),
            tls => by_variable(DEFAULT_TLS_HOST, Origin::Default, tls, config),
        };
        let Some(config) = config else {
            return by_default();
        };
        match context::chosen(set("DOCKER_CONTEXT"), config)? {
            None => by_default(),
            // A context need not have an endpoint of Docker.
            Some(context) if context.host.is_empty() => by_default(),
            Some(context) => {
                let origin = Origin::Context(context.name.clone());
                let endpoint = read(&context.host, origin, context.certificates, Some(config))?;
                if endpoint.is_over_tcp() && context.skips_verification {
                    return Err(ConnectError::UncheckedTls(context.name));
                }
                Ok(endpoint)
            }
        }
    }
}

impl Default for Endpoint {
    fn default() -> Self {
        Self { address: Address::Unix(DEFAULT_SOCKET.into()), origin: Origin::Default }
    }
}

/// Docker's configuration folder: `DOCKER_CONFIG`, or `.docker` in the home directory.
///
/// Without `HOME`, as in a system service, the home directory is that of the user database.
#[must_use]
pub fn config_folder() -> Option<PathBuf> {
    let set = std::env::var_os("DOCKER_CONFIG").filter(|value| !value.is_empty());
    let home = || std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
    set.map(PathBuf::from).or_else(|| home().map(|home| home.join(".docker")))
}

/// What images are for where a container does not say: `DOCKER_DEFAULT_PLATFORM`.
///
/// # Errors
/// [`ConnectError::BadPlatform`] where it is not a platform.
pub fn default_platform(
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, ConnectError> {
    let platform = variable("DOCKER_DEFAULT_PLATFORM").filter(|platform| !platform.is_empty());
    if let Some(platform) = &platform {
        Platform::parse(platform)?;
    }
    Ok(platform)
}

/// Reads the address that variables name.
fn by_variable(
    host: &str,
    origin: Origin,
    tls: Tls,
    config: Option<&Path>,
) -> Result<Endpoint, ConnectError> {
    let (certificates, is_unchecked) = match tls {
        Tls::No => (None, false),
        Tls::Checked(certificates) => (Some(certificates), false),
        Tls::Unchecked => (None, true),
    };
    let endpoint = read(host, origin, certificates, config)?;
    if is_unchecked && endpoint.is_over_tcp() {
        return Err(ConnectError::UncheckedTlsVariable);
    }
    Ok(endpoint)
}

/// The folder that certificates are in: `DOCKER_CERT_PATH`, or Docker's configuration folder.
fn certificate_folder(set: &dyn Fn(&str) -> Option<String>, config: Option<&Path>) -> PathBuf {
    set("DOCKER_CERT_PATH")
        .map(PathBuf::from)
        .or_else(|| config.map(Path::to_owned))
        .unwrap_or_default()
}

/// Reads an address; over TCP it is reached by TLS where there are certificates.
fn read(
    host: &str,
    origin: Origin,
    certificates: Option<PathBuf>,
    config: Option<&Path>,
) -> Result<Endpoint, ConnectError> {
    let bad = || ConnectError::BadAddress { origin: origin.clone(), address: host.to_owned() };
    let host = host.trim();
    let (scheme, rest) = host.split_once("://").unwrap_or(("tcp", host));
    let rest = if scheme == "unix" { rest } else { rest.strip_suffix('/').unwrap_or(rest) };
    let authority = || authority(rest, None).ok_or_else(bad);
    let over_tcp = || tcp_authority(rest).ok_or_else(bad);
    let address = match (scheme, certificates) {
        // As in Docker's client.
        ("unix", _) if rest.is_empty() => Address::Unix(DEFAULT_SOCKET.into()),
        ("unix", _) => Address::Unix(rest.into()),
        ("ssh", _) => over_ssh(rest).ok_or_else(bad)?,
        ("tcp", None) => Address::Plain(over_tcp()?),
        ("tcp", Some(certificates)) => Address::Tls { authority: over_tcp()?, certificates },
        ("http", None) => Address::Plain(authority()?),
        ("https", None) => Address::Tls {
            authority: authority()?,
            certificates: certificate_folder(&|_| None, config),
        },
        ("http" | "https", Some(certificates)) => {
            Address::Tls { authority: authority()?, certificates }
        }
        _ => return Err(bad()),
    };
    Ok(Endpoint { address, origin })
}

/// Host and port, and nothing behind them; `default_port` where none is written.
fn authority(text: &str, default_port: Option<u16>) -> Option<String> {
    let authority: Authority = text.parse().ok()?;
    let address = text.rsplit_once('@').map_or(text, |(_, address)| address);
    let port = address.strip_prefix(authority.host()).filter(|_| !authority.host().is_empty())?;
    match (port, default_port) {
        ("", Some(port)) => Some(format!("{text}:{port}")),
        ("", None) => Some(text.to_owned()),
        (port, _) => port.strip_prefix(':')?.parse::<u16>().ok().map(|_| text.to_owned()),
    }
}

/// Host and port; what is not written is what Docker's client takes. A user name is ignored.
fn tcp_authority(text: &str) -> Option<String> {
    let text = text.rsplit_once('@').map_or(text, |(_, address)| address);
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some(format!("[{text}]:{DEFAULT_PORT}"));
    }
    let host = if text.is_empty() || text.starts_with(':') { DEFAULT_HOST } else { "" };
    authority(&format!("{host}{text}"), Some(DEFAULT_PORT))
}

/// User, host and port, and behind them the path of a socket.
fn over_ssh(text: &str) -> Option<Address> {
    let (destination, path) = match text.find('/') {
        Some(slash) => text.split_at_checked(slash)?,
        None => (text, ""),
    };
    let destination = authority(destination, None)?;
    let user = destination.rsplit_once('@').map_or("", |(user, _)| user);
    // Neither a password, which ssh does not take, nor a query or a fragment.
    if user.contains(':') || path.contains(['?', '#']) {
        return None;
    }
    let socket = (!path.trim_matches('/').is_empty()).then(|| path.to_owned());
    Some(Address::Ssh { destination, socket })
}

#[cfg(test)]
mod tests;
