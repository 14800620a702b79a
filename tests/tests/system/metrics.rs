//! What Prometheus makes of the metrics, and of the rules of the packaging.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    process::{Command, Stdio},
};

use docket_tests::{
    Engine, Home, Prometheus, Registry, allocation::allocation, eventually,
    raw_http_client::Request, repository,
};

/// What `promtool` says of an input, of which nothing is wrong.
fn promtool(arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn prometheus_own_tool_finds_nothing_wrong_with_metrics_and_rules() {
    let home = Home::durable(Engine::shared().address());
    let server = home.server();
    server.await_ready();
    server.push(&allocation("ends", "@yearly", &["true"]));
    server.run_manually("ends");
    server.ended_run("ends");

    let metrics = Request::get("/-/metrics").header("accept", "text/plain").send(&server.address());
    let said = promtool(&["check", "metrics"], &metrics.text());
    assert_eq!(said, "", "{}", metrics.text());

    let packaged = |file: &str| repository().join("packaging/prometheus").join(file);
    let rules = packaged("docket.rules.yml");
    promtool(&["check", "rules", rules.to_str().unwrap()], "");
    // What the packaging asks for, and what the documentation describes, is there.
    let text = metrics.text();
    for file in [rules, packaged("grafana-dashboard.json"), repository().join("docs/metrics.md")] {
        for name in names(&fs::read_to_string(&file).unwrap()) {
            assert!(text.contains(&name), "{}: there is no `{name}` in {text}", file.display());
        }
    }
}

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("docket_")).map(str::to_owned).collect()
}

#[test]
fn an_alert_fires_while_the_engine_is_away_and_clears_when_it_is_back() {
    let engine = Engine::start(Registry::shared());
    let home = Home::durable(engine.address());
    let server = home.server();
    server.await_ready();
    let prometheus = Prometheus::scraping(&server);
    let fires = |alert| eventually(alert, || prometheus.fires(alert).then_some(()));

    engine.crash();
    fires("DocketEngineAway");
    engine.start_again();
    eventually("the end of the alert", || (!prometheus.fires("DocketEngineAway")).then_some(()));

    server.push(&allocation("fails", "R/2026-01-01T00:00:00Z/PT1S", &["false"]));
    fires("DocketRunsFailed");
    assert!(!prometheus.fires("DocketAbsent") && !prometheus.fires("DocketStoreNotWritable"));
}
