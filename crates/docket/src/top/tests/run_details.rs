//! What Enter opens.

use std::time::Duration;

use clap::{Args, Command, FromArgMatches};
use docket_model::wire::Sentence;
use tokio::{io::AsyncReadExt, net::TcpListener, time};

use super::*;
use crate::{
    client::{Client, Connection},
    top::{
        Show,
        run_details::{Details, Subject},
        screen_state::Pane,
    },
};

fn subject(allocation: &str, instant: &str) -> Subject {
    Subject { allocation: name(allocation), run: Some(id(allocation, instant)) }
}

/// A run that failed twice: once with an exit code, once without a container.
fn failed() -> RunRecord {
    let mut record = run("report", "08:00:00", "failed", Some("08:00:05"));
    record.reason = Some("image not found".to_owned());
    (record.lateness_milliseconds, record.duration_milliseconds) = (Some(150), Some(850));
    let attempt = |number: u32, more: Value| {
        let mut attempt = json!({"Attempt": number, "OutOfMemory": false});
        attempt.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(attempt).unwrap()
    };
    let first = json!({"Started": "2026-11-21T08:00:00.150Z", "Ended": "2026-11-21T08:00:01Z",
        "ExitCode": 3});
    record.attempts = vec![attempt(1, first), attempt(2, json!({"Remarks": ["no such manifest"]}))];
    record
}

fn sentence(text: &str) -> Sentence {
    Sentence { at: None, text: text.to_owned() }
}

fn open(model: &mut Model, size: (u16, u16)) -> Vec<Effect> {
    model.update(Message::Size(size.0, size.1));
    press(model, Key::Enter)
}

fn screen(model: &Model) -> String {
    super::screen::screen(model, model.size.0, model.size.1)
}

#[test]
fn the_record_names_the_part_and_the_place_of_an_attempt() {
    let mut model = model();
    model.pane = Pane::Failures;
    let mut record = failed();
    record.attempts[1].part = Some(2);
    record.attempts[1].engine_name = Some("west".to_owned());
    record.attempts[1].node = Some("w3".to_owned());

    open(&mut model, (100, 36));
    let details = Details { record: Some(record.into()), sentences: Vec::new() };
    model.update(Message::Opened(subject("report", "08:00:00"), Ok(details)));

    let screen = screen(&model);
    assert!(screen.contains("Part 2, attempt 2"), "{screen}");
    assert!(screen.contains("on engine west, node w3"), "{screen}");
}

#[test]
fn enter_opens_the_record_and_escape_closes_it() {
    let mut model = model();
    model.pane = Pane::Failures;

    let asked = open(&mut model, (100, 36));
    let loading = screen(&model);
    let why = "The first attempt failed with exit code 3 after 850ms, and the second because the \
               image was not found.";
    let sentences = vec![sentence(why), sentence("It is due next at 11:00.")];
    let details = Details { record: Some(failed().into()), sentences };
    model.update(Message::Opened(subject("report", "08:00:00"), Ok(details)));
    let opened = screen(&model);
    press(&mut model, Key::Escape);
    let closed = screen(&model);

    assert_eq!(asked, [Effect::Open(subject("report", "08:00:00"))]);
    assert!(loading.contains("loading"), "{loading}");
    insta::assert_snapshot!(opened);
    assert!(closed.contains("Allocations (3)"), "{closed}");
}

#[test]
fn a_record_scrolls_within_its_lines() {
    let mut model = model();
    model.pane = Pane::Failures;
    open(&mut model, (40, 12));
    let details =
        Details { record: Some(failed().into()), sentences: vec![sentence("the last line")] };
    model.update(Message::Opened(subject("report", "08:00:00"), Ok(details)));

    let first = screen(&model);
    press(&mut model, Key::End);
    let last = screen(&model);
    press(&mut model, Key::Down);
    press(&mut model, Key::Up);
    let one_up = screen(&model);
    press(&mut model, Key::Home);

    assert!(first.contains("State") && first.contains(" more"), "{first}");
    assert!(last.contains("the last line") && !last.contains(" more"), "{last}");
    assert!(one_up.contains("↓ 1 more"), "{one_up}");
    assert_eq!(screen(&model), first);
}

