//! What happened, and why, in lines of text.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use docket_model::{journal::Entry, wire::Sentence};
use serde::Deserialize;
use serde_json::Value;

use super::{plain_table, table_of_text, trimmed};
use crate::{output::without_control, words};

/// Entries of the journal, a line each; what this version does not know is shown as it is.
pub(crate) fn of_journal(entries: &[Value]) -> String {
    let mut table = plain_table();
    table.set_header(["TIME (UTC)", "ALLOCATION", "WHAT", "BY"]);
    for value in entries {
        let cells = Entry::deserialize(value).map_or_else(|_| as_it_is(value), in_words);
        table.add_row(cells.map(|cell| without_control(&cell)));
    }
    trimmed(&table)
}

/// Sentences with the moment that each is about, wrapped.
pub(crate) fn of_sentences(sentences: &[Sentence], zone: Tz) -> String {
    let mut table = table_of_text();
    for Sentence { at, text } in sentences {
        let at = at.map(|at| words::wall_clock(at, zone)).unwrap_or_default();
        table.add_row([at, without_control(text)]);
    }
    trimmed(&table)
}

fn in_words(entry: Entry) -> [String; 4] {
    let allocation = entry.allocation.map(|name| name.to_string());
    let (what, by) = (entry.event.to_string(), entry.by.unwrap_or_default());
    [stamp(entry.at), allocation.unwrap_or_default(), what, by]
}

fn as_it_is(value: &Value) -> [String; 4] {
    let text = |key| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let what = value.get("Event").map(Value::to_string).unwrap_or_default();
    [text("At"), text("Allocation"), what, text("By")]
}

fn stamp(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_journal_shows_what_it_does_not_know_as_it_is() {
        let entries = [
            json!({"At": "2026-11-21T09:00:00.123Z", "Allocation": "report", "By": "ann@db",
                "Event": {"Updated": {"Keys": ["Cron"]}}}),
            json!({"At": "2026-11-21T08:00:00Z", "Event": "Stopped"}),
            json!({"At": "2026-11-21T07:00:00Z", "Event": {"Moved": {"To": "another\u{1b}[2J"}}}),
        ];
        assert_snapshot!(of_journal(&entries), @r#"
        TIME (UTC)            ALLOCATION  WHAT                                 BY
        2026-11-21T09:00:00Z  report      changed: Cron                        ann@db
        2026-11-21T08:00:00Z              docket was stopped
        2026-11-21T07:00:00Z              {"Moved":{"To":"another\u001b[2J"}}
        "#);
    }

    #[test]
    fn sentences_are_wrapped_behind_their_moments() {
        let sentence = |at: Option<&str>, text: &str| Sentence {
            at: at.map(|at| at.parse().unwrap()),
            text: text.to_owned(),
        };
        let long = "nothing started for 329 instants up to 07:40, because docket was not running \
                    from 02:12 to 07:40, and CatchUp is None";
        let sentences =
            [sentence(Some("2026-11-21T01:12:00Z"), long), sentence(None, "it is not suspended")];
        assert_snapshot!(of_sentences(&sentences, Tz::Europe__Berlin), @"
        2026-11-21 02:12 CET  nothing started for 329 instants up to 07:40, because docket was not running
                              from 02:12 to 07:40, and CatchUp is None
                              it is not suspended
        ");
    }
}
