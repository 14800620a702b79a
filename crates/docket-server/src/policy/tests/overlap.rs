//! What stands beside a run, and what then becomes of it.

use docket_model::allocation::Overlap;

use super::*;

fn beside(under_way: &[&str], waiting: Option<&str>) -> Beside {
    let under_way = under_way.iter().map(|text| instant(text)).collect();
    Beside { under_way, waiting: waiting.map(instant), ..Beside::default() }
}

fn summary(admission: Admission) -> String {
    match admission {
        Admission::Start => "start".to_owned(),
        Admission::Wait => "wait".to_owned(),
        Admission::Replace => "replace".to_owned(),
        Admission::Skip(reason) => reason.to_string(),
    }
}

#[test]
fn beside_nothing_every_run_starts() {
    for overlap in Overlap::ALL {
        assert_eq!(admit(overlap, &Beside::default()), Admission::Start, "{overlap:?}");
    }
}

#[test]
fn each_overlap_does_what_it_says_beside_one_under_way() {
    let one = beside(&["2026-01-02T01:00:00Z"], None);

    let summaries = Overlap::ALL.map(|overlap| summary(admit(overlap, &one)));

    assert_eq!(
        summaries,
        [
            "start",
            "the run 20260102T010000Z is still under way (`Overlap: Forbid`)",
            "replace",
            "wait"
        ]
    );
}

#[test]
fn one_waits_at_most_and_the_newest_replaces_all() {
    let both = ["2026-01-02T01:00:00Z", "2026-01-02T02:00:00Z"];
    let full_line = beside(&both, Some("2026-01-02T03:00:00Z"));

    let summaries = Overlap::ALL.map(|overlap| summary(admit(overlap, &full_line)));

    assert_eq!(
        summaries,
        [
            "start",
            "the run 20260102T020000Z is still under way (`Overlap: Forbid`)",
            "replace",
            "the run 20260102T030000Z is already waiting for the run 20260102T020000Z to end (`Overlap: Queue`)"
        ]
    );
}

#[test]
fn where_the_server_is_full_nothing_is_admitted() {
    let full = Some(Full { max_running: 8, queue: 100 });
    for overlap in Overlap::ALL {
        for under_way in [&[] as &[&str], &["2026-01-02T01:00:00Z"]] {
            let full = Beside { full, ..beside(under_way, None) };

            assert_eq!(
                summary(admit(overlap, &full)),
                "8 containers run (`--max-running`) and 100 runs are already waiting (`--queue`)"
            );
        }
    }
}
