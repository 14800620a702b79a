//! `docket top` in a real terminal: its screen after each key, and the terminal after it.

use std::{thread, time::Duration};

use docket_tests::{
    Engine, Server,
    allocation::{idle, with_option},
    expected_screens::await_shown,
    program,
    pty::Terminal,
    raw_http_client::Request,
};
use serde_json::{Value, json};

fn script(name: &str, script: &str) -> Value {
    let mut allocation = with_option(idle("foo"), "Cmd", json!(["sh", "-c", script]));
    allocation["Name"] = json!(name);
    with_option(allocation, "StopSignal", json!("SIGKILL"))
}

fn server() -> Server {
    let server = Server::start(Engine::shared());
    server.await_ready();
    server
        .push(&script("counter", "n=0; while true; do n=$((n+1)); echo line $n; sleep 0.1; done"));
    server.push(&script("failing", "echo oh no; exit 3"));
    server.push(&script("hostile", r"printf 'a\033[2J\033]0;owned\007b\n'"));
    server
}

/// The view in a shell that prints text before and after it.
fn top(server: &Server, size: (u16, u16)) -> Terminal {
    let (program, url) = (program().display().to_string(), server.url().to_owned());
    let script = format!(
        "echo before; a=$(stty -g); {program} top --host {url}; echo \"left: $?\"; \
         test \"$a\" = \"$(stty -g)\" && echo as it was; sleep 600"
    );
    Terminal::start(&script, size)
}

#[test]
fn runs_are_started_followed_and_cancelled_by_keys() {
    let server = server();
    let terminal = top(&server, (120, 30));
    terminal.await_text("3 allocations");
    terminal.await_text("▶ counter");

    terminal.press(&["r"]);
    terminal.await_text("Run counter now? [y/n]");
    terminal.press(&["y"]);
    terminal.await_text("Under way (1)");
    terminal.await_text("line 3");
    terminal.press(&["c"]);
    terminal.await_text("[y/n]");
    terminal.press(&["y"]);
    terminal.await_text("Under way (0)");
    let run = server.ended_run("counter");

    assert_eq!(run["State"], "cancelled", "{run}");
}

#[test]
fn one_engine_of_several_that_is_away_is_named() {
    let near = format!("near={}", Engine::shared().address());
    let server = Server::listening("127.0.0.1:0", "unix:///not-read.sock", |command| {
        command.args(["--engine", &near, "--engine", "away=unix:///no/such/engine.sock"]);
    });
    server.await_engines(&["up", "away"]);

    let terminal = top(&server, (200, 30));

    terminal.await_text("  ! the engine `away` has not answered since 2");
}

#[test]
fn each_key_shows_its_screen() {
    let server = Server::start(Engine::shared());
    server.await_ready();
    server.push(&script("counter", "echo one; echo two; sleep 600"));
    server.push(&script("failing", "echo oh no; exit 3"));
    server.push(&script("quiet", "true"));
    // So wide that no column is cut if a duration is longer.
    let terminal = top(&server, (200, 30));

    await_shown(&terminal, "start");
    for (key, screen) in [
        ("Down", "second line"),
        ("j", "last line"),
        ("k", "second line"),
        ("Up", "start"),
        ("End", "last line"),
        ("Home", "start"),
        ("PageDown", "last line"),
        ("PageUp", "start"),
        ("?", "help"),
        ("Escape", "start"),
        ("r", "confirm run"),
        ("n", "start"),
        ("r", "confirm run"),
        ("y", "run started"),
        ("c", "confirm cancel"),
        ("Escape", "run not cancelled"),
        ("Tab", "pane of runs"),
        ("Tab", "pane of failures"),
        ("Tab", "pane of output"),
        ("BTab", "pane of failures"),
        ("BTab", "pane of runs"),
        ("BTab", "run not cancelled"),
        ("K", "confirm kill"),
        ("Enter", "killed"),
        ("s", "ask reason"),
        ("x", "reason typed"),
        ("BSpace", "ask reason"),
        ("y", "reason complete"),
        ("Enter", "suspended"),
        ("u", "confirm resume"),
        ("y", "resumed"),
        ("/", "search started"),
        ("f", "search narrowed"),
        ("Enter", "found"),
        ("r", "confirm run of found"),
        ("Enter", "found failed"),
        ("Escape", "search cleared"),
        ("q", "quit"),
    ] {
        terminal.press(&[key]);
        await_shown(&terminal, screen);
    }
}

#[test]
fn a_failed_run_is_shown_with_its_output() {
    let server = server();
    let terminal = top(&server, (120, 30));
    terminal.await_text("▶ counter");

    server.run_manually("failing");
    terminal.await_text("Failures (1)");
    terminal.press(&["Tab", "Tab"]);
    let screen = terminal.await_text("oh no");

    assert!(screen.contains("exit code 3"), "{screen}");
}

#[test]
fn enter_opens_the_record_of_a_run_with_the_explanation() {
    let server = server();
    let mut failing = script("failing", "echo oh no; exit 3");
    failing["Retries"] = json!({"Limit": 1, "Delay": "1s"});
    server.push(&failing);
    let terminal = top(&server, (120, 50));
    terminal.await_text("▶ counter");

    server.run_manually("failing");
    terminal.await_text("Failures (1)");
    terminal.press(&["Tab", "Tab", "Enter"]);
    let screen = terminal.await_text("Attempt 2");
    let why = server.get("/failing/why").json();
    terminal.press(&["Escape"]);
    terminal.await_text("Allocations (3)");

    // On the screen a sentence continues in the next line.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentences = why["Sentences"].as_array().unwrap().iter();
    let about_it: Vec<_> = sentences
        .map(|sentence| sentence["Text"].as_str().unwrap())
        .filter(|text| text.contains("exit code 3"))
        .collect();
    assert!(!about_it.is_empty(), "{why}");
    for sentence in about_it {
        assert!(words(&screen).contains(&words(sentence)), "{sentence}\n{screen}");
    }
    assert!(screen.contains("Record of failing/") && screen.contains("Exit code"), "{screen}");
}

