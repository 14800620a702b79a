//! Tests of the wording of reasons, and of reading stored ones.

use super::*;
use crate::journal::Cause;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_251_600 + second, 0).unwrap()
}

fn instant(second: i64) -> Instant {
    Instant::new(at(second))
}

fn outage(cause: Cause, to: Option<i64>) -> Outage {
    Outage::of(cause, at(0), to.map(at))
}

fn image(message: &str) -> ImageError {
    ImageError { image: "r.example/a:1".into(), message: message.into() }
}

fn hold(why: Option<&str>, is_late: bool) -> Hold {
    Hold { by: "ann".into(), why: why.map(Into::into), since: None, is_late }
}

fn edited(what: Edit, outage: Option<Outage>) -> Reason {
    Reason::Edited(Box::new(Edited { what, outage }))
}

fn server_zone() -> Edit {
    let (from, to) = ("Europe/Berlin".into(), "UTC".into());
    Edit::ServerZone(Box::new(ServerZone { from, to }))
}

/// Each reason with the words of the release before codes.
#[expect(clippy::too_many_lines, reason = "a table")]
fn all() -> Vec<(Reason, &'static str)> {
    let limit = "1m30s".parse().unwrap();
    vec![
        (Reason::ExitCode { exit_code: 3 }, "exit code 3"),
        (Reason::OutOfMemory { exit_code: Some(137) }, "out of memory, exit code 137"),
        (Reason::Killed { exit_code: Some(137) }, "killed, exit code 137"),
        (
            Reason::EngineWentDown { exit_code: Some(255) },
            "the engine or its host went down, exit code 255",
        ),
        (
            Reason::ContainerError { message: "exec: no, such file".into(), exit_code: Some(127) },
            "exec: no, such file, exit code 127",
        ),
        (
            Reason::Timeout { limit, exit_code: Some(143) },
            "ran longer than 1m30s (`Timeout`), exit code 143",
        ),
        (Reason::CancelledBy { by: "ann@db".into() }, "cancelled by ann@db"),
        (
            Reason::Replaced { newer: instant(0) },
            "replaced by the run 20261121T090000Z (`Overlap: Replace`)",
        ),
        (Reason::ServerStopped, "the server was stopped with `--stop-runs`"),
        (Reason::AllocationDeleted, "its allocation was deleted"),
        (Reason::ImageNotFound { image: "a:1".into() }, "image a:1 not found"),
        (
            Reason::PullFailed(Box::new(image("no route: to host"))),
            "cannot pull image r.example/a:1: no route: to host",
        ),
        (
            Reason::PullForbidden { image: "a:1".into() },
            "image a:1 is not on the engine, and `Pull: Never` forbids pulling it",
        ),
        (
            Reason::WrongPlatform(Box::new(image("it is linux/arm64"))),
            "image r.example/a:1 on the engine is for another platform: it is linux/arm64",
        ),
        (
            Reason::NameHeld { holder: "c0ffee (not docket's)".into() },
            "the name is held by c0ffee (not docket's)",
        ),
        (
            Reason::EngineUnreachable { message: "refused".into() },
            "the engine cannot be reached: refused",
        ),
        (
            Reason::NoAnswer(Box::new(NoAnswer {
                call: "the pull".into(),
                tries: 10,
                message: "timed out: no answer".into(),
            })),
            "the pull got no answer 10 times in a row, though the engine is there: timed out: no answer",
        ),
        (
            Reason::CannotBeKilled { message: "no exit event".into() },
            "it cannot be ended: no exit event",
        ),
        (
            Reason::EnvFiles { message: "the env file `a` is larger than 1 bytes".into() },
            "the env file `a` is larger than 1 bytes",
        ),
        (Reason::ContainerRemoved, "removed from outside"),
        (Reason::RemovedBeforeStart, "removed from outside before it was started"),
        (
            Reason::ContainerGone,
            "its container is gone, removed from outside: whether and how it ran is not known",
        ),
        (
            Reason::OtherNamespace { namespace: "test".into() },
            "its container belongs to the namespace `test`",
        ),
        (Reason::OtherRun, "its container belongs to another run, by its labels"),
        (Reason::LabelsRemoved, "its container no longer has docket's labels"),
        (
            Reason::OtherEngine { engine: "f00".into() },
            "its container is on the engine f00, and docket talks to another one now",
        ),
        (
            Reason::EngineNotConfigured { engine: "web1".into() },
            "its engine `web1` is not configured any more: if its container is there, its end is \
             recorded once the engine is configured again",
        ),
        (Reason::CopyOfStore, "a server with a copy of the store created its container"),
        (
            Reason::StoreRestored { copied_at: at(0) },
            "not known: the store was restored from a copy of 2026-11-21T09:00:00Z",
        ),
        (
            Reason::NamespaceChanged { from: "test".into() },
            "not known: the store was served in the namespace `test` before",
        ),
        (
            Reason::Overlap { older: instant(0) },
            "the run 20261121T090000Z is still under way (`Overlap: Forbid`)",
        ),
        (
            Reason::OverlapUnconfirmed { older: instant(0) },
            "the engine has not reported whether the run 20261121T090000Z has ended \
             (`Overlap: Forbid`)",
        ),
        (
            Reason::QueueTaken { waiting: instant(60), older: instant(0) },
            "the run 20261121T090100Z is already waiting for 20261121T090000Z to end \
             (`Overlap: Queue`)",
        ),
        (
            Reason::QueueFull { max_running: 1, queue: 20 },
            "1 container runs (`--max-running`) and 20 runs are already waiting (`--queue`)",
        ),
        (
            Reason::QueueFull { max_running: 2, queue: 1 },
            "2 containers run (`--max-running`) and 1 run is already waiting (`--queue`)",
        ),
        (
            Reason::DeadlinePassed { outage: None },
            "docket came too late to it: its deadline had passed",
        ),
        (
            Reason::DeadlinePassed { outage: Some(Box::new(outage(Cause::NotRunning, Some(60)))) },
            "docket was not running from 2026-11-21T09:00:00Z to 2026-11-21T09:01:00Z",
        ),
        (
            Reason::DeadlinePassed { outage: Some(Box::new(outage(Cause::EngineAway, None))) },
            "the engine has not answered since 2026-11-21T09:00:00Z",
        ),
        (
            Reason::DeadlinePassed { outage: Some(Box::new(outage(Cause::StoreUnwritable, None))) },
            "the store could not be written since 2026-11-21T09:00:00Z",
        ),
        (
            Reason::NotStartedInTime { outage: None },
            "claimed in time, and not started before its deadline",
        ),
        (
            Reason::NotStartedInTime {
                outage: Some(Box::new(outage(Cause::ClockSetForward, Some(60)))),
            },
            "claimed in time, and not started before its deadline: the clock was set forward from \
             2026-11-21T09:00:00Z to 2026-11-21T09:01:00Z",
        ),
        (Reason::SuspendedBySpecification, "suspended by its specification"),
        (Reason::Suspended(Box::new(hold(None, false))), "suspended by ann"),
        (
            Reason::Suspended(Box::new(hold(Some("the db: moves"), true))),
            "suspended by ann: the db: moves, before it started",
        ),
        (
            Reason::Paused(Box::new(hold(Some("upgrade"), false))),
            "docket was paused by ann: upgrade",
        ),
        (Reason::Paused(Box::new(hold(None, true))), "docket was paused by ann, before it started"),
        (edited(Edit::Schedule, None), "its schedule was changed before it started"),
        (edited(Edit::TimeZone, None), "its time zone was changed before it started"),
        (edited(Edit::Bounds, None), "its `NotBefore` or `NotAfter` was changed before it started"),
        (edited(Edit::Suspended, None), "it was suspended by its specification before it started"),
        (
            edited(Edit::ZoneData, Some(outage(Cause::EngineAway, Some(60)))),
            "the engine was away from 2026-11-21T09:00:00Z to 2026-11-21T09:01:00Z, and newer time \
             zone data changed when it is due before it could start",
        ),
        (
            edited(server_zone(), Some(outage(Cause::HostSuspended, Some(60)))),
            "the host was suspended from 2026-11-21T09:00:00Z to 2026-11-21T09:01:00Z, and the time \
             zone of the server was changed from Europe/Berlin to UTC before it could start",
        ),
        (
            edited(server_zone(), None),
            "the time zone of the server was changed from Europe/Berlin to UTC before it started",
        ),
        (Reason::text("invalid mount path"), "invalid mount path"),
        (Reason::text(""), ""),
    ]
}

