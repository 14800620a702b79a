//! The faults of one engine call.

use std::time::Duration;

use docket_stub_engine::Fault;

/// How late a response arrives or a call takes effect.
// Longer than the containers run, so that the order of call and end changes.
const LATE: Duration = Duration::from_millis(300);

/// The engine responds late or with an error, or closes the connection.
pub fn answers() -> Vec<Fault> {
    [late(), wrong()].concat()
}

/// The engine responds late.
pub fn late() -> Vec<Fault> {
    vec![Fault::Delay(LATE), Fault::AnswerLate(LATE)]
}

/// The engine responds with an error, or closes the connection.
pub fn wrong() -> Vec<Fault> {
    vec![
        Fault::fail_before(),
        Fault::fail_after(),
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::CutHead,
        Fault::CutBody,
    ]
}

/// The engine never responds.
pub fn hangs() -> Vec<Fault> {
    vec![Fault::HangBefore, Fault::HangAfter]
}

/// All faults, those that take longest first.
pub fn all() -> Vec<Fault> {
    [hangs(), answers()].concat()
}
