//! Explains why the system rejected an address to listen on, and how to fix it.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use super::Listen;

/// Ports below it are reserved for privileged programs.
const FIRST_OPEN_PORT: u16 = 1024;

impl Listen {
    /// What is wrong and how to fix it, where that is known.
    pub(super) fn advice(&self, error: &io::Error) -> Option<String> {
        match self {
            Self::Tcp(address) => of_address(address, error),
            Self::Unix(path) => of_socket(path, error),
        }
    }
}

fn of_address(address: &str, error: &io::Error) -> Option<String> {
    let (host, port) = address.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    Some(match error.kind() {
        ErrorKind::AddrInUse => format!(
            "port {port} is in use by another program, which may be another docket server: stop \
             that program (`ss -ltnp 'sport = :{port}'` shows it), or choose another port with \
             `--listen {host}:PORT`"
        ),
        ErrorKind::PermissionDenied if port < FIRST_OPEN_PORT => format!(
            "ports below {FIRST_OPEN_PORT} need root or the capability CAP_NET_BIND_SERVICE: choose \
             a higher port with `--listen`, such as `--listen {host}:3000`, or grant the capability"
        ),
        ErrorKind::AddrNotAvailable => format!(
            "this machine does not have the address {host}: `ip address` shows those it has; \
             `--listen 127.0.0.1:{port}` serves this machine only"
        ),
        // The system gives no more detail for a name that it cannot resolve.
        _ if error.raw_os_error().is_none() => format!(
            "`{host}` cannot be resolved ({error}): write an IP address of this machine, such as \
             `--listen 127.0.0.1:{port}`"
        ),
        _ => return None,
    })
}

fn of_socket(path: &Path, error: &io::Error) -> Option<String> {
    let shown = path.display();
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or_else(|| Path::new(".")).display();
    Some(match error.kind() {
        ErrorKind::AddrInUse => "a running server uses this socket: stop that server, or choose \
             another socket with `--listen unix:PATH`"
            .to_owned(),
        ErrorKind::AlreadyExists => format!(
            "{shown} exists and is not a socket: remove it, or choose another path with `--listen \
             unix:PATH`"
        ),
        ErrorKind::NotFound => format!(
            "the directory {directory} does not exist: create it, or choose another path with \
             `--listen unix:PATH`"
        ),
        ErrorKind::PermissionDenied => format!(
            "this user may not create files in {directory}: choose a directory that it may write \
             to, with `--listen unix:PATH`, or change the directory's permissions"
        ),
        ErrorKind::InvalidInput => {
            // The system allows 107 bytes, and the temporary name of the socket needs some of them.
            "the path is too long for a socket: use a path of at most 80 bytes".to_owned()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "Permission denied" as Linux counts its errors.
    const EACCES: i32 = 13;

    /// What is said of an error that root does not get to see.
    fn denied(listen: &str) -> Option<String> {
        let listen: Listen = listen.parse().unwrap();
        listen.advice(&io::Error::from_raw_os_error(EACCES))
    }

    #[test]
    fn what_root_alone_may_do_has_a_way_out_for_other_users() {
        let port = denied("127.0.0.1:80").unwrap();
        assert!(port.contains("CAP_NET_BIND_SERVICE"), "{port}");
        assert!(port.contains("`--listen 127.0.0.1:3000`"), "{port}");

        let socket = denied("unix:/run/docket.sock").unwrap();
        assert!(socket.contains("may not create files in /run:"), "{socket}");

        assert_eq!(denied("127.0.0.1:3000"), None);
    }
}
