//! What keys ask for.

use super::*;
use crate::top::{screen_state::Pane, tests::screen::screen};

#[test]
fn a_manual_run_asks_for_confirmation() {
    let mut model = model();

    let asked = type_in(&mut model, "r");
    let refused = type_in(&mut model, "n");
    let confirmed = type_in(&mut model, "ry");

    assert_eq!((asked, refused), (vec![], vec![]));
    assert_eq!(confirmed, [Effect::Run(name("backup"))]);
}

#[test]
fn a_run_under_way_is_cancelled_or_killed() {
    let mut model = model();

    let cancelled = type_in(&mut model, "cy");
    let killed = type_in(&mut model, "Ky");

    assert_eq!(cancelled, [Effect::Cancel(id("backup", "09:00:00"), false)]);
    assert_eq!(killed, [Effect::Cancel(id("backup", "09:00:00"), true)]);
}

#[test]
fn a_finished_run_cannot_be_cancelled() {
    let mut model = model();
    press(&mut model, Key::Down);

    let effects = type_in(&mut model, "cy");

    assert_eq!(effects, []);
    assert_eq!(model.prompt, None);
}

#[test]
fn a_suspension_asks_for_its_reason() {
    let mut model = model();

    type_in(&mut model, "swhy nott");
    press(&mut model, Key::Backspace);
    let suspended = press(&mut model, Key::Enter);

    assert_eq!(suspended, [Effect::Suspend(name("backup"), "why not".to_owned())]);
}

#[test]
fn only_a_suspended_allocation_is_resumed() {
    let mut model = model();

    let not_suspended = type_in(&mut model, "uy");
    press(&mut model, Key::End);
    let suspended = type_in(&mut model, "uy");

    assert_eq!(not_suspended, []);
    assert_eq!(suspended, [Effect::Resume(name("cleanup"))]);
}

#[test]
fn a_search_matches_name_description_and_labels() {
    let mut model = model();
    for (search, found) in [("port", "report"), ("team=SALES", "report"), ("clean", "cleanup")] {
        type_in(&mut model, "/");
        type_in(&mut model, search);
        press(&mut model, Key::Enter);

        let rows: Vec<_> = model.rows().iter().map(|row| row.name.to_string()).collect();
        assert_eq!(rows, [found]);
        assert_eq!(model.allocation(), Some(name(found)));
        press(&mut model, Key::Escape);
    }
    assert_eq!(model.rows().len(), 3);
}

#[test]
fn the_cursor_stays_on_its_allocation_when_the_order_changes() {
    let mut model = model();
    press(&mut model, Key::Down);
    let before = model.allocation();
    let urgent = allocation("urgent", Some("09:01:00"));

    model.update(Message::Allocation(name("urgent"), Some(urgent)));

    assert_eq!(before, Some(name("report")));
    assert_eq!(model.allocation(), before);
}

#[test]
fn the_cursor_moves_when_its_allocation_is_deleted() {
    let mut model = model();

    model.update(Message::Allocation(name("backup"), None));

    assert_eq!(model.allocation(), Some(name("report")));
}

#[test]
fn the_output_is_that_of_the_newest_run_of_the_selected_allocation() {
    let mut model = model();
    assert_eq!(model.watched, Some(id("backup", "09:00:00")));
    model.update(Message::Output(id("backup", "09:00:00"), b"one\n".to_vec()));
    model.update(Message::Output(id("report", "08:00:00"), b"of another\n".to_vec()));
    let shown = model.output.lines(0, 10).collect::<Vec<_>>().join(",");

    let newer = run("backup", "09:00:20", "running", None);
    let effects = model.update(Message::Run(newer.into()));

    assert_eq!(shown, "one");
    assert_eq!(effects, [Effect::Watch(Some(id("backup", "09:00:20")))]);
    assert_eq!(model.output.len(), 0);
}

#[test]
fn a_failed_run_moves_to_the_failures() {
    let mut model = model();

    let lost = run("backup", "09:00:00", "lost", Some("09:00:10"));
    model.update(Message::Run(lost.into()));

    assert_eq!(model.runs.under_way().len(), 0);
    let failures: Vec<_> =
        model.runs.failures().iter().map(|run| run.allocation.as_str()).collect();
    assert_eq!(failures, ["backup", "report"]);
}

#[test]
fn the_order_of_the_allocations_is_changed_by_a_key() {
    let mut model = model();
    let mut orders = Vec::new();
    for _ in 0..5 {
        let rows = model.rows().iter().map(|row| row.name.to_string()).collect::<Vec<_>>();
        let title = screen(&model, 110, 20).lines().nth(1).unwrap().to_owned();
        orders.push(format!("{}: {}", title.trim_matches([' ', '─']), rows.join(" ")));
        type_in(&mut model, "o");
    }

    assert_eq!(
        orders,
        [
            "Allocations (3): backup report cleanup",
            "Allocations (3), failing first: report backup cleanup",
            "Allocations (3), by next instant: report backup cleanup",
            "Allocations (3), by name: backup cleanup report",
            "Allocations (3): backup report cleanup",
        ]
    );
    assert_eq!(model.allocation(), Some(name("backup")));
}

#[test]
fn all_runs_are_shown_instead_of_failures_newest_first() {
    let mut model = model();
    let good = run("report", "08:30:00", "succeeded", Some("08:30:01"));
    model.update(Message::Run(good.into()));

    type_in(&mut model, "a");
    let all: Vec<_> = model.listed_runs().iter().map(|run| run.run.to_string()).collect();
    press(&mut model, Key::Down);
    let selected = model.selected_run();
    let title = screen(&model, 110, 20);
    type_in(&mut model, "a");
    let failures = model.listed_runs().len();

    assert_eq!(all, ["20261121T090000Z", "20261121T083000Z", "20261121T080000Z"]);
    assert_eq!(selected, Some(id("report", "08:30:00")));
    assert!(title.contains("All runs (3)"), "{title}");
    assert_eq!((failures, model.pane), (1, Pane::Failures));
}

#[test]
fn only_the_newest_runs_are_kept() {
    let mut model = model();
    for second in 0..300 {
        let at = format!("07:{:02}:{:02}", second / 60, second % 60);
        model.update(Message::Run(run("report", &at, "succeeded", Some(&at)).into()));
    }
    type_in(&mut model, "a");

    let runs = model.listed_runs();
    assert_eq!((runs.len(), runs[0].run), (200, id("backup", "09:00:00").instant));
    assert_eq!(runs[199].run, id("report", "07:01:42").instant);
}

#[test]
fn tab_cycles_through_the_panes() {
    let mut model = model();
    let mut panes = Vec::new();
    for _ in 0..4 {
        press(&mut model, Key::Tab);
        panes.push(model.pane);
    }
    press(&mut model, Key::BackTab);

    assert_eq!(panes, [Pane::Running, Pane::Failures, Pane::Output, Pane::Allocations]);
    assert_eq!(model.pane, Pane::Output);
}

#[test]
fn q_quits_and_the_interrupt_quits_at_any_time() {
    let mut model = model();

    assert_eq!(type_in(&mut model, "q"), [Effect::Quit]);
    type_in(&mut model, "sq");
    assert_eq!(press(&mut model, Key::Interrupt), [Effect::Quit]);
}