#[test]
fn the_words_of_the_last_release_are_read_as_codes_and_values() {
    for (reason, words) in all() {
        assert_eq!(Reason::of_words(words), reason, "{words}");
    }
}

#[test]
fn what_is_read_has_the_same_words_but_for_those_that_changed() {
    for (reason, words) in all() {
        let shown = reason.to_string();
        let is_changed = words.contains("from outside") || reason.code() == "queue-taken";
        assert_eq!(shown != words, is_changed, "{words} became {shown}");
        assert_eq!(Reason::of_words(&shown), reason, "{shown}");
    }
}

#[test]
fn words_that_only_resemble_those_of_docket_stay_as_they_are() {
    for words in [
        "the run 12 is still under way (`Overlap: Forbid`)",
        "2 container runs (`--max-running`) and 1 run is already waiting (`--queue`)",
        "docket was not running from dusk to dawn",
        "not known: the store was restored from a copy of yesterday",
        "exit code",
        "cannot pull image a",
        "its moon was changed before it started",
    ] {
        assert_eq!(Reason::of_words(words), Reason::text(words));
    }
}

#[test]
fn a_reason_is_stored_as_its_code_and_values_and_read_from_words_too() {
    let others = [
        Reason::EngineRefused { message: "no space".into() },
        Reason::NotStartable { message: "no such file".into() },
        Reason::NodeLost { message: "its node `web1` was removed from the Swarm".into() },
        Reason::StoreRefused { message: "no".into() },
        Reason::RunTimeoutBeforeStart { limit: "1m".parse().unwrap() },
        Reason::Killed { exit_code: None },
        Reason::EndNotReported,
        Reason::RunTimeout { limit: "1m".parse().unwrap(), exit_code: Some(143) },
        Reason::NoEngineFits,
        Reason::NoNodeFits,
        Reason::TooFewNodes { wanted: 3, fit: 2 },
        Reason::PartsFailed {
            failed: 1,
            parts: 2,
            described: Box::new([FailedPart {
                part: 2,
                engine: Some("web2".into()),
                node: Some("node-1".into()),
                state: StateWord::Lost,
                reason: Reason::ContainerGone,
            }]),
        },
        Reason::InternalError { message: "no".into() },
        Reason::suspended(&Suspension::new("ann", at(0))),
    ];
    let all = all();
    let all: Vec<_> = all.into_iter().map(|(reason, _)| reason).chain(others).collect();
    for reason in &all {
        let stored = serde_json::to_value(reason).unwrap();
        assert_eq!(stored["Code"], reason.code());
        assert_eq!(serde_json::from_value::<Reason>(stored).unwrap(), *reason);
    }
    let mut codes: Vec<_> = all.iter().map(Reason::code).collect();
    codes.dedup();
    let mut listed = Reason::CODES.to_vec();
    codes.sort_unstable();
    codes.dedup();
    listed.sort_unstable();
    assert_eq!(codes, listed);

    let timeout = Reason::Timeout { limit: "1m".parse().unwrap(), exit_code: Some(143) };
    let stored = r#"{"Code":"timeout","Limit":"1m","ExitCode":143}"#;
    assert_eq!(serde_json::to_string(&timeout).unwrap(), stored);
    let read: Reason = serde_json::from_str("\"exit code 3\"").unwrap();
    assert_eq!(read, Reason::ExitCode { exit_code: 3 });
}

#[test]
fn a_reason_takes_little_memory() {
    assert!(size_of::<Reason>() <= 32, "{}", size_of::<Reason>());
}

#[test]
fn suspensions_are_the_same_where_one_lacks_its_beginning() {
    let since = |second: Option<i64>| {
        Reason::Suspended(Box::new(Hold { since: second.map(at), ..hold(None, false) }))
    };
    assert!(since(None).is_same_as(&since(Some(1))));
    assert!(since(Some(1)).is_same_as(&since(Some(1))));
    assert!(!since(Some(1)).is_same_as(&since(Some(2))));
    assert!(!since(None).is_same_as(&since(None).late()));
    assert!(!since(None).is_same_as(&Reason::Paused(Box::new(hold(None, false)))));
}