#[test]
fn an_allocation_without_runs_explains_why() {
    let mut model = model();
    press(&mut model, Key::End);

    let asked = open(&mut model, (80, 24));
    let cleanup = Subject { allocation: name("cleanup"), run: None };
    let sentences = vec![sentence("It is suspended since 08:30 by ann@db.")];
    model.update(Message::Opened(cleanup.clone(), Ok(Details { record: None, sentences })));
    let screen = screen(&model);

    assert_eq!(asked, [Effect::Open(cleanup)]);
    assert!(screen.contains("cleanup no runs yet"), "{screen}");
    assert!(screen.contains("Why  It is suspended since 08:30 by ann@db."), "{screen}");
}

#[test]
fn a_record_follows_its_run_and_no_other() {
    let mut model = model();
    open(&mut model, (80, 24));
    let running = run("backup", "09:00:00", "running", None);
    let details = |record| Ok(Details { record: Some(Box::new(record)), sentences: Vec::new() });
    model.update(Message::Opened(subject("backup", "09:00:00"), details(running)));

    let other = model.update(Message::Run(failed().into()));
    let ended = run("backup", "09:00:00", "succeeded", Some("09:00:20"));
    let own = model.update(Message::Run(ended.into()));
    let late = model.update(Message::Opened(subject("report", "08:00:00"), details(failed())));
    let shown = screen(&model);

    assert_eq!((other, late), (vec![], vec![]));
    assert_eq!(own, [Effect::Open(subject("backup", "09:00:00"))]);
    assert!(shown.contains("Record of backup/") && shown.contains("succeeded"), "{shown}");
}

#[test]
fn an_opened_record_is_loaded_again_when_everything_is() {
    let mut model = model();
    open(&mut model, (80, 24));

    let effects = model.update(loaded(Vec::new(), Vec::new()));

    assert_eq!(effects, [Effect::Open(subject("backup", "09:00:00"))]);
}

#[tokio::test]
async fn a_second_load_of_a_record_ends_the_first() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    // As `main` does: no client can be made without it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = Connection::augment_args(Command::new("docket"));
    let options = options.get_matches_from(["docket", "--host", &host]);
    let client = Client::new(&Connection::from_arg_matches(&options).unwrap()).unwrap();
    let mut show = Show::new(client, host);

    show.carry_out(Effect::Open(subject("backup", "09:00:00")));
    let (mut first, _) = listener.accept().await.unwrap();
    // Before a connection has carried a request, the second load could use it as well.
    let requested = first.read_u8().await;
    show.carry_out(Effect::Open(subject("backup", "09:00:00")));
    let mut rest = Vec::new();
    let closed = time::timeout(Duration::from_secs(20), first.read_to_end(&mut rest)).await;

    assert_eq!(requested.ok(), Some(b'G'));
    assert!(closed.is_ok(), "the first load still waits for its response");
}

#[test]
fn keys_act_on_the_run_that_is_shown() {
    let mut model = model();
    open(&mut model, (80, 24));
    model.update(Message::Run(run("urgent", "08:59:00", "running", None).into()));

    let ignored = [Key::Tab, Key::Char('/'), Key::Enter].map(|key| press(&mut model, key));
    let cancelled = type_in(&mut model, "cy");

    assert_eq!(ignored, [vec![], vec![], vec![]]);
    assert_eq!(cancelled, [Effect::Cancel(id("backup", "09:00:00"), false)]);
}

#[test]
fn a_record_that_cannot_be_loaded_shows_the_error_and_a_deleted_one_closes() {
    let mut model = model();
    open(&mut model, (80, 24));

    let pruned = Err("there is no record of the run".to_owned());
    model.update(Message::Opened(subject("backup", "09:00:00"), pruned));
    let error = screen(&model);
    model.update(Message::Allocation(name("backup"), None));

    assert!(error.contains("Error  there is no record of the run"), "{error}");
    assert!(screen(&model).contains("Allocations (2)"));
}
