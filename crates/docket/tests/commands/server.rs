//! The server as a process: its log at the start, and how it stops. No engine is needed.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};

use crate::docket;

/// How long the server waits for unfinished responses; a second Ctrl-C must be quicker.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

struct Server {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Server {
    fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_with(&[], variables)
    }

    fn start_with(options: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("docket"));
        command.arg("server").args(options).env_clear().envs(variables.iter().copied());
        command.env("DOCKER_HOST", "unix:///nowhere/docker.sock").env("TZ", "Europe/Berlin");
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log }
    }

    /// The next line of the log that has this text in it.
    fn line_with(&mut self, text: &str) -> String {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "the log has no `{text}`");
        }
        line
    }

    fn address(&mut self) -> String {
        let line = self.line_with("listening on http://");
        let (_, rest) = line.split_once("http://").unwrap();
        rest.split([' ', '"']).next().unwrap().trim().to_owned()
    }

    fn send(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    fn rest(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has already ended if the test passed.
        let _ = self.child.kill();
    }
}

#[test]
fn it_logs_the_source_of_its_zone_and_stops_on_sigterm() {
    let mut server = Server::start(&[("DOCKET_LISTEN", "127.0.0.1:0")]);
    assert!(server.line_with("default time zone").contains("Europe/Berlin (set by TZ)"));
    server.address();

    server.send("-TERM");

    let (code, log) = server.rest();
    assert!(code == Some(0) && log.contains("stopped"), "{code:?} {log}");
}

#[test]
fn a_second_interrupt_skips_the_wait_for_responses() {
    let mut server = Server::start(&[("DOCKET_LISTEN", "127.0.0.1:0")]);
    let mut slow = TcpStream::connect(server.address()).unwrap();
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                content-length: 2\r\nexpect: 100-continue\r\n\r\n";
    slow.write_all(head.as_bytes()).unwrap();
    // The server asks for the body, so the request is under way.
    slow.read_exact(&mut [0; 12]).unwrap();

    let asked = Instant::now();
    server.send("-INT");
    server.line_with("to skip the wait");
    server.send("-INT");

    let (code, log) = server.rest();
    assert!(code == Some(0) && log.contains("second signal: stopped"), "{code:?} {log}");
    assert!(asked.elapsed() < LAST_ANSWERS);
}

#[test]
#[cfg(feature = "cluster")]
fn a_cluster_that_is_away_is_reported_once() {
    let cluster = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let url = format!("http://{}", cluster.local_addr().unwrap());
    std::fs::write(&kubeconfig, include_str!("kubeconfig.yml").replace("CLUSTER", &url)).unwrap();
    let server = Server::start(&[
        ("DOCKET_LISTEN", "127.0.0.1:0"),
        ("DOCKET_ENGINE", "cluster=kubernetes:"),
        ("KUBECONFIG", kubeconfig.to_str().unwrap()),
    ]);

    // Each connection is closed without an answer.
    for _ in 0..5 {
        cluster.accept().unwrap();
    }
    server.send("-TERM");

    let (_, log) = server.rest();
    assert_eq!(log.matches("this engine does not answer").count(), 1, "{log}");
    assert!(!log.contains("ERROR"), "{log}");
}

#[test]
fn empty_variables_count_as_unset() {
    let empty = ["DOCKET_STORE", "DOCKET_FILE", "DOCKET_TOKEN_FILE", "DOCKET_PUBLIC_URL"];
    let empty = empty.into_iter().chain(["DOCKET_INSECURE", "DOCKET_TIME_ZONE", "DOCKET_QUEUE"]);
    let listen = [("DOCKET_LISTEN", "127.0.0.1:0")];
    let mut server = Server::start(&empty.map(|name| (name, "")).chain(listen).collect::<Vec<_>>());
    server.address();

    server.send("-TERM");

    assert_eq!(server.rest().0, Some(0));
}

#[test]
fn commas_separate_engines_and_their_labels_in_variables_alone() {
    let listen = ("DOCKET_LISTEN", "127.0.0.1:0");
    let options =
        ["--engine", "a=unix:///x,y", "--engine", "b=tcp://b", "--engine-label", "a:zone=1,2"];
    let engines = ("DOCKET_ENGINE", "a=unix:///x,b=tcp://b");
    let labels = ("DOCKET_ENGINE_LABEL", "a:zone=1,b:zone=2");

    let servers = [
        Server::start_with(&options, &[listen]),
        Server::start(&[listen, engines, labels]),
        Server::start_with(&options, &[listen, engines, labels]),
    ];
    let engines = servers.map(|mut server| {
        let url = format!("http://{}", server.address());
        let printed = docket(["engines", "--host", &url, "--output", "json"]).output().unwrap();
        let there: Vec<serde_json::Value> = serde_json::from_slice(&printed.stdout).unwrap();
        let in_short =
            |engine: &serde_json::Value| format!("{} {}", engine["Urls"][0], engine["Labels"]);
        there.iter().map(in_short).collect::<Vec<_>>().join(" ").replace('"', "")
    });

    let by_options = "unix:///x,y {zone:1,2} tcp://b {}";
    assert_eq!(engines, [by_options, "unix:///x {zone:1} tcp://b {zone:2}", by_options]);
}

#[test]
fn its_log_can_be_json_in_every_line() {
    let variables =
        [("PORT", "0"), ("DOCKET_LOG_FORMAT", "json"), ("DOCKET_LISTEM", "127.0.0.1:80")];
    let mut server = Server::start(&variables);
    assert!(server.line_with("DOCKET_LISTEM").contains("did you mean DOCKET_LISTEN?"));
    assert!(server.line_with("from PORT").starts_with("{\"timestamp\""));
    server.address();

    server.send("-TERM");

    let (_, log) = server.rest();
    assert!(log.lines().all(|line| line.starts_with('{')), "{log}");
}
