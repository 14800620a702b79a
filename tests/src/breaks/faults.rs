//! Everything that can go wrong with one call.

use std::time::Duration;

use docket_stub_engine::Fault;

/// How long an answer comes late, or a call takes effect late.
const LATE: Duration = Duration::from_millis(300);

/// The engine answers late or wrongly, or hangs up.
pub fn answers() -> Vec<Fault> {
    [late(), wrong()].concat()
}

/// The engine answers late.
pub fn late() -> Vec<Fault> {
    vec![Fault::Delay(LATE), Fault::AnswerLate(LATE)]
}

/// The engine answers wrongly, or hangs up.
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

/// The engine never answers.
pub fn hangs() -> Vec<Fault> {
    vec![Fault::HangBefore, Fault::HangAfter]
}

/// All of them, those that take longest first.
pub fn all() -> Vec<Fault> {
    [hangs(), answers()].concat()
}
