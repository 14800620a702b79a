//! Tests of the stored text of records.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Allocation, Origin, Output, Run, Specification,
    container::UnknownOptions,
    finding::FieldPath,
    journal::{Entry, Event, Suspension},
    notification_decision::Failing,
    output::{Stream, Streams, Times},
    run::{
        Attempt, AttemptKey, Cancellation, ContainerId, Exit, ExitCause, Instant, ManualRequest,
        Node, Reason, RunId, RunState, Step, Trigger,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    super::{
        ReceiverId,
        allocation_status::{Newest, StatusRecord},
        backend::{PieceKey, Positioned},
    },
    *,
};

fn name() -> AllocationName {
    AllocationName::parse("report").unwrap()
}

fn at(microseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_800_000_000_000_000 + microseconds).unwrap()
}

fn instant() -> Instant {
    Instant::new(at(0))
}

fn run_key() -> Key {
    Key::Run(name(), instant())
}

fn run(state: RunState) -> Run {
    Run {
        id: RunId { allocation: name(), instant: instant() },
        uid: Uuid::from_u128(7),
        revision: 3,
        trigger: Trigger::Schedule,
        decided_at: at(12),
        state,
        part_states: Box::default(),
        cancellation: None,
        ended_at: None,
        attempts: Vec::new(),
    }
}

/// A run of which everything is known that may be.
fn full() -> Run {
    let mut output = Output::bounded(10);
    output.push_to(Stream::Error, b"a long ");
    output.push_to(Stream::Out, b"line of text");
    let first = Attempt {
        steps: vec![
            (at(1), Step::Pulled { repository: "busybox".into(), tag: "latest".into() }),
            (at(2), Step::NotPulled { reason: "no \"route\"".into() }),
            (at(3), Step::Created),
            (at(4), Step::Started),
            (at(5), Step::Exited),
            (at(-6), Step::Error(Box::new(Reason::text("it fails")))),
        ],
        container: Some(ContainerId("c0ffee".into())),
        engine_name: Some("default".into()),
        engine: Some("E".into()),
        node: Some(Arc::new(Node { id: "x1".into(), name: "node-1".into() })),
        image: Some("sha256:1".into()),
        remarks: vec!["pulled twice".to_owned()],
        started_at: Some(at(4)),
        exit: Some(Exit {
            code: Some(3),
            image: Some("sha256:1".into()),
            started_at: Some(at(4)),
            ended_at: Some(at(5)),
            error: Some("oom".to_owned()),
            cause: Some(ExitCause::OutOfMemory),
        }),
        output: Some(Arc::new(output.behind_missing(17).to_sized())),
        ..Attempt::new(1)
    };
    let request = ManualRequest {
        by: "ann".to_owned(),
        command: Some(vec!["true".to_owned()]),
        environment: vec!["A=1".to_owned()],
        earlier: 2,
        is_backfill: true,
    };
    Run {
        trigger: Trigger::Manual(Arc::new(request)),
        cancellation: Some(Box::new(Cancellation { reason: cancelled_by_ann(), kill: true })),
        ended_at: Some(at(9)),
        attempts: vec![first, Attempt::new(2), Attempt::new(9), of_part_2(1), of_part_2(2)],
        ..run(RunState::Failed(Reason::ExitCode { exit_code: 3 }))
    }
}

fn of_part_2(number: u32) -> Attempt {
    Attempt { engine_name: Some("b".into()), ..Attempt::new(AttemptKey { part: 2, number }) }
}

fn cancelled_by_ann() -> Reason {
    Reason::CancelledBy { by: "ann".into() }
}

fn positioned(keys: Value) -> Positioned {
    let read = Specification::read(keys, &FieldPath::default(), UnknownOptions::Refuse);
    let allocation = Allocation {
        specification: read.unwrap().specification,
        uid: Uuid::from_u128(8),
        revision: 5,
        origin: Origin::File("docket.yml".into()),
        created_at: at(1),
        scheduled_at: at(2),
    };
    Positioned { allocation: Arc::new(allocation), position: 4 }
}

fn all_keys() -> Value {
    json!({
        "Name": "report", "Description": "a \"report\"", "Labels": {"team": "finance"},
        "Cron": "0 3 * * *", "TimeZone": "Europe/Berlin", "Timeout": "1h", "Keep": {"Runs": 3},
        "Container": {"Config": {"Image": "busybox", "Cmd": ["true"]}},
    })
}

