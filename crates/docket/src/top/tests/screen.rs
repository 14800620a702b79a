//! What the screen shows.

use insta::assert_snapshot;
use ratatui::{Terminal, backend::TestBackend, buffer::Cell, style::Color};

use super::*;
use crate::top::draw;

pub(super) fn screen(model: &Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw::draw(model, frame)).unwrap();
    let lines = terminal.backend().to_string();
    let lines: Vec<_> = lines.lines().map(|line| line.trim_matches('"').trim_end()).collect();
    lines.join("\n")
}

#[test]
fn the_screen_shows_running_upcoming_and_failed_runs() {
    let mut model = model();
    model.update(Message::Output(id("backup", "09:00:00"), b"1 of 2\n2 of".to_vec()));

    assert_snapshot!(screen(&model, 110, 20));
}

#[test]
fn a_lost_server_and_a_lost_engine_are_shown() {
    let mut model = model();
    let reason = "the engine is away since 09:00".to_owned();
    model.update(Message::Engines(EngineLine::NothingStarts(reason)));
    let engine = screen(&model, 100, 12);
    model.update(Message::Link(Err("lost the connection".to_owned())));
    let server = screen(&model, 100, 12);

    assert!(engine.contains("✗ nothing can start: the engine is away since 09:00"), "{engine}");
    assert!(server.contains("✗ lost the connection"), "{server}");
}

#[test]
fn one_engine_of_several_that_is_away_is_named_and_changes_sign_and_colour() {
    let head = |engines: EngineLine| {
        let mut model = model();
        model.update(Message::Engines(engines));
        let mut terminal = Terminal::new(TestBackend::new(60, 12)).unwrap();
        terminal.draw(|frame| draw::draw(&model, frame)).unwrap();
        let cells = terminal.backend().buffer().content();
        let sign = cells.iter().position(|cell| ["✓", "!", "✗"].contains(&cell.symbol())).unwrap();
        let text: String = cells[sign..60].iter().map(Cell::symbol).collect();
        (text, cells[sign].fg)
    };

    let heads = [
        head(EngineLine::AllUp("2 engines".to_owned())),
        head(EngineLine::SomeAway("the engine `b` is away".to_owned())),
        head(EngineLine::NothingStarts("both are away".to_owned())),
    ];

    let expected = [
        ("✓ 2 engines  3 allocations, 1…", Color::Green),
        ("! the engine `b` is away  3…  ", Color::Yellow),
        ("✗ nothing can start: both are…", Color::Red),
    ];
    assert_eq!(heads, expected.map(|(text, colour)| (text.to_owned(), colour)));
}

#[test]
fn the_help_shows_all_keys() {
    let mut model = model();
    type_in(&mut model, "?");

    assert_snapshot!(screen(&model, 80, 20));
}

#[test]
fn control_characters_are_not_shown() {
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
    assert_eq!(screen(&model(), 20, 5).trim_end(), "too small: docket\ntop needs 40x12");
    assert!(cells(&model(), 1, 1).concat().starts_with('t'));
}

/// A model whose every text is longer than any screen, in narrow and wide characters.
fn long_texts() -> Model {
    let wide = "ディスクがいっぱいです".repeat(20);
    let mut model = Model::new(format!("http://{}:3000", "server".repeat(40)), now());
    let mut long = allocation(&"backup-".repeat(18), Some("12:00:00"));
    long["Status"]["Schedule"] = json!("at 09:00 on the last weekday of the month ".repeat(5));
    long["Status"]["LastRun"] = json!({"Run": "20261121T080000Z", "State": "failed",
        "ExitCode": 3, "Reason": wide, "Ended": "2026-11-21T08:00:05Z"});
    let mut suspended = allocation("suspended", None);
    suspended["Status"]["Suspended"] = json!({"By": wide, "Since": "2026-11-21T08:30:00Z"});
    let mut failed = run(&"backup-".repeat(18), "08:00:00", "failed", Some("08:00:05"));
    failed.reason = Some(wide.clone());
    model.update(Message::Link(Ok(())));
    model.update(loaded(vec![long, suspended], vec![failed]));
    model.update(Message::Output(model.watched.clone().unwrap(), wide.into_bytes()));
    model
}