#[test]
fn narrow_terminals_cut_with_an_ellipsis_and_one_without_a_width_counts_as_80_columns() {
    let server = server();
    server.push(&script("a-name-that-is-longer-than-a-narrow-terminal-is-wide", "true"));
    let (program, url) = (program().display().to_string(), server.url().to_owned());

    let script = format!("stty cols 0 rows 0; {program} top --host {url}; sleep 600");
    let without = Terminal::start(&script, (100, 30));
    without.await_text("▶ a-name");
    let terminal = top(&server, (80, 24));
    for width in [80, 40] {
        terminal.resize((width, 24));
        let screen = terminal.await_screen("a list that fits", |screen| {
            screen.lines().all(|line| line.chars().count() <= usize::from(width))
                && screen.contains("▶ a-")
        });
        assert!(screen.contains('…'), "{screen}");
    }
    terminal.resize((20, 24));
    terminal.await_text("too small: docket\ntop needs 40x12");
}

#[test]
fn an_allocation_is_suspended_with_a_reason_and_resumed() {
    let server = server();
    let terminal = top(&server, (120, 30));
    terminal.await_text("▶ counter");

    terminal.press(&["s"]);
    terminal.await_text("Suspend counter. Reason:");
    terminal.press(&["-l", "the disk moves"]);
    terminal.press(&["Enter"]);
    terminal.await_text("1 suspended");
    let reason = server.get("/counter").json()["Status"]["Suspended"]["Reason"].clone();
    // The suspended allocation has moved to the end; the cursor stays on it.
    terminal.await_text("▶ counter");
    terminal.press(&["u"]);
    terminal.await_text("Resume counter? [y/n]");
    terminal.press(&["y"]);
    terminal.await_screen("none suspended", |screen| !screen.contains("1 suspended"));

    assert_eq!(reason, "the disk moves");
    assert_eq!(server.get("/counter").json()["Status"]["Suspended"], Value::Null);
}

#[test]
fn a_pause_of_the_server_is_shown_while_it_holds() {
    let server = server();
    let terminal = top(&server, (120, 30));
    terminal.await_text("▶ counter");
    let header = "docket is paused by ann@db until it is unpaused: the database moves";

    let pause = json!({"By": "ann@db", "Reason": "the database moves"});
    let paused = server.send(&Request::post_to("/-/pause", &pause));
    let screen = terminal.await_text(header);
    server.docket(["unpause"]).ok();
    terminal.await_screen("the next instant again", |screen| {
        !screen.contains("paused") && screen.contains("-01-01 00:00")
    });

    assert_eq!(paused.status, 200);
    assert!(screen.contains("  paused by ann@db"), "{screen}");
}

#[test]
fn a_search_and_a_new_size_are_followed() {
    let server = server();
    let terminal = top(&server, (120, 30));
    terminal.await_text("▶ counter");

    terminal.press(&["/"]);
    terminal.press(&["-l", "fail"]);
    terminal.press(&["Enter"]);
    let found = terminal.await_text("Allocations matching “fail” (1)");
    terminal.resize((60, 15));
    // The terminal cuts the old content before it is drawn again.
    terminal.await_screen("60 columns", |screen| {
        screen.contains("▶ failing")
            && screen.contains(" Output ──")
            && screen.lines().all(|line| line.chars().count() <= 60)
    });
    terminal.resize((30, 8));
    terminal.await_text("too small");
    terminal.resize((120, 30));
    terminal.await_text("▶ failing");

    assert!(!found.contains("counter"), "{found}");
}

#[test]
fn control_characters_in_output_have_no_effect() {
    let server = server();
    let terminal = top(&server, (120, 30));
    terminal.await_text("▶ counter");

    terminal.press(&["/"]);
    terminal.press(&["-l", "hostile"]);
    terminal.press(&["Enter", "r"]);
    terminal.await_text("Run hostile now?");
    terminal.press(&["y"]);
    let screen =
        terminal.await_screen("the output", |screen| screen.lines().any(|line| line == "ab"));

    assert!(screen.contains("▶ hostile"), "{screen}");
}

#[test]
fn the_terminal_is_left_as_it_was() {
    let server = server();
    for leave in ["q", "C-c"] {
        let terminal = top(&server, (100, 24));
        terminal.await_text("▶ counter");

        terminal.press(&[leave]);
        let screen = terminal.await_text("as it was");

        assert!(screen.starts_with("before\nleft: 0\nas it was\n"), "{screen}");
    }
}

#[test]
fn a_lost_and_restored_connection_is_shown() {
    let server = server();
    let terminal = top(&server, (120, 30));
    terminal.await_text("▶ counter");
    let address = server.url().trim_start_matches("http://").to_owned();

    server.crash();
    terminal.await_text("✗");
    // Longer than the first attempts to reconnect.
    thread::sleep(Duration::from_secs(3));
    let server = Server::listening(&address, Engine::shared().address(), |_| {});
    server.await_ready();
    server.push(&script("newcomer", "true"));

    // A server with an empty store has only what was pushed since.
    terminal.await_text("▶ newcomer");
    terminal.await_text("✓ Docker");
}