#[track_caller]
fn assert_read_back(key: &Key, record: &Record) {
    let encoded = encode(key, record).unwrap();

    let decoded = decode(key, &encoded.value, encoded.bytes).unwrap();

    assert_eq!(decoded, *record, "{}", encoded.value);
}

#[test]
fn a_run_is_read_back_in_every_state() {
    let reason = || Reason::text("for this reason");
    let last = Instant::new(at(0) + TimeDelta::hours(1));
    let states = [
        RunState::Waiting,
        RunState::Starting,
        RunState::Running,
        RunState::Retrying { reason: reason(), until: at(30_000_000) },
        RunState::Stuck(reason()),
        RunState::Succeeded,
        RunState::Failed(reason()),
        RunState::TimedOut(reason()),
        RunState::Cancelled(reason()),
        RunState::Skipped(reason()),
        RunState::Missed { reason: reason(), last, count: 60 },
        RunState::Lost(reason()),
    ];
    for state in states {
        assert_read_back(&run_key(), &Record::Run(Arc::new(run(state))));
    }
    for trigger in [Trigger::CatchUp, Trigger::Dependency, Trigger::Manual(Arc::default())] {
        let run = Run { trigger, ..run(RunState::Starting) };
        assert_read_back(&run_key(), &Record::Run(Arc::new(run)));
    }
    let part_states = Box::new([
        RunState::Succeeded,
        RunState::Retrying { reason: reason(), until: at(30_000_000) },
    ]);
    let with_parts = Run { part_states, ..run(RunState::Running) };
    assert_read_back(&run_key(), &Record::Run(Arc::new(with_parts)));
    assert_read_back(&run_key(), &Record::Run(Arc::new(full())));
}

#[test]
fn an_exit_whose_start_the_engine_does_not_tell_has_none() {
    let mut run = full();
    let attempt = run.attempts.first_mut().unwrap();
    attempt.exit.as_mut().unwrap().started_at = None;

    assert_read_back(&run_key(), &Record::Run(Arc::new(run)));
}

#[test]
fn an_exit_code_that_the_engine_does_not_report_is_none() {
    for code in [None, Some(0), Some(137)] {
        let mut run = full();
        let attempt = run.attempts.first_mut().unwrap();
        attempt.exit.as_mut().unwrap().code = code;

        assert_read_back(&run_key(), &Record::Run(Arc::new(run)));
    }
}

#[test]
fn the_text_of_a_run_is_short_and_can_be_read() {
    let encoded = encode(&run_key(), &Record::Run(Arc::new(full()))).unwrap();

    let expected = concat!(
        r#"{"Uid":"00000000000000000000000000000007","Revision":3,"Trigger":{"manual":"#,
        r#"{"By":"ann","Command":["true"],"Environment":["A=1"],"Earlier":2,"IsBackfill":true}},"#,
        r#""State":{"failed":{"Code":"exit-code","ExitCode":3}},"#,
        r#""Cancellation":{"Reason":{"Code":"cancelled-by","By":"ann"},"Kill":true},"Decided":12,"Ended":9,"Attempts":["#,
        r#"{"Steps":[[1,{"Pulled":["busybox","latest"]}],[2,{"NotPulled":{"reason":"no \"route\""}}],"#,
        r#"[3,"Created"],[4,"Started"],[5,"Exited"],[-6,{"Error":{"Code":"text","Text":"it fails"}}]],"#,
        r#""Container":"c0ffee","Engine":"E","Node":{"Id":"x1","Name":"node-1"},"#,
        r#""Image":"sha256:1","Remarks":["pulled twice"],"Started":4,"Exit":{"Code":3,"Ended":5,"Error":"oom","#,
        r#""Cause":"OutOfMemory"},"Output":[10,26],"Missing":17},"#,
        r#"{"EngineName":null},{"Number":9,"EngineName":null},"#,
        r#"{"Part":2,"EngineName":"b"},{"Part":2,"EngineName":"b"}]}"#,
    );
    assert_eq!(encoded.value, expected);
}

