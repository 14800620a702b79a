//! The engines of the server, one per line.

use docket_model::journal::shown;
use serde_json::Value;

use super::layout::{Column, table};
use crate::print::Screen;

const COLUMNS: [Column; 11] = [
    Column::whole("NAME", 0),
    Column::whole("KIND", 6),
    Column::whole("STATE", 0),
    Column::whole("SINCE (UTC)", 5),
    Column::whole("VERSION", 7),
    Column::whole("NODES", 8),
    Column::whole("RUNNING", 1),
    Column::whole("STARTING", 3),
    Column::whole("WAITING", 2),
    Column::cut("LABELS", 12, 9),
    Column::cut("URL", 16, 4),
];

/// Engines, one per line; the reason of one that is away stands in place of its labels.
pub(crate) fn of_engines(engines: &[Value], screen: Screen) -> String {
    table(COLUMNS, engines.iter().map(row), screen)
}

fn row(engine: &Value) -> [String; 11] {
    let text = |key| engine.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |key| engine.get(key).and_then(Value::as_u64).map(|number| number.to_string());
    let number = |key| number(key).unwrap_or_default();
    let since = engine.get("Since").and_then(Value::as_str).and_then(|at| at.parse().ok());
    let urls = engine.get("Urls").and_then(Value::as_array).into_iter().flatten();
    let labels = engine.get("Labels").and_then(Value::as_object).into_iter().flatten();
    let labels: Vec<_> = labels
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    [
        text("Name"),
        text("Kind"),
        text("State"),
        since.map(shown).unwrap_or_default(),
        text("Version"),
        number("Nodes"),
        number("Running"),
        number("Starting"),
        number("Waiting"),
        engine
            .get("Reason")
            .and_then(Value::as_str)
            .map_or_else(|| labels.join(","), str::to_owned),
        urls.filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
    ]
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    #[test]
    fn engines_are_listed_with_what_runs_there() {
        let engines = [
            json!({"Name": "web1", "Kind": "docker", "Urls": ["tcp://web1:2375"],
                "Labels": {"rack": "r1", "zone": "a"}, "State": "up", "Since": "2026-11-21T09:00:00Z",
                "Version": "20.10.24", "Nodes": 1, "Running": 3, "Starting": 1, "Waiting": 0}),
            json!({"Name": "web2", "Kind": "docker", "Urls": ["ssh://root@web2"], "Labels": {},
                "State": "away", "Since": "2026-11-21T09:00:00Z", "Reason": "connection refused",
                "Running": 1, "Starting": 0, "Waiting": 2}),
        ];

        assert_snapshot!(of_engines(&engines, Screen::Terminal(200)), @r"
        NAME  KIND    STATE  SINCE (UTC)           VERSION   NODES  RUNNING  STARTING  WAITING  LABELS              URL
        web1  docker  up     2026-11-21T09:00:00Z  20.10.24  1      3        1         0        rack=r1,zone=a      tcp://web1:2375
        web2  docker  away   2026-11-21T09:00:00Z                   1        0         2        connection refused  ssh://root@web2
        ");
        assert_snapshot!(of_engines(&engines, Screen::Terminal(60)), @r"
        NAME  STATE  RUNNING  STARTING  WAITING  URL              …
        web1  up     3        1         0        tcp://web1:2375
        web2  away   1        0         2        ssh://root@web2
        ");
    }
}
