//! A Prometheus that scrapes a server by the rules of the packaging, and reports its alerts to this process.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Server, guarded_process::GuardedProcess, repository, wall_clock};

/// The names of the alerts that fire.
type Firing = Arc<Mutex<BTreeSet<String>>>;

/// A running Prometheus.
pub struct Prometheus {
    firing: Firing,
    // Dropped in this order: the process ends before its files are removed.
    _process: GuardedProcess,
    _directory: TempDir,
}

impl Prometheus {
    /// Scrapes a server each second. Alerts fire as soon as their condition holds.
    pub fn scraping(server: &Server) -> Self {
        let directory = TempDir::new().unwrap();
        let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
        let path = |name: &str| directory.path().join(name);
        let rules = fs::read_to_string(repository().join("packaging/prometheus/docket.rules.yml"));
        // A condition that holds for minutes would make a test of minutes.
        let at_once = |line: &str| !line.trim_start().starts_with("for:");
        let rules: Vec<_> =
            rules.unwrap().lines().filter(|line| at_once(line)).map(str::to_owned).collect();
        fs::write(path("docket.rules.yml"), rules.join("\n")).unwrap();
        // Written as JSON, which is YAML too.
        let target = |address: &str| json!([{ "targets": [address] }]);
        let host = server.address();
        let configuration = json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": ["docket.rules.yml"],
            "scrape_configs": [{
                "job_name": "docket",
                "metrics_path": "/-/metrics",
                "static_configs": target(host.host()),
            }],
            "alerting": { "alertmanagers": [{
                "api_version": "v2",
                "static_configs": target(&receiver.local_addr().unwrap().to_string()),
            }] },
        });
        fs::write(path("prometheus.yml"), configuration.to_string()).unwrap();
        let firing = Firing::default();
        let learnt = Arc::clone(&firing);
        thread::spawn(move || {
            for stream in receiver.incoming().map_while(Result::ok) {
                let learnt = Arc::clone(&learnt);
                thread::spawn(move || receive(stream, &learnt));
            }
        });
        let mut command = Command::new("bash");
        command.args([
            "-c",
            // It needs a port, which nothing asks for.
            r#"exec prometheus --config.file="$0/prometheus.yml" --storage.tsdb.path="$0/data" \
                --web.listen-address=127.0.0.1:0 >"$0/log" 2>&1"#,
        ]);
        command.arg(directory.path());
        let process = GuardedProcess::start_endless(&mut command);
        Self { firing, _process: process, _directory: directory }
    }

    /// True while an alert fires.
    pub fn fires(&self, alert: &str) -> bool {
        self.firing.lock().unwrap().contains(alert)
    }
}

/// Reads reports of alerts until the connection ends.
fn receive(stream: TcpStream, firing: &Firing) {
    let mut reader = BufReader::new(stream);
    while let Some(alerts) = report(&mut reader) {
        let mut firing = firing.lock().unwrap();
        for alert in alerts {
            let name = alert["labels"]["alertname"].as_str().unwrap().to_owned();
            let ends_at: DateTime<Utc> = alert["endsAt"].as_str().unwrap().parse().unwrap();
            // The end of one that fires is when its next report is due at the latest.
            if ends_at > wall_clock::now() {
                firing.insert(name)
            } else {
                firing.remove(&name)
            };
        }
        drop(firing);
        if reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

/// The alerts of the next request; none at the end of the connection.
fn report(reader: &mut BufReader<TcpStream>) -> Option<Vec<Value>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        let header = line.to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
