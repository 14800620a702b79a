//! Addresses on which a server cannot listen: what is wrong, and what to do.

use std::{fs, net::TcpListener, os::unix::net::UnixListener};

use tempfile::tempdir;

use crate::{docket, transcript};

/// What a server says that cannot listen on this address, without the address.
fn refused(address: &str) -> String {
    let mut server = docket(["server", "--listen", address]);
    let text = transcript(server.env("DOCKET_LOG", "error"));
    let start = format!("exit code 1\n--- stderr\nerror: cannot listen on {address}: ");
    let advice = text.strip_prefix(&start);
    advice.unwrap_or_else(|| panic!("{text}")).trim_end().to_owned()
}

#[test]
fn a_port_in_use_says_who_may_use_it_and_how_to_choose_another() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    assert_eq!(
        refused(&format!("127.0.0.1:{port}")),
        format!(
            "port {port} is in use by another program, which may be another docket server: stop that \
             program (`ss -ltnp 'sport = :{port}'` shows it), or choose another port with `--listen \
             127.0.0.1:PORT`"
        )
    );
}

#[test]
fn the_address_of_the_original_s_variables_has_the_same_error() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let mut server = docket(["server"]);
    let text = transcript(server.env("PORT", &port).env("DOCKET_LOG", "error"));
    assert!(text.contains("the port comes from PORT") && text.contains("is in use"), "{text}");
}

#[test]
fn an_address_of_another_machine_and_a_name_without_address_say_what_to_write() {
    assert_eq!(
        refused("192.0.2.1:3000"),
        "this machine does not have the address 192.0.2.1: `ip address` shows those it has; \
         `--listen 127.0.0.1:3000` serves this machine only"
    );
    let unknown = refused("no-such-host.invalid:3000");
    assert!(unknown.starts_with("`no-such-host.invalid` cannot be resolved ("), "{unknown}");
    assert!(unknown.ends_with("such as `--listen 127.0.0.1:3000`"), "{unknown}");
}

#[test]
fn a_socket_that_a_server_uses_is_left_to_it() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("docket.sock");
    let _other = UnixListener::bind(&path).unwrap();
    assert_eq!(
        refused(&format!("unix:{}", path.display())),
        "a running server uses this socket: stop that server, or choose another socket with \
         `--listen unix:PATH`"
    );
}

#[test]
fn a_socket_never_takes_the_place_of_another_file() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    fs::write(&path, "precious").unwrap();
    assert_eq!(
        refused(&format!("unix:{}", path.display())),
        format!(
            "{} exists and is not a socket: remove it, or choose another path with `--listen \
             unix:PATH`",
            path.display()
        )
    );
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_socket_in_a_directory_that_is_missing_or_with_a_long_path_says_what_to_do() {
    assert_eq!(
        refused("unix:/nowhere/docket.sock"),
        "the directory /nowhere does not exist: create it, or choose another path with `--listen \
         unix:PATH`"
    );
    let directory = tempdir().unwrap();
    let long = directory.path().join("x".repeat(120));
    assert_eq!(
        refused(&format!("unix:{}", long.display())),
        "the path is too long for a socket: use a path of at most 80 bytes"
    );
}