/// The cells of a screen, a line each.
fn cells(model: &Model, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw::draw(model, frame)).unwrap();
    let cells = terminal.backend().buffer().content().chunks(width.into());
    cells.map(|line| line.iter().map(Cell::symbol).collect()).collect()
}

#[test]
fn every_cut_text_ends_with_an_ellipsis() {
    let mut model = long_texts();
    for width in [40, 60, 80, 120] {
        let lines = cells(&model, width, 24);
        let line = |text: &str| lines.iter().find(|line| line.contains(text)).unwrap();
        let ellipses = |text: &str| line(text).matches('…').count();

        assert!(lines[0].trim_end().ends_with('…'), "{lines:#?}");
        assert!(ellipses("▶ backup") >= 2, "{lines:#?}");
        assert!(ellipses("  suspended") >= 1, "{lines:#?}");
        assert!(lines.iter().all(|line| !line.contains("·…")), "{lines:#?}");
        assert_eq!(ellipses("Output of backup-"), 1, "{lines:#?}");
        assert!(line("Output of").trim_end_matches('─').ends_with("… "), "{lines:#?}");
        // The name and the reason of the run that failed; then its output.
        let failed = lines.iter().position(|line| line.contains("Failures")).unwrap() + 1;
        assert_eq!(lines[failed].matches('…').count(), 2, "{lines:#?}");
        let output = lines.iter().position(|line| line.contains("Output of")).unwrap() + 1;
        assert!(lines[output].trim_end().ends_with('…'), "{lines:#?}");
    }
    model.update(Message::Notice("the disk is full ".repeat(20)));
    assert!(cells(&model, 80, 24)[23].trim_end().ends_with('…'));
    type_in(&mut model, "/a search text that is longer than the line of the terminal");
    let typed = &cells(&model, 40, 24)[23];
    assert!(typed.starts_with('…') && typed.contains("of the terminal▏"), "{typed}");
}

#[test]
fn counts_of_runs_and_next_instants_are_never_cut() {
    let mut model = model();
    let mut busy = allocation("busy", Some("12:00:00"));
    busy["Status"]["Retrying"] = json!(5);
    model.update(Message::Allocation(name("busy"), Some(busy.clone())));

    for (width, next) in [(60, "in 2h 59m"), (80, "in 2h 59m"), (110, "2026-11-21 13:00 CET")] {
        let screen = screen(&model, width, 20);
        let line = screen.lines().find(|line| line.contains("  busy")).unwrap();
        assert!(line.contains("  5 retrying  ") && line.contains(next), "{screen}");
        assert!(!screen.contains("2026-11-2…") && !screen.contains("59m…"), "{screen}");
    }
    let narrow = screen(&model, 40, 20);
    busy["Status"]["Running"] = json!(1);
    model.update(Message::Allocation(name("busy"), Some(busy)));
    let crowded = screen(&model, 60, 20);

    assert!(narrow.contains("in 2h 59m  ") && !narrow.contains("59m ·"), "{narrow}");
    // `1 running, 5 retrying` would leave too little room to the others.
    assert!(!crowded.contains("ACTIVE") && !crowded.contains("5 retrying"), "{crowded}");
}

