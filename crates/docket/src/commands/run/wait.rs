//! Waits for a manual run, and exits with its container's exit code.

use anyhow::{Error, Result};
use chrono::TimeDelta;
use docket_model::{
    AllocationName,
    output::Stream,
    run::StateWord,
    wire::{RunRecord, RunRequest, RunSummary},
};

use crate::{
    client::{Client, Connection, Follow, RunResponse},
    clock,
    commands::{
        ExitWith,
        follow_run::{self, Watcher},
        run_argument,
    },
    print,
    signals::Signals,
    time_and_state_words,
};

/// The exit code of `docker run` if no container ran.
const NEVER_RAN: u8 = 125;

/// The exit code of `timeout` after a timeout.
const TIMED_OUT: u8 = 124;

/// How many of the newest runs are searched for the one that this run waits for.
// One request: what the run waits for is only a help, and not worth reading a long history.
const SEARCHED_RUNS: usize = 100;

/// The exit code of a shell after a signal is this plus the signal's number.
const AFTER_SIGNAL: u8 = 128;

/// Starts a run and waits for its end.
pub(super) async fn run(
    connection: &Connection,
    name: &AllocationName,
    request: &RunRequest,
) -> Result<()> {
    let code = match ended(connection, name, request).await {
        Ok(code) => code,
        Err(error) => {
            // Printed here, since the exit code is 125 and not the usual 1: a script must not take
            // it for the container's.
            print::error(&error);
            NEVER_RAN
        }
    };
    if code == 0 { Ok(()) } else { Err(ExitWith(code).into()) }
}

async fn ended(connection: &Connection, name: &AllocationName, request: &RunRequest) -> Result<u8> {
    let client = Client::new(connection)?;
    let record = match client.run(name, request).await? {
        RunResponse::Accepted(record) => record,
        RunResponse::Skipped(record) => return Ok(report(name, &record)),
    };
    let run = run_argument::id(name, &record);
    let mut waiter = Waiter::default();
    // The state is printed before the output is requested, which waits until the run starts.
    waiter.state(&client, &record).await;
    // Before this line Ctrl-C ends the command as usual.
    let mut signals = Signals::catch()?;
    // `true`: the server has just responded, so a lost connection is waited for.
    let following = async {
        let follow = Follow::new(&client, run.clone(), true);
        if record.parts.is_empty() {
            follow_run::to_the_end(follow, &mut waiter).await
        } else {
            follow_run::parts_to_the_end(&follow, &record.parts, &mut waiter).await
        }
    };
    tokio::select! {
        record = following => Ok(report(name, &record?)),
        signal = signals.next() => {
            print::note(format_args!("{run} is still running: cancel it with `docket cancel {run}`"));
            Ok(u8::try_from(signal.as_raw_value()).map_or(NEVER_RAN, |signal| AFTER_SIGNAL + signal))
        }
    }
}

/// Prints the output until standard output is closed, and prints what the run waits for.
#[derive(Default)]
struct Waiter {
    is_closed: bool,
    /// The state and the number of attempts that were printed last.
    printed: Option<(StateWord, usize)>,
}

impl Watcher for Waiter {
    fn bytes(&mut self, stream: Stream, bytes: &[u8]) -> Result<()> {
        if stream == Stream::Error {
            print::error_bytes(bytes);
            return Ok(());
        }
        if self.is_closed {
            return Ok(());
        }
        let printed = print::bytes(bytes);
        self.is_closed = printed.as_ref().is_err_and(Error::is::<print::Closed>);
        // A reader such as `head` ends the printing, but not the wait: the exit code is still
        // wanted.
        if self.is_closed { Ok(()) } else { printed }
    }

    async fn state(&mut self, client: &Client, record: &RunRecord) {
        let now = Some((record.state.clone(), record.attempts.len()));
        if self.printed == now {
            return;
        }
        self.printed = now;
        let state = waits_for(client, record).await;
        let line = format!("{}/{}: {state}", record.allocation, record.run);
        print::note(print::on_one_line(&line));
    }
}

