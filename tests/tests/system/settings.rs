//! The settings of a server and their variables; how it starts and stops.

use std::{io::Read, io::Write, net::TcpStream, time::Duration};

use docket_tests::{Engine, Server, allocation::once, free_port, wall_clock};
use serde_json::Value;

#[test]
fn each_setting_has_a_variable() {
    let server = Server::with_defaults(Engine::shared().address(), |command| {
        command
            .env("DOCKET_LISTEN", "127.0.0.1:0")
            .env("DOCKET_TIME_ZONE", "Asia/Tokyo")
            .env("DOCKET_MAX_STARTING", "4")
            .env("DOCKET_LOG_FORMAT", "json");
    });
    let mut foo = once("foo", wall_clock::soon(), &["true"]);
    foo.as_object_mut().unwrap().remove("TimeZone");

    server.push(&foo);

    assert_eq!(server.allocation("foo")["Status"]["TimeZone"], "Asia/Tokyo");
    for line in server.log().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["level"].is_string(), "{line}");
    }
    assert!(!server.log().contains("DOCKET_"), "{}", server.log());
}

#[test]
fn the_originals_host_and_port_are_heard_and_said_to_be_old() {
    let port = free_port().to_string();
    let mut server = Server::with_defaults(Engine::shared().address(), |command| {
        command.env("HOST", "127.0.0.1").env("PORT", &port);
    });

    let line = server.await_log("PORT");

    assert_eq!(server.url(), format!("http://127.0.0.1:{port}"));
    assert!(line.contains("DOCKET_LISTEN") || line.contains("--listen"), "{line}");
}

#[test]
fn a_server_says_at_its_start_what_it_took() {
    let mut server = Server::start_with(Engine::shared(), |command| {
        command.args(["--time-zone", "Asia/Tokyo"]);
    });

    server.await_log("Asia/Tokyo");
    server.await_log("memory");
    server.stop();
}

#[test]
fn an_interrupt_stops_it_in_order_too() {
    let mut server = Server::start(Engine::shared());

    server.signal("INT");

    assert_eq!(server.await_end().code(), Some(0));
}

#[test]
fn a_request_that_never_ends_is_cut_off() {
    let server = Server::start(Engine::shared());
    let address = server.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();

    stream.write_all(b"GET / HTTP/1.1\r\nHost: local").unwrap();
    let mut answer = Vec::new();
    let closed = stream.read_to_end(&mut answer);

    assert!(closed.is_ok(), "{closed:?}");
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}
