//! The journal and explanations as lines of text.

use docket_model::{
    journal::{self, Entry},
    wire::Sentence,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    key_values,
    layout::{Column, table},
};
use crate::print::Screen;

const COLUMNS: [Column; 4] = [
    // UTC, because entries of the server belong to no allocation's time zone.
    Column::whole("TIME (UTC)", 1),
    Column::cut("ALLOCATION", 12, 2),
    Column::cut("WHAT", 12, 0),
    Column::cut("BY", 8, 3),
];

/// Entries of the journal, one per line; an unknown entry is shown as it is.
pub(crate) fn of_journal(entries: &[Value], screen: Screen) -> String {
    if entries.is_empty() {
        return "the journal is empty".to_owned();
    }
    let row = |value| Entry::deserialize(value).map_or_else(|_| as_it_is(value), in_words);
    table(COLUMNS, entries.iter().map(row), screen)
}

/// Sentences of an explanation, which contain their times.
pub(crate) fn of_sentences(sentences: &[Sentence], screen: Screen) -> String {
    key_values::by_themselves(sentences.iter().map(|sentence| sentence.text.as_str()), screen)
}

fn in_words(entry: Entry) -> [String; 4] {
    let allocation = entry.allocation.map(|name| name.to_string());
    let (what, by) = (entry.event.to_string(), entry.by.unwrap_or_default());
    [journal::shown(entry.at), allocation.unwrap_or_default(), what, by]
}

fn as_it_is(value: &Value) -> [String; 4] {
    let text = |key| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let what = value.get("Event").map(Value::to_string).unwrap_or_default();
    [text("At"), text("Allocation"), what, text("By")]
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_journal_shows_unknown_entries_as_they_are() {
        let entries = [
            json!({"At": "2026-11-21T09:00:00.123Z", "Allocation": "report", "By": "ann@db",
                "Event": {"Updated": {"Keys": ["Cron"]}}}),
            json!({"At": "2026-11-21T08:00:00Z", "Event": "Stopped"}),
            json!({"At": "2026-11-21T07:00:00Z", "Event": {"Moved": {"To": "another\u{1b}[2J"}}}),
        ];
        assert_snapshot!(of_journal(&entries, Screen::Terminal(100)), @r#"
        TIME (UTC)            ALLOCATION  WHAT                                 BY
        2026-11-21T09:00:00Z  report      changed: Cron                        ann@db
        2026-11-21T08:00:00Z              docket was stopped
        2026-11-21T07:00:00Z              {"Moved":{"To":"another\u001b[2J"}}
        "#);
    }

    #[test]
    fn a_narrow_terminal_shows_time_and_event() {
        let entries = [json!({"At": "2026-11-21T09:00:00.123Z", "Allocation": "report",
            "By": "ann@db", "Event": {"Updated": {"Keys": ["Cron", "Container"]}}})];
        assert_snapshot!(of_journal(&entries, Screen::Terminal(40)), @"
        TIME (UTC)            WHAT             …
        2026-11-21T09:00:00Z  changed: Cron,…
        ");
        assert_snapshot!(of_journal(&entries, Screen::Terminal(20)), @"
        WHAT               …
        changed: Cron,…
        ");
        assert_snapshot!(of_journal(&entries, Screen::Program).replace('\t', "|"), @"
        TIME (UTC)|ALLOCATION|WHAT|BY
        2026-11-21T09:00:00Z|report|changed: Cron, Container|ann@db
        ");
    }

    #[test]
    fn sentences_are_wrapped_and_indented() {
        let sentence = |at: Option<&str>, text: &str| Sentence {
            at: at.map(|at| at.parse().unwrap()),
            text: text.to_owned(),
        };
        let long = "nothing started for 329 instants up to 07:40, because docket was not running \
                    from 02:12 to 07:40, and CatchUp is None";
        let sentences =
            [sentence(Some("2026-11-21T01:12:00Z"), long), sentence(None, "it is not suspended")];
        assert_snapshot!(of_sentences(&sentences, Screen::Terminal(120)), @"
        nothing started for 329 instants up to 07:40, because docket was not running from 02:12 to 07:40,
          and CatchUp is None
        it is not suspended
        ");
        assert_snapshot!(of_sentences(&sentences, Screen::Terminal(30)), @"
        nothing started for 329
          instants up to 07:40,
          because docket was not
          running from 02:12 to 07:40,
          and CatchUp is None
        it is not suspended
        ");
        let for_programs = of_sentences(&sentences, Screen::Program);
        assert_snapshot!(for_programs.replace('\t', "|"), @"
        nothing started for 329 instants up to 07:40, because docket was not running from 02:12 to 07:40, and CatchUp is None
        it is not suspended
        ");
    }
}
