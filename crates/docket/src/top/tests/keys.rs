//! What keys ask for.

use super::*;
use crate::top::model::Pane;

#[test]
fn a_run_by_hand_is_asked_back_first() {
    let mut model = model();

    let asked = type_in(&mut model, "r");
    let refused = type_in(&mut model, "n");
    let confirmed = type_in(&mut model, "ry");

    assert_eq!((asked, refused), (vec![], vec![]));
    assert_eq!(confirmed, [Effect::Run(name("backup"))]);
}

#[test]
fn what_is_under_way_is_cancelled_or_killed() {
    let mut model = model();

    let cancelled = type_in(&mut model, "cy");
    let killed = type_in(&mut model, "Ky");

    assert_eq!(cancelled, [Effect::Cancel(id("backup", "09:00:00"), false)]);
    assert_eq!(killed, [Effect::Cancel(id("backup", "09:00:00"), true)]);
}

#[test]
fn what_is_over_cannot_be_cancelled() {
    let mut model = model();
    press(&mut model, Key::Down);

    let effects = type_in(&mut model, "cy");

    assert_eq!(effects, []);
    assert_eq!(model.prompt, None);
}

#[test]
fn a_suspension_takes_its_reason() {
    let mut model = model();

    type_in(&mut model, "swhy nott");
    press(&mut model, Key::Backspace);
    let suspended = press(&mut model, Key::Enter);

    assert_eq!(suspended, [Effect::Suspend(name("backup"), "why not".to_owned())]);
}

#[test]
fn only_what_is_suspended_is_resumed() {
    let mut model = model();

    let not_suspended = type_in(&mut model, "uy");
    press(&mut model, Key::End);
    let suspended = type_in(&mut model, "uy");

    assert_eq!(not_suspended, []);
    assert_eq!(suspended, [Effect::Resume(name("cleanup"))]);
}

#[test]
fn a_search_looks_in_name_description_and_labels() {
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
fn the_cursor_stays_on_its_allocation_where_others_overtake_it() {
    let mut model = model();
    press(&mut model, Key::Down);
    let before = model.allocation();
    let urgent = allocation("urgent", Some("09:01:00"));

    model.update(Message::Allocation(name("urgent"), Some(urgent)));

    assert_eq!(before, Some(name("report")));
    assert_eq!(model.allocation(), before);
}

#[test]
fn what_is_gone_leaves_the_cursor_to_another() {
    let mut model = model();

    model.update(Message::Allocation(name("backup"), None));

    assert_eq!(model.allocation(), Some(name("report")));
}

#[test]
fn the_output_shown_is_that_of_the_newest_run_of_what_is_selected() {
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
fn a_run_that_went_wrong_leaves_what_is_under_way() {
    let mut model = model();

    let lost = run("backup", "09:00:00", "lost", Some("09:00:10"));
    model.update(Message::Run(lost.into()));

    assert_eq!(model.running().len(), 0);
    let failures: Vec<_> = model.failures().iter().map(|run| run.allocation.as_str()).collect();
    assert_eq!(failures, ["backup", "report"]);
}

#[test]
fn tab_goes_round() {
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
fn it_is_left_by_q_and_at_any_time_by_the_interrupt() {
    let mut model = model();

    assert_eq!(type_in(&mut model, "q"), [Effect::Quit]);
    type_in(&mut model, "sq");
    assert_eq!(press(&mut model, Key::Interrupt), [Effect::Quit]);
}
