//! The address that the server listens on.

mod bind_error_advice;
mod socket_file;

use std::{fmt, io, net::SocketAddr, path::PathBuf};

use thiserror::Error;

use super::Access;

/// The address that a server listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A host and a port.
    Tcp(String),
    /// A Unix socket, which only its owner can open.
    Unix(PathBuf),
}

/// An address that the server cannot or must not listen on.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Neither a host and port nor a path.
    #[error("`{0}` is not a valid address: write HOST:PORT, such as 127.0.0.1:3000, or unix:/PATH")]
    Malformed(String),
    /// Anyone who reaches the address could start containers, which is root on the host.
    #[error(
        "{0} can be reached from other machines, and starting containers gives root access to this one: \
         give a secret with `--token-file FILE`, or say `--insecure` if something else keeps others out"
    )]
    Open(SocketAddr),
    /// The system rejected the address.
    #[error("cannot listen on {address}: {advice}")]
    Refused {
        /// The address.
        address: String,
        /// What is wrong and how to fix it.
        advice: String,
    },
    /// The system rejected the address for another reason.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: String,
        /// Why.
        source: io::Error,
    },
}

impl ListenError {
    fn new(listen: &Listen, source: io::Error) -> Self {
        let address = listen.to_string();
        match listen.advice(&source) {
            Some(advice) => Self::Refused { address, advice },
            None => Self::Bind { address, source },
        }
    }
}

impl std::str::FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        match text.strip_prefix("unix:") {
            Some("") => Err(ListenError::Malformed(text.to_owned())),
            // `unix:///PATH` is the form of `DOCKER_HOST`.
            Some(path) => Ok(Self::Unix(path.strip_prefix("//").unwrap_or(path).into())),
            // The last colon, because an IPv6 address has more of them.
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

/// A listening socket.
#[derive(Debug)]
pub enum Listener {
    /// On a host and a port.
    Tcp(std::net::TcpListener),
    /// A Unix socket; its path is removed at the end.
    Unix(std::os::unix::net::UnixListener, PathBuf),
}

impl Listener {
    /// Opens the socket, unless that would let other machines use the engine without a token.
    ///
    /// # Errors
    /// [`ListenError::Open`] for an address that is not loopback without a token or `insecure`.
    pub fn bind(listen: &Listen, access: &Access) -> Result<Self, ListenError> {
        let failed = |source| ListenError::new(listen, source);
        match listen {
            Listen::Tcp(address) => {
                // Bound before the check: only then is it known which address a name means. No
                // request is accepted before the server starts.
                let listener = std::net::TcpListener::bind(address).map_err(failed)?;
                let local = listener.local_addr().map_err(failed)?;
                if !local.ip().is_loopback() && access.token.is_none() && !access.insecure {
                    return Err(ListenError::Open(local));
                }
                Ok(Self::Tcp(listener))
            }
            Listen::Unix(path) => {
                let listener = socket_file::bind(path).map_err(failed)?;
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
    pub fn url(&self, access: &Access) -> Result<String, io::Error> {
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
    use crate::config::Token;

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