/// The state of a run, with what it waits for as far as the record says it.
async fn waits_for(client: &Client, record: &RunRecord) -> String {
    let state = time_and_state_words::state(&RunSummary::from(record), clock::now());
    match record.state {
        StateWord::Waiting => match older_run(client, record).await {
            Some(older) => format!("{state} for {}/{} to end", record.allocation, older.run),
            None => state,
        },
        // Without a container it may wait for a slot, for its jitter or for a pull: the record does not
        // say which.
        StateWord::Starting if has_container(record) => format!("{state}: container created"),
        _ => match &record.reason {
            Some(reason) => format!("{state}: {reason}"),
            None => state,
        },
    }
}

fn has_container(record: &RunRecord) -> bool {
    record.attempts.iter().any(|attempt| attempt.container.is_some())
}

/// The run that this one waits for: the newest older run under way.
async fn older_run(client: &Client, record: &RunRecord) -> Option<RunRecord> {
    let name = AllocationName::parse(&record.allocation).ok()?;
    let runs = client.newest_runs::<RunRecord>(&name, SEARCHED_RUNS).await.ok()?;
    // The list is sorted newest first.
    runs.items.into_iter().find(|run| run.run < record.run && !run.is_over())
}

/// Prints how a run ended, and returns the exit code for it.
fn report(name: &AllocationName, record: &RunRecord) -> u8 {
    let (run, state) = (record.run, record.state.shown());
    let duration =
        record.duration_milliseconds.map(TimeDelta::milliseconds).map(time_and_state_words::exact);
    let length = duration.map(|length| format!(" after {length}")).unwrap_or_default();
    let code = code(record);
    let why = time_and_state_words::why(record.reason.as_deref(), Some(code.into()));
    print::note(print::on_one_line(&format!("{name}/{run}: {state}{length}{why}")));
    code
}

/// The exit code of the container, of a failed one where there are several; 0 only for a run that succeeded.
fn code(record: &RunRecord) -> u8 {
    let code = record.exit_code();
    match (&record.state, code) {
        (StateWord::Succeeded, _) => 0,
        (StateWord::Lost, _) => NEVER_RAN,
        // A run that did not succeed never exits with 0, even if its container did.
        (_, Some(code)) if code != 0 => u8::try_from(code).unwrap_or(NEVER_RAN),
        (StateWord::TimedOut, _) => TIMED_OUT,
        _ => NEVER_RAN,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn code_of(state: &str, exit_code: impl Into<Value>) -> u8 {
        let record = json!({
            "Run": "20261121T090000Z", "Allocation": "report", "Trigger": "ByHand",
            "Instant": "2026-11-21T09:00:00Z", "Decided": "2026-11-21T09:00:00Z", "State": state,
            "Attempts": [{"Attempt": 1, "ExitCode": exit_code.into(), "OutOfMemory": false}],
        });
        code(&serde_json::from_value(record).unwrap())
    }

    #[test]
    fn the_exit_code_is_that_of_the_container_and_never_0_for_a_failed_run() {
        assert_eq!(code_of("succeeded", 0), 0);
        assert_eq!(code_of("failed", 3), 3);
        assert_eq!(code_of("cancelled", 137), 137);
        assert_eq!(code_of("cancelled", 0), NEVER_RAN);
        assert_eq!(code_of("failed", Value::Null), NEVER_RAN);
        assert_eq!(code_of("failed", 3_221_225_786_i64), NEVER_RAN);
        assert_eq!(code_of("lost", 3), NEVER_RAN);
        assert_eq!(code_of("timed-out", 143), 143);
        assert_eq!(code_of("timed-out", 0), TIMED_OUT);
        assert_eq!(code_of("timed-out", Value::Null), TIMED_OUT);
    }
}
