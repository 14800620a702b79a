//! Access to the server: an API that starts containers gives root access to its host.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use docket_tests::{
    Engine, Ran, Server,
    allocation::idle,
    certificate::Certificate,
    docket_cli::{bounded, run},
    raw_http_client::{Address, Request},
};
use tempfile::TempDir;

const TOKEN: &str = "correct-horse-battery-staple";

fn token_file(directory: &TempDir, token: &str) -> PathBuf {
    let file = directory.path().join(token);
    fs::write(&file, format!("{token}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file
}

/// Runs a server that is expected to end by itself.
fn refused_server<const N: usize>(arguments: [&str; N]) -> Ran {
    let address = Engine::shared().address();
    run(bounded().arg("server").args(arguments).env("DOCKER_HOST", address))
}

#[test]
fn a_token_opens_the_server_and_nothing_else_does() {
    let directory = TempDir::new().unwrap();
    let file = token_file(&directory, TOKEN);
    let wrong_file = token_file(&directory, "wrong-horse-battery-staple");
    let server = Server::start_with(Engine::shared(), |command| {
        command.arg("--token-file").arg(&file);
    });
    let with = |value: &str| server.send(&Request::get("/").header("Authorization", value)).status;
    let (file, wrong_file) = (file.to_str().unwrap(), wrong_file.to_str().unwrap());

    assert_eq!(server.get("/").status, 401);
    assert_eq!(server.send(&Request::post(idle("foo"))).status, 401);
    assert_eq!(with(&format!("Bearer {TOKEN}")), 200);
    assert_eq!(with(&format!("Bearer {TOKEN}x")), 401);
    assert_eq!(server.docket(["list", "--token-file", file]).ok(), "[]\n");
    assert_eq!(server.docket(["list", "--token-file", wrong_file]).code, 1);
    assert_eq!(server.docket(["list"]).code, 1);
    let by_variable =
        run(bounded().args(["list", "--host", server.url()]).env("DOCKET_TOKEN", TOKEN));
    assert_eq!(by_variable.ok(), "[]\n");
    assert!(!server.log().contains(TOKEN));
}

#[test]
fn a_page_of_another_origin_and_a_foreign_host_are_refused() {
    let server = Server::start(Engine::shared());
    let own = server.url().to_owned();
    let port = own.rsplit(':').next().unwrap();
    let push = |header: &str, value: &str| {
        server.send(&Request::post(idle("foo")).header(header, value)).status
    };

    assert_eq!(push("Origin", "https://evil.example"), 403);
    assert_eq!(push("Origin", "null"), 403);
    assert_eq!(push("Host", &format!("evil.example:{port}")), 403);
    assert_eq!(server.get("/").text(), "[]");
    assert_eq!(push("Origin", &own), 200);
    assert_eq!(push("Host", &format!("localhost:{port}")), 200);
}

#[test]
fn a_proxys_origin_is_let_in_once_it_is_named() {
    let server = Server::start_with(Engine::shared(), |command| {
        command.args(["--public-url", "https://docket.example.org"]);
    });
    let through = |host: &str| {
        let request = Request::post(idle("foo")).header("Host", host);
        server.send(&request.header("Origin", &format!("https://{host}"))).status
    };

    assert_eq!(through("docket.example.org"), 200);
    assert_eq!(through("other.example.org"), 403);
}

#[test]
fn an_open_address_is_refused_with_both_ways_out() {
    let refused = refused_server(["--listen", "0.0.0.0:0"]);

    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("--token-file"), "{}", refused.err);
    assert!(refused.err.contains("--insecure"), "{}", refused.err);
}

#[test]
fn both_ways_out_open_the_address() {
    let directory = TempDir::new().unwrap();
    let file = token_file(&directory, TOKEN);
    let engine = Engine::shared().address();

    let insecure = Server::listening("0.0.0.0:0", engine, |command| {
        command.arg("--insecure");
    });
    let with_token = Server::listening("0.0.0.0:0", engine, |command| {
        command.arg("--token-file").arg(&file);
    });

    insecure.stop();
    with_token.stop();
}

#[test]
fn tls_needs_a_certificate_that_the_client_trusts() {
    let certificate = Certificate::issue();
    let server = Server::start_with(Engine::shared(), |command| {
        command.arg("--tls-cert").arg(certificate.chain());
        command.arg("--tls-key").arg(certificate.key());
    });
    let authority = certificate.authority();

    let trusted = server.docket(["list", "--cacert", authority.to_str().unwrap()]);
    let untrusted = server.docket(["list"]);

    assert!(server.url().starts_with("https://"), "{}", server.url());
    assert_eq!(trusted.ok(), "[]\n");
    assert_eq!(untrusted.code, 1);
    assert!(untrusted.err.to_lowercase().contains("certificate"), "{}", untrusted.err);
}

#[test]
fn a_unix_socket_is_open_to_its_owner_only_and_goes_with_the_server() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("docket.sock");
    let socket = format!("unix:{}", path.display());
    let server = Server::listening(&socket, Engine::shared().address(), |_| {});

    let mode = fs::metadata(&path).unwrap().permissions().mode();
    let listed = server.docket(["list"]);
    let pushed = server.push(&idle("foo"));
    let address = server.address();
    server.stop();

    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(address, Address::Unix(path.clone()));
    assert_eq!(listed.ok(), "[]\n");
    assert!(pushed && !path.exists());
}

#[test]
fn an_unknown_variable_of_dockets_is_a_warning() {
    let mut server = Server::start_with(Engine::shared(), |command| {
        command.env("DOCKET_LISTN", "127.0.0.1:1");
    });

    let line = server.await_log("DOCKET_LISTN");

    assert!(line.contains("WARN"), "{line}");
}
