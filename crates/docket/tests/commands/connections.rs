//! Connections to a server, and their errors.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::Path,
    thread,
};

use insta::assert_snapshot;
use tempfile::tempdir;

use crate::{
    docket,
    stub_server::{ALLOCATION, Stub, answer, ok, problem},
};

/// Writes a file that no other user can read.
fn private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_token_comes_from_a_file_or_the_environment_and_is_sent_as_bearer() {
    let stub = Stub::tcp(|_| ok("[]"));
    let folder = tempdir().unwrap();
    let file = folder.path().join("token");
    private(&file, "from-a-file-0123456\n");

    stub.transcript(docket(["list"]).env("DOCKET_TOKEN", "from-the-environment"));
    stub.transcript(docket(["list", "--token-file"]).arg(&file));

    let sent: Vec<_> = stub.requests().iter().flat_map(|request| request.headers.clone()).collect();
    assert!(sent.contains(&"authorization: Bearer from-the-environment".to_owned()), "{sent:?}");
    assert!(sent.contains(&"authorization: Bearer from-a-file-0123456".to_owned()), "{sent:?}");
}

#[test]
fn a_server_is_reached_over_a_socket_file_too() {
    let folder = tempdir().unwrap();
    let stub = Stub::unix(&folder.path().join("docket.sock"), |_| ok("[]"));
    assert_snapshot!(stub.transcript(&mut docket(["list"])), @r"
    exit code 0
    --- stdout
    []
    --- stderr
    GET <server>
    ");
}

#[test]
fn a_missing_scheme_and_a_trailing_slash_are_accepted() {
    let stub = Stub::tcp(|_| ok(ALLOCATION));
    for host in [stub.address.replace("http://", ""), format!("{}/", stub.address)] {
        docket(["get", "foo", "--host", &host]).assert().success();
    }
    assert_eq!(stub.lines(), ["GET /foo", "GET /foo"]);
}

#[test]
fn no_proxy_is_used_for_a_server_on_this_machine() {
    let stub = Stub::tcp(|_| ok("[]"));
    let mut list = docket(["list"]);
    list.env("HTTP_PROXY", "http://127.0.0.1:1").env("http_proxy", "http://127.0.0.1:1");
    assert!(stub.transcript(&mut list).starts_with("exit code 0\n"));
}

#[test]
fn an_unexpected_response_is_explained() {
    let page = Stub::tcp(|_| ok("<html>"));
    let moved = Stub::tcp(|_| {
        let location = vec!["location: https://docket.example.org/".to_owned()];
        answer("301 Moved Permanently", location, "")
    });
    let closed = Stub::tcp(|_| problem("401 Unauthorized", "send the token"));
    let proxy = Stub::tcp(|_| answer("502 Bad Gateway", None, "<html>down</html>"));
    assert_snapshot!(page.transcript(&mut docket(["list"])), @"
    exit code 1
    --- stderr
    GET <server>
    error: cannot parse the response of <server>: is it a docket server?: expected value at line 1 column 1
    ");
    assert_snapshot!(moved.transcript(&mut docket(["list"])), @r"
    exit code 1
    --- stderr
    GET <server>
    error: <server> answered 301 Moved Permanently: the server is at https://docket.example.org/
    ");
    assert_snapshot!(closed.transcript(&mut docket(["list"])), @"
    exit code 1
    --- stderr
    GET <server>
    error: <server> answered 401 Unauthorized: it requires a token (--token-file or DOCKET_TOKEN)
    ");
    assert_snapshot!(proxy.transcript(&mut docket(["list"])), @r"
    exit code 1
    --- stderr
    GET <server>
    error: <server> answered 502 Bad Gateway
    ");
}

#[test]
fn a_wrong_token_is_reported_with_its_source() {
    let stub = Stub::tcp(|_| problem("401 Unauthorized", "this is not the server's token"));
    let folder = tempdir().unwrap();
    private(&folder.path().join("token"), "from-a-file-0123456\n");
    let mut by_file = docket(["health", "--token-file", "token"]);
    let mut by_variable = docket(["health"]);
    by_variable.env("DOCKET_TOKEN", "from-the-environment");

    assert_snapshot!(stub.transcript(by_file.current_dir(folder.path())), @"
    exit code 1
    --- stderr
    error: <server> answered 401 Unauthorized: the token from `token` (from --token-file or DOCKET_TOKEN_FILE) is wrong
    ");
    assert_snapshot!(stub.transcript(&mut by_variable), @"
    exit code 1
    --- stderr
    error: <server> answered 401 Unauthorized: the token from DOCKET_TOKEN is wrong
    ");
}

#[test]
fn a_token_that_cannot_be_sent_is_rejected_before_any_request() {
    let folder = tempdir().unwrap();
    private(&folder.path().join("empty"), "\n");
    private(&folder.path().join("words"), "no token at all");
    let health = |file: &str| {
        let mut health = docket(["health", "--host", "127.0.0.1:1"]);
        health.env("DOCKET_TOKEN_FILE", file).current_dir(folder.path());
        crate::transcript(&mut health)
    };

    assert_snapshot!(health("empty"), @"
    exit code 1
    --- stderr
    error: there is no token in `empty` (from --token-file or DOCKET_TOKEN_FILE)
    ");
    assert_snapshot!(health("words"), @"
    exit code 1
    --- stderr
    error: the token in `words` (from --token-file or DOCKET_TOKEN_FILE) must be printable ASCII characters without spaces
    ");
    assert_snapshot!(health("missing"), @"
    exit code 1
    --- stderr
    error: cannot read `missing` (from --token-file or DOCKET_TOKEN_FILE): No such file or directory (os error 2)
    ");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let stub = Stub::tcp(|_| ok("{}"));
    let mut health = docket(["health", "--host", &stub.address]);
    for name in ["DOCKET_SERVER", "DOCKET_TOKEN_FILE", "DOCKET_CACERT", "DOCKET_TOKEN"] {
        health.env(name, "");
    }

    health.assert().success();
    assert!(stub.requests()[0].headers.iter().all(|header| !header.starts_with("authorization")));
    let by_default = crate::transcript(docket(["next", ""]).env("DOCKET_SERVER", ""));
    assert!(by_default.starts_with("exit code 0\n"), "{by_default}");
}

#[test]
fn an_unreachable_server_is_named_with_its_innermost_cause() {
    let text = crate::transcript(&mut docket(["health", "--host", "127.0.0.1:1"]));
    assert_snapshot!(text, @r"
    exit code 1
    --- stderr
    error: cannot reach http://127.0.0.1:1: Connection refused (os error 111) (is it running? `docket server` starts one)
    ");
}

/// The address of a server that sends these bytes in response to anything.
fn server_that_says(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            assert_ne!(stream.read(&mut [0; 4096]).unwrap(), 0);
            stream.write_all(bytes).unwrap();
        }
    });
    address
}

#[test]
fn a_wrong_scheme_is_reported_with_the_remedy() {
    let plain = server_that_says(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    let alert_of_tls = server_that_says(b"\x15\x03\x03\x00\x02\x02\x32");
    let health = |address: &str| crate::transcript(&mut docket(["health", "--host", address]));

    let of_plain = health(&format!("https://{plain}"));
    let of_tls = health(&format!("http://{alert_of_tls}"));

    assert_snapshot!(of_plain.replace(&plain.to_string(), "<server>"), @"
    exit code 1
    --- stderr
    error: cannot reach https://<server>: received corrupt message of type InvalidContentType (it does not speak TLS: write http:// in --host)
    ");
    assert_snapshot!(of_tls.replace(&alert_of_tls.to_string(), "<server>"), @"
    exit code 1
    --- stderr
    error: cannot reach http://<server>: invalid HTTP version parsed (does it speak TLS? write https:// in --host)
    ");
}

#[test]
fn unreadable_certificates_are_named() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("ca.pem"), "no certificate").unwrap();
    let mut list = docket(["list", "--host", "https://127.0.0.1:1", "--cacert", "ca.pem"]);
    assert_snapshot!(crate::transcript(list.current_dir(folder.path())), @"
    exit code 1
    --- stderr
    error: there is no certificate in `ca.pem` (from --cacert or DOCKET_CACERT)
    ");
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_failure() {
    use std::process::{Command, Stdio};
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("docket"));
    command.args(["next", "* * * * *", "-n", "10000"]).env_clear().env("TZ", "UTC");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("time zone data: ") && stderr.lines().count() == 1, "{stderr}");
}

/// The address of a server whose response never ends.
fn server_that_does_not_stop(beginning: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert_ne!(stream.read(&mut [0; 4096]).unwrap(), 0);
        stream.write_all(beginning.as_bytes()).unwrap();
        while stream.write_all(&[b'1'; 8192]).is_ok() {}
    });
    address
}

#[test]
fn an_endless_response_is_read_up_to_a_limit() {
    let error = server_that_does_not_stop("HTTP/1.1 500 Internal Server Error\r\n\r\n");
    let list = server_that_does_not_stop("HTTP/1.1 200 OK\r\n\r\n");
    let of = |command, address: SocketAddr| {
        let text = crate::transcript(&mut docket([command, "--host", &address.to_string()]));
        text.replace(&address.to_string(), "<server>").replace(&"1".repeat(500), "<500 bytes>")
    };

    assert_snapshot!(of("health", error), @"
    exit code 1
    --- stderr
    error: http://<server> answered 500 Internal Server Error: <500 bytes>
    ");
    assert_snapshot!(of("list", list), @"
    exit code 1
    --- stderr
    GET http://<server>
    error: the response of http://<server> is larger than 64 MiB: is it a docket server?
    ");
}
