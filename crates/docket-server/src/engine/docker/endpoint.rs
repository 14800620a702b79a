//! Which Docker engine is meant, by the rules of Docker's own client. Nothing connects here.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use http::uri::Authority;

use super::{connect_error::ConnectError, context};

/// Where Docker's client looks when nothing else is said.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
/// What an engine listens on without TLS, where `tcp://` names no port.
const PLAIN_PORT: u16 = 2375;
/// What an engine listens on with TLS, where `tcp://` names no port.
const TLS_PORT: u16 = 2376;

/// An engine to connect to, and what chose it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub(super) address: Address,
    pub(super) origin: Origin,
}

/// How the engine is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
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
    Ssh(String),
}

/// What named the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The variable `DOCKER_HOST`.
    Variable,
    /// The Docker context of this name.
    Context(String),
    /// Nothing: it is where Docker's client looks by itself.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable => f.write_str("`DOCKER_HOST`"),
            Self::Context(name) => write!(f, "the Docker context `{name}`"),
            Self::Default => f.write_str("the default"),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
            Address::Plain(authority) => write!(f, "tcp://{authority}"),
            Address::Tls { authority, .. } => write!(f, "https://{authority}"),
            Address::Ssh(destination) => write!(f, "ssh://{destination}"),
        }?;
        write!(f, " ({})", self.origin)
    }
}