#[test]
fn an_allocation_is_read_back_with_all_its_keys() {
    let claimed = Key::Item(Collection::Claimed, "report@5".to_owned());
    let after =
        json!({"Name": "report", "After": ["a", "b"], "Container": {"Config": {"Image": "x"}}});
    for keys in [all_keys(), after] {
        let record = Record::Specification(positioned(keys));
        assert_read_back(&Key::Specification(name()), &record);
        assert_read_back(&claimed, &record);
    }
}

#[test]
fn the_text_of_an_allocation_has_its_keys_as_they_are_pushed() {
    let record = Record::Specification(positioned(all_keys()));
    let encoded = encode(&Key::Specification(name()), &record).unwrap();

    let value: Value = serde_json::from_str(&encoded.value).unwrap();
    let expected = json!({
        "Position": 4, "Uid": "00000000000000000000000000000008", "Revision": 5,
        "File": "docket.yml", "Created": "2027-01-15T08:00:00.000001Z",
        "Scheduled": "2027-01-15T08:00:00.000002Z", "Description": "a \"report\"",
        "Labels": {"team": "finance"}, "Cron": "0 3 * * *", "TimeZone": "Europe/Berlin",
        "Policies": {"Timeout": "1h", "Keep": {"Runs": 3}},
        "Container": {"Config": {"Image": "busybox", "Cmd": ["true"]}},
    });
    assert_eq!(value, expected);
}

#[test]
fn all_other_records_are_read_back() {
    let status = StatusRecord {
        decided: Some(at(1)),
        pruned: Some(instant()),
        succeeded: Some(instant()),
        suspension: Some(Arc::new(Suspension::new("ann", at(5)))),
        failing: Some(Failing { since: at(6), last: at(7), count: 2 }),
        notified: vec![ReceiverId::Target("oncall".parse().unwrap())],
        records: 4,
        newest: Some(Newest { instant: instant(), is_missed: true }),
        under_way: vec![instant(), Instant::new(at(5_000))],
    };
    for status in [status, StatusRecord::default()] {
        assert_read_back(&Key::Status(name()), &Record::Status(Arc::new(status)));
    }
    let key = PieceKey { allocation: name(), instant: instant(), attempt: 2.into(), piece: 3 };
    let mut output = Output::bounded(10);
    output.push_to(Stream::Error, b"\xff\0");
    output.note_time(at(4));
    output.push_to(Stream::Out, b"text");
    let notes = [<(Streams, Times)>::default(), output.streams_and_times(0)];
    for (streams, times) in notes {
        let piece = Piece { bytes: Bytes::from_static(b"\xff\0text").into(), streams, times };
        assert_read_back(&Key::Piece(key.clone()), &Record::Piece(piece));
    }
    let entry = Entry { at: at(6), allocation: Some(name()), event: Event::Deleted, by: None };
    assert_read_back(&Key::Entry(1), &Record::Entry(Arc::new(entry)));
    let item = Key::Item(Collection::Meta, "counter".to_owned());
    assert_read_back(&item, &Record::Item("17".into()));
}

#[test]
fn what_a_later_version_adds_is_ignored() {
    let encoded = encode(&run_key(), &Record::Run(Arc::new(full()))).unwrap();
    let text = encoded.value.replacen('{', r#"{"Colour":"blue","#, 1);

    let decoded = decode(&run_key(), &text, Bytes::new()).unwrap();

    assert_eq!(decoded, Record::Run(Arc::new(full())));
}

#[test]
fn a_text_that_is_no_record_is_named_with_its_key() {
    let encoded = encode(&run_key(), &Record::Run(Arc::new(full()))).unwrap().value;
    let far = encoded.replace(r#""Ended":9"#, &format!(r#""Ended":{}"#, i64::MAX));
    for (text, reason) in [
        (encoded.replace("failed", "asleep"), "unknown variant `asleep`"),
        (encoded.replace("\"manual\"", "\"Whim\""), "unknown variant `Whim`"),
        (encoded.replace("Created", "Painted"), "unknown variant `Painted`"),
        (far, "is not a moment of the calendar"),
        (String::new(), "EOF"),
    ] {
        let error = decode(&run_key(), &text, Bytes::new()).unwrap_err().to_string();

        assert!(error.starts_with("the record of `run report/2027"), "{error}");
        assert!(error.contains(reason), "{error}");
    }
}