#[test]
fn a_pause_of_the_server_is_shown_in_the_header_and_instead_of_next_instants() {
    let mut model = model();
    let mut manual = allocation("manual-only", None);
    (manual["Cron"], manual["Status"]["Schedule"]) = (json!(""), json!("only manually"));
    model.update(Message::Allocation(name("manual-only"), Some(manual)));
    let pause = |until: Option<&str>| {
        let pause = json!({"By": "bob@db", "Reason": "the database moves",
            "Since": "2026-11-21T08:30:00Z", "Until": until});
        let zone = "Europe/Berlin".parse().unwrap();
        Message::Pause(Some(serde_json::from_value(pause).unwrap()), zone)
    };

    model.update(pause(None));
    let open = screen(&model, 100, 14);
    model.update(pause(Some("2026-11-21T09:02:00Z")));
    let until = screen(&model, 150, 14);
    model.update(Message::Tick("2026-11-21T09:02:00Z".parse().unwrap()));
    let over = screen(&model, 150, 14);

    assert_snapshot!(first_lines(&open, 7), @r"
    docket http://localhost:3000  ✓ Docker 28.1  4 allocations, 1 suspended, 1 running
    docket is paused by bob@db until it is unpaused: the database moves
     Allocations (4) ───────────────────────────────────────────────────────────────────────────────────
      NAME             SCHEDULE              NEXT                        ACTIVE     LAST RESULT
    ▶ backup           every hour            paused by bob@db            1 running  no runs yet
      report           every hour            paused by bob@db                       failed 1h ago: exit…
      cleanup          every hour            suspended by ann@db                    no runs yet
    ");
    assert_snapshot!(first_lines(&until, 7), @r"
    docket http://localhost:3000  ✓ Docker 28.1  4 allocations, 1 suspended, 1 running
    docket is paused by bob@db until 2026-11-21 10:02 CET: the database moves
     Allocations (4) ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
      NAME                    SCHEDULE                       NEXT                                                 ACTIVE     LAST RESULT
    ▶ backup                  every hour                     paused by bob@db until 2026-11-21 10:02 CET          1 running  no runs yet
      report                  every hour                     paused by bob@db until 2026-11-21 10:02 CET                     failed 1h ago: exit code 3
      cleanup                 every hour                     suspended by ann@db                                             no runs yet
    ");
    assert!(!over.contains("paused") && over.contains("in 2h 58m"), "{over}");
}

fn first_lines(screen: &str, count: usize) -> String {
    screen.lines().take(count).collect::<Vec<_>>().join("\n")
}

#[test]
fn dependencies_and_manual_allocations_are_shown() {
    let mut model = model();
    let mut child = allocation("child", None);
    child.as_object_mut().unwrap().remove("Cron");
    child["After"] = json!(["extract"]);
    child["Status"]["Schedule"] = Value::Null;
    let mut manual = allocation("manual-only", None);
    (manual["Cron"], manual["Status"]["Schedule"]) = (json!(""), json!("only manually"));
    model.update(Message::Allocation(name("child"), Some(child)));
    model.update(Message::Allocation(name("manual-only"), Some(manual)));

    for width in [80, 110] {
        let screen = screen(&model, width, 20);
        let line = |name: &str| screen.lines().find(|line| line.contains(name)).unwrap();
        assert!(line("child").contains("after extract"), "{screen}");
        assert!(line("manual-only").contains("manual  "), "{screen}");
        assert!(!screen.contains("never"), "{screen}");
    }
    // Where schedules have no room, the column of the next instant says it.
    let narrow = screen(&model, 40, 20);
    assert!(narrow.contains("when extract…") && narrow.contains("not scheduled"), "{narrow}");
}

#[test]
fn the_rows_around_the_cursor_are_shown() {
    let mut model = model();
    let many: Vec<_> =
        (0..1_000).map(|number| allocation(&format!("a{number:03}"), None)).collect();
    model.update(loaded(many, Vec::new()));
    for _ in 0..50 {
        press(&mut model, Key::PageDown);
    }

    let screen = screen(&model, 80, 24);

    assert!(screen.contains("▶ a500"), "{screen}");
}

#[test]
fn a_deleted_allocation_is_removed_from_all_panes() {
    let mut model = model();

    model.update(Message::Allocation(name("backup"), None));
    model.update(Message::Allocation(name("report"), None));

    let screen = screen(&model, 110, 20);
    assert!(screen.contains("Under way (0)") && screen.contains("Failures (0)"), "{screen}");
    assert!(!screen.contains("backup") && !screen.contains("report"), "{screen}");
}