impl Endpoint {
    /// True where the engine is reached by a socket of this machine.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.address, Address::Unix(_))
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
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        if let Some(host) = set("DOCKER_HOST") {
            let certificates = set("DOCKER_TLS_VERIFY").map(|_| certificate_folder(&set, config));
            return read(&host, Origin::Variable, certificates, config);
        }
        let Some(config) = config else {
            return Ok(Self::default());
        };
        match context::chosen(set("DOCKER_CONTEXT"), config)? {
            None => Ok(Self::default()),
            Some(context) if context.host.is_empty() => Ok(Self::default()),
            Some(context) => {
                let origin = Origin::Context(context.name.clone());
                let endpoint = read(&context.host, origin, context.certificates, Some(config))?;
                let over_tcp = matches!(endpoint.address, Address::Plain(_) | Address::Tls { .. });
                if over_tcp && context.skips_verification {
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
#[must_use]
pub fn config_folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| Path::new(&home).join(".docker")))
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
    let (scheme, rest) = host.split_once("://").ok_or_else(bad)?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let authority = |port: Option<u16>| authority(rest, port).ok_or_else(bad);
    let address = match (scheme, certificates) {
        ("unix", _) if rest.is_empty() => Address::Unix(DEFAULT_SOCKET.into()),
        ("unix", _) => Address::Unix(rest.into()),
        ("ssh", _) => Address::Ssh(authority(None)?),
        ("tcp", None) => Address::Plain(authority(Some(PLAIN_PORT))?),
        ("http", None) => Address::Plain(authority(None)?),
        ("https", None) => Address::Tls {
            authority: authority(None)?,
            certificates: certificate_folder(&|_| None, config),
        },
        ("tcp" | "http" | "https", Some(certificates)) => Address::Tls {
            authority: authority((scheme == "tcp").then_some(TLS_PORT))?,
            certificates,
        },
        _ => return Err(bad()),
    };
    Ok(Endpoint { address, origin })
}

/// Host and port, and nothing behind them; `port` where none is written.
fn authority(text: &str, port: Option<u16>) -> Option<String> {
    let authority: Authority = text.parse().ok()?;
    let whole = !authority.host().is_empty() && authority.as_str() == text;
    match port {
        _ if !whole => None,
        Some(port) if authority.port().is_none() => Some(format!("{text}:{port}")),
        _ => Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, fs};

    use super::*;

    /// The endpoint in words, or the error.
    fn chosen(variables: &[(&str, &str)], config: Option<&Path>) -> String {
        let variables: HashMap<&str, &str> = variables.iter().copied().collect();
        let lookup = |name: &str| variables.get(name).map(|value| (*value).to_owned());
        match Endpoint::choose(&lookup, config) {
            Ok(endpoint) => match &endpoint.address {
                Address::Tls { certificates, .. } => {
                    format!("{endpoint} with {}", certificates.display())
                }
                _ => endpoint.to_string(),
            },
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn variables_choose_the_engine_as_they_do_for_dockers_client() {
        let tls = ("DOCKER_TLS_VERIFY", "1");
        let cases: [(&[(&str, &str)], &str); 12] = [
            (&[], "unix:///var/run/docker.sock (the default)"),
            (&[("DOCKER_HOST", "")], "unix:///var/run/docker.sock (the default)"),
            (&[("DOCKER_HOST", "unix:///x y.sock")], "unix:///x y.sock (`DOCKER_HOST`)"),
            (&[("DOCKER_HOST", "tcp://h")], "tcp://h:2375 (`DOCKER_HOST`)"),
            (&[("DOCKER_HOST", "tcp://[::1]:1/")], "tcp://[::1]:1 (`DOCKER_HOST`)"),
            (&[("DOCKER_HOST", "http://h:80")], "tcp://h:80 (`DOCKER_HOST`)"),
            (
                &[("DOCKER_HOST", "tcp://h"), ("DOCKER_TLS_VERIFY", "")],
                "tcp://h:2375 (`DOCKER_HOST`)",
            ),
            (&[("DOCKER_HOST", "tcp://h"), tls], "https://h:2376 (`DOCKER_HOST`) with /config"),
            (
                &[("DOCKER_HOST", "tcp://h:1"), tls, ("DOCKER_CERT_PATH", "/certs")],
                "https://h:1 (`DOCKER_HOST`) with /certs",
            ),
            (&[("DOCKER_HOST", "https://h:1")], "https://h:1 (`DOCKER_HOST`) with /config"),
            (&[("DOCKER_HOST", "ssh://me@h:22"), tls], "ssh://me@h:22 (`DOCKER_HOST`)"),
            (
                &[("DOCKER_HOST", "unix:///x.sock"), ("DOCKER_CONTEXT", "other")],
                "unix:///x.sock (`DOCKER_HOST`)",
            ),
        ];
        for (variables, expected) in cases {
            assert_eq!(chosen(variables, Some(Path::new("/config"))), expected);
        }
        for address in ["h:2375", "tcp://", "tcp://h/path", "npipe:////./pipe/x", "ftp://h"] {
            let refusal = format!(
                "`DOCKER_HOST` names the engine `{address}`: write unix:///PATH, tcp://HOST:PORT, \
                 https://HOST:PORT or ssh://USER@HOST"
            );
            assert_eq!(chosen(&[("DOCKER_HOST", address)], None), refusal);
        }
    }

    #[test]
    fn a_docker_context_chooses_the_engine_where_no_variable_does() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path();
        fs::write(config.join("config.json"), r#"{"currentContext":"far"}"#).unwrap();
        let far = context::write(config, "far", r#"{"Host":"ssh://me@far"}"#);
        context::write(config, "tls", r#"{"Host":"tcp://near:2376"}"#);
        context::write(config, "loose", r#"{"Host":"tcp://near","SkipTLSVerify":true}"#);
        let material = config.join("contexts/tls").join(context::folder_name("tls")).join("docker");
        fs::create_dir_all(&material).unwrap();
        fs::write(material.join("ca.pem"), "").unwrap();
        let of = |name| chosen(&[("DOCKER_CONTEXT", name)], Some(config));

        assert_eq!(chosen(&[], Some(config)), "ssh://me@far (the Docker context `far`)");
        assert_eq!(of("default"), "unix:///var/run/docker.sock (the default)");
        assert_eq!(
            of("tls"),
            format!("https://near:2376 (the Docker context `tls`) with {}", material.display())
        );
        assert!(of("loose").starts_with("the Docker context `loose` skips the check"));
        assert!(
            of("gone").starts_with("there is no Docker context `gone`, which `DOCKER_CONTEXT`")
        );

        fs::remove_file(&far).unwrap();
        assert!(chosen(&[], Some(config)).contains("config.json` asks for (no `"));
        fs::write(config.join("config.json"), "{").unwrap();
        assert!(chosen(&[], Some(config)).starts_with("cannot read `"));
        assert_eq!(
            chosen(&[("DOCKER_HOST", "unix:///x.sock")], Some(config)),
            "unix:///x.sock (`DOCKER_HOST`)"
        );
    }
}
