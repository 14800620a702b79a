//! The packaging starts a server with a durable store, with valid options.

use std::{fs, path::Path};

use docket_tests::{Engine, Server, repository};
use tempfile::TempDir;

/// A host with the folders of the packaging, and a file of allocations.
struct Host(TempDir);

impl Host {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        for folder in ["etc/docket", "run/docket", "run/secrets", "var/lib/docket"] {
            fs::create_dir_all(directory.path().join(folder)).unwrap();
        }
        fs::write(directory.path().join("etc/docket/docket.yml"), "[]\n").unwrap();
        fs::write(directory.path().join("run/secrets/docket-token"), "a-token-for-a-test").unwrap();
        Self(directory)
    }

    /// A path or an option as it reads on this host.
    fn here(&self, text: &str) -> String {
        let root = self.0.path().display();
        ["/etc/docket", "/run/docket", "/run/secrets", "/var/lib/docket"]
            .iter()
            .fold(text.to_owned(), |text, folder| text.replace(folder, &format!("{root}{folder}")))
    }
}

fn packaged(file: &str) -> String {
    fs::read_to_string(repository().join("packaging").join(file)).unwrap()
}

/// Asserts that a server keeps its records in a file of its host.
fn remembers(server: &Server, host: &Host) {
    let health = server.get("/-/health").json();
    let file = host.here("sqlite:/var/lib/docket/docket.db");
    assert!(health["Store"].as_str().unwrap().starts_with(&file), "{health}");
    assert!(Path::new(file.strip_prefix("sqlite:").unwrap()).exists());
}

#[test]
fn the_unit_starts_a_server_that_remembers() {
    let host = Host::new();
    let unit = packaged("docket.service").replace("\\\n", " ");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let mut words = line.split_whitespace().map(|word| host.here(word));
    assert_eq!(words.next().as_deref(), Some("/usr/local/bin/docket"));
    assert_eq!(words.next().as_deref(), Some("server"));

    let server = Server::with_defaults(Engine::shared().address(), |command| {
        command.args(words);
    });

    remembers(&server, &host);
    for folder in ["RuntimeDirectory=docket", "StateDirectory=docket"] {
        assert!(unit.lines().any(|line| line == folder), "{folder}");
    }
}

#[test]
fn the_image_starts_a_server_that_remembers() {
    let host = Host::new();
    let image = packaged("Dockerfile").replace("\\\n", " ");
    let lines = image.lines().filter_map(|line| line.strip_prefix("ENV "));
    let pairs = lines.flat_map(str::split_whitespace);
    let variables = pairs.map(|pair| pair.split_once('=').unwrap());

    let server = Server::with_defaults(Engine::shared().address(), |command| {
        for (name, value) in variables {
            // The port is the image's own; here others may have it.
            let value = if name == "DOCKET_LISTEN" { "127.0.0.1:0" } else { value };
            command.env(name, host.here(value));
        }
    });

    remembers(&server, &host);
    assert!(image.lines().any(|line| line == "VOLUME /var/lib/docket"));
    assert!(packaged("compose.yml").contains("- store:/var/lib/docket\n"));
}
