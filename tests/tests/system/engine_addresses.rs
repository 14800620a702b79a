//! Engines at other addresses than a local socket: contexts, TLS, SSH.

use std::{
    env, fs, io,
    net::{Shutdown, TcpListener},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::PathBuf,
    process::Command,
    thread,
    time::Duration,
};

use docket_tests::{
    Engine, Registry, Server, allocation::once, certificate::Certificate, eventually, free_port,
    ssh_engine::SshServer, wall_clock,
};
use serde_json::json;
use tempfile::TempDir;

use crate::two_engine_setup::placed;

/// A run through the server, to its output.
fn echo_through(server: &Server) -> Vec<u8> {
    server.push(&once("foo", wall_clock::soon(), &["echo", "hi"]));
    let run = server.ended_run("foo");
    server.output("foo", &run)
}

#[test]
fn the_docker_context_in_use_names_the_engine() {
    let engine = Engine::shared();
    let configuration = TempDir::new().unwrap();
    let docker = |arguments: &[&str]| {
        let mut command = Command::new("docker");
        command.env_remove("DOCKER_HOST").env_remove("DOCKER_CONTEXT");
        command.arg("--config").arg(configuration.path()).args(arguments).output().unwrap()
    };
    let host = format!("host={}", engine.address());
    let created = docker(&["context", "create", "near", "--docker", &host]);
    let used = docker(&["context", "use", "near"]);
    assert!(created.status.success() && used.status.success(), "{created:?} {used:?}");

    let server = Server::start_with(engine, |command| {
        command.env_remove("DOCKER_HOST").env("DOCKER_CONFIG", configuration.path());
    });

    assert_eq!(echo_through(&server), b"hi\n");
}

#[test]
fn an_engine_is_reached_by_ssh() {
    let engine = Engine::shared();
    let door = SshServer::open(engine);
    let server = Server::listening("127.0.0.1:0", &door.address(), |command| {
        command.env("PATH", door.search_path());
    });

    assert_eq!(echo_through(&server), b"hi\n");
}

#[test]
fn an_ssh_address_can_name_the_socket_of_the_engine() {
    let engine = Engine::shared();
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("it's the engine.sock");
    std::os::unix::fs::symlink(engine.socket(), &socket).unwrap();
    let door = SshServer::open_to("unix:///no/such.sock");
    let address = format!("{}{}", door.address(), socket.display());
    let server = Server::listening("127.0.0.1:0", &address, |command| {
        command.env("PATH", door.search_path());
    });

    assert_eq!(echo_through(&server), b"hi\n");
}

#[test]
fn an_engine_away_behind_ssh_is_tried_less_and_less_often() {
    let directory = TempDir::new().unwrap();
    let (program, tries) = (directory.path().join("ssh"), directory.path().join("tries"));
    // An `ssh` that reaches no host, and notes when it was started.
    let text = format!("#!/bin/sh\ndate +%s%N >>{}\nexit 255\n", tries.display());
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", directory.path().display(), env::var("PATH").unwrap());

    let _server = Server::listening("127.0.0.1:0", "ssh://root@away", |command| {
        command.env("PATH", path);
    });
    let times = eventually("five tries", || {
        let noted = fs::read_to_string(&tries).unwrap_or_default();
        let times: Vec<u64> = noted.lines().map(|line| line.parse().unwrap()).collect();
        (times.len() >= 5).then_some(times)
    });

    let pauses: Vec<_> =
        times.windows(2).map(|pair| Duration::from_nanos(pair[1] - pair[0])).collect();
    // The first is a quarter of a second, and each is twice as long as the one before.
    assert!(pauses[3] >= Duration::from_secs(1), "{pauses:?}");
}

#[test]
fn an_address_without_a_scheme_is_one_of_tcp_as_for_dockers_client() {
    let port = forwarding_to(Engine::shared());
    for address in [format!("127.0.0.1:{port}"), format!(":{port}"), format!("tcp://:{port}")] {
        let server = Server::listening("127.0.0.1:0", &address, |_| {});

        assert_eq!(echo_through(&server), b"hi\n", "{address}");
    }
}

/// Passes connections to a port of loopback on to the engine; returns the port.
fn forwarding_to(engine: &Engine) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, socket) = (listener.local_addr().unwrap().port(), engine.socket().to_owned());
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, engine) = (client.unwrap(), UnixStream::connect(&socket).unwrap());
            let (from, to) = (client.try_clone().unwrap(), engine.try_clone().unwrap());
            thread::spawn(move || {
                let _ = io::copy(&mut &from, &mut &to);
                let _ = to.shutdown(Shutdown::Both);
            });
            thread::spawn(move || {
                let _ = io::copy(&mut &engine, &mut &client);
                let _ = client.shutdown(Shutdown::Both);
            });
        }
    });
    port
}

/// An engine that is reached by TLS alone.
struct TlsEngine {
    _engine: Engine,
    port: u16,
    /// Has `client`, the folder with the files of a client.
    folder: TempDir,
}

impl TlsEngine {
    fn start() -> Self {
        let (certificate, port) = (Certificate::issue(), free_port());
        let options = [
            format!("--host=tcp://127.0.0.1:{port}"),
            "--tlsverify".to_owned(),
            format!("--tlscacert={}", certificate.authority().display()),
            format!("--tlscert={}", certificate.chain().display()),
            format!("--tlskey={}", certificate.key().display()),
        ];
        let engine = Engine::start_with(Registry::shared(), &options);
        let folder = TempDir::new().unwrap();
        let this = Self { _engine: engine, port, folder };
        fs::create_dir(this.client()).unwrap();
        fs::copy(certificate.authority(), this.client().join("ca.pem")).unwrap();
        fs::copy(certificate.chain(), this.client().join("cert.pem")).unwrap();
        fs::copy(certificate.key(), this.client().join("key.pem")).unwrap();
        this
    }

    fn client(&self) -> PathBuf {
        self.folder.path().join("client")
    }
}

#[test]
fn an_engine_is_reached_by_tls_as_dockers_variables_say() {
    let engine = TlsEngine::start();
    let address = format!("tcp://127.0.0.1:{}", engine.port);

    let server = Server::listening("127.0.0.1:0", &address, |command| {
        command.env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", engine.client());
    });

    assert_eq!(echo_through(&server), b"hi\n");
}

#[test]
fn one_of_several_engines_is_reached_by_tls_as_the_file_of_engines_says() {
    let engine = TlsEngine::start();
    let (file, port) = (engine.folder.path().join("engines.yml"), engine.port);
    let near = Engine::shared().address();
    let engines = format!(
        "- {{name: near, urls: ['{near}']}}\n\
         - {{name: by-tls, urls: ['tcp://127.0.0.1:{port}'], tls: client}}\n\
         - {{name: without, urls: ['tcp://localhost:{port}']}}\n"
    );
    fs::write(&file, engines).unwrap();
    let server = Server::listening("127.0.0.1:0", "unix:///not-read.sock", |command| {
        command.arg("--engines").arg(&file);
    });
    server.await_engines(&["up", "up", "away"]);

    let foo = once("foo", wall_clock::soon(), &["echo", "hi"]);
    server.push(&placed(foo, json!({"Engine": "by-tls"})));
    let run = server.ended_run("foo");

    assert_eq!(server.output("foo", &run), b"hi\n");
    assert_eq!(run["Attempts"][0]["EngineName"], "by-tls", "{run}");
}
