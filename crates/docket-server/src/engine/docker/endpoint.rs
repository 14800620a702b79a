//! Which Docker engine is meant, by the rules of Docker's own client. Nothing connects here.

use std::{
    fmt,
    net::Ipv6Addr,
    path::{Path, PathBuf},
};

use docket_model::container::Platform;
use http::uri::Authority;

use super::{connect_error::ConnectError, context};

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
            Address::Ssh { destination, socket } => {
                write!(f, "ssh://{destination}{}", socket.as_deref().unwrap_or_default())
            }
        }?;
        write!(f, " ({})", self.origin)
    }
}

impl Endpoint {
    /// True where the engine is reached by a socket of this machine.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.address, Address::Unix(_))
    }

    fn is_over_tcp(&self) -> bool {
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
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let tls = || match (set("DOCKER_TLS_VERIFY"), set("DOCKER_TLS")) {
            (Some(_), _) => Tls::Checked(certificate_folder(&set, config)),
            (None, Some(_)) => Tls::Unchecked,
            (None, None) => Tls::No,
        };
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
        let host = |host| [("DOCKER_HOST", host)];
        for (address, expected) in [
            ("127.0.0.1:9", "tcp://127.0.0.1:9"),
            ("h:2375", "tcp://h:2375"),
            ("h", "tcp://h:2375"),
            (":9", "tcp://localhost:9"),
            ("tcp://:9", "tcp://localhost:9"),
            ("tcp://", "tcp://localhost:2375"),
            ("tcp://127.0.0.1", "tcp://127.0.0.1:2375"),
            ("tcp://me@127.0.0.1:9", "tcp://127.0.0.1:9"),
            (" tcp://127.0.0.1:9 ", "tcp://127.0.0.1:9"),
            ("[::1]:9", "tcp://[::1]:9"),
            ("tcp://[::1]", "tcp://[::1]:2375"),
            ("::1", "tcp://[::1]:2375"),
            ("unix://", "unix:///var/run/docker.sock"),
            ("unix://x.sock", "unix://x.sock"),
            ("ssh://h", "ssh://h"),
            ("ssh://h/", "ssh://h"),
            ("ssh://me@h:22/run/x y.sock", "ssh://me@h:22/run/x y.sock"),
            ("ssh://[::1]:22//x.sock", "ssh://[::1]:22//x.sock"),
        ] {
            let expected = format!("{expected} (`DOCKER_HOST`)");
            assert_eq!(chosen(&host(address), None), expected, "{address}");
        }
        let cases: [(&[(&str, &str)], &str); 15] = [
            (&[], "unix:///var/run/docker.sock (the default)"),
            (&[tls], "https://localhost:2376 (the default) with /config"),
            (&[("DOCKER_TLS", "")], "unix:///var/run/docker.sock (the default)"),
            (
                &[("DOCKER_HOST", "unix:///x.sock"), ("DOCKER_TLS", "1")],
                "unix:///x.sock (`DOCKER_HOST`)",
            ),
            (&[("DOCKER_HOST", "")], "unix:///var/run/docker.sock (the default)"),
            (&[("DOCKER_HOST", "unix:///x y.sock")], "unix:///x y.sock (`DOCKER_HOST`)"),
            (&[("DOCKER_HOST", "tcp://h")], "tcp://h:2375 (`DOCKER_HOST`)"),
            (&[("DOCKER_HOST", "tcp://[::1]:1/")], "tcp://[::1]:1 (`DOCKER_HOST`)"),
            (&[("DOCKER_HOST", "http://h:80")], "tcp://h:80 (`DOCKER_HOST`)"),
            (
                &[("DOCKER_HOST", "tcp://h"), ("DOCKER_TLS_VERIFY", "")],
                "tcp://h:2375 (`DOCKER_HOST`)",
            ),
            (&[("DOCKER_HOST", "tcp://h"), tls], "https://h:2375 (`DOCKER_HOST`) with /config"),
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
        for address in [
            "/var/run/docker.sock",
            "unix:/x.sock",
            "tcp://h/path",
            "tcp://h:99999",
            "h:port",
            "npipe:////./pipe/x",
            "ftp://h",
            "ssh://",
            "ssh://me:password@h",
            "ssh://h?x",
        ] {
            let refusal = format!(
                "`DOCKER_HOST` names the engine `{address}`: write unix:///PATH, [tcp://]HOST:PORT, \
                 https://HOST:PORT or ssh://USER@HOST[:PORT][/SOCKET]"
            );
            assert_eq!(chosen(&host(address), None), refusal);
        }
        for variables in
            [&[("DOCKER_TLS", "1")][..], &[("DOCKER_TLS", "1"), ("DOCKER_HOST", "h:1")]]
        {
            let refusal = chosen(variables, None);
            assert!(refusal.contains("set `DOCKER_TLS_VERIFY=1`"), "{refusal}");
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

    #[test]
    fn the_default_platform_is_checked() {
        let platform = |value: &str| default_platform(&|_| Some(value.to_owned()));

        assert_eq!(platform("").unwrap(), None);
        assert_eq!(platform("linux/arm64").unwrap().as_deref(), Some("linux/arm64"));
        let refusal = platform("linux arm64").unwrap_err().to_string();
        assert!(
            refusal.starts_with("`DOCKER_DEFAULT_PLATFORM`: `linux arm64` is not"),
            "{refusal}"
        );
    }
}
