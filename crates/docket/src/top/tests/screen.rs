//! What the screen shows.

use insta::assert_snapshot;
use ratatui::{Terminal, backend::TestBackend};

use super::*;
use crate::top::view;

fn screen(model: &Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(model, frame)).unwrap();
    let lines = terminal.backend().to_string();
    let lines: Vec<_> = lines.lines().map(|line| line.trim_matches('"').trim_end()).collect();
    lines.join("\n")
}

#[test]
fn one_look_tells_what_runs_what_is_next_and_what_went_wrong() {
    let mut model = model();
    model.update(Message::Output(id("backup", "09:00:00"), b"1 of 2\n2 of".to_vec()));

    assert_snapshot!(screen(&model, 110, 20));
}

#[test]
fn a_lost_server_and_a_lost_engine_are_told() {
    let mut model = model();
    model.update(Message::Engine(Err("the engine is away since 09:00".to_owned())));
    let engine = screen(&model, 100, 12);
    model.update(Message::Link(Err("lost the connection".to_owned())));
    let server = screen(&model, 100, 12);

    assert!(engine.contains("✗ nothing starts: the engine is away since 09:00"), "{engine}");
    assert!(server.contains("✗ lost the connection"), "{server}");
}

#[test]
fn the_keys_are_helped_with() {
    let mut model = model();
    type_in(&mut model, "?");

    assert_snapshot!(screen(&model, 80, 20));
}

#[test]
fn hostile_text_does_nothing() {
    let mut model = model();
    let mut hostile = allocation("hostile", Some("09:01:00"));
    hostile["Status"]["Schedule"] = json!("\u{1b}[2J\u{202e}\nat dawn");
    model.update(Message::Allocation(name("hostile"), Some(hostile)));
    let mut failed = run("hostile", "08:59:00", "failed", Some("08:59:01"));
    failed.reason = Some("\u{1b}]0;owned\u{7}<b>".to_owned());
    model.update(Message::Run(failed.into()));

    let screen = screen(&model, 110, 20);

    let commands = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(!screen.contains(commands), "{screen}");
    assert!(screen.contains("owned\u{fffd}<b>"), "{screen}");
}

#[test]
fn a_screen_that_is_too_small_says_so() {
    assert!(screen(&model(), 20, 5).starts_with("too small: docket to"));
}

#[test]
fn of_many_lines_those_around_the_cursor_are_shown() {
    let mut model = model();
    let many: Vec<_> =
        (0..1_000).map(|number| allocation(&format!("a{number:03}"), None)).collect();
    model.update(Message::Loaded(many, Vec::new()));
    for _ in 0..50 {
        press(&mut model, Key::PageDown);
    }

    let screen = screen(&model, 80, 24);

    assert!(screen.contains("▶ a500"), "{screen}");
}

#[test]
fn nothing_stays_of_an_allocation_that_is_deleted() {
    let mut model = model();

    model.update(Message::Allocation(name("backup"), None));
    model.update(Message::Allocation(name("report"), None));

    let screen = screen(&model, 110, 20);
    assert!(screen.contains("Under way (0)") && screen.contains("Went wrong (0)"), "{screen}");
    assert!(!screen.contains("backup") && !screen.contains("report"), "{screen}");
}
