//! How the attempts before the last one failed.

use docket_model::{
    Run,
    run::{Attempt, Step},
};

use super::{
    outcome::{exited, lasted},
    phrasing::{ClockTimes, capitalized, listed, ordinal},
};

/// How many earlier attempts are described one by one.
const MOST: usize = 3;

/// The earlier attempts in a sentence: `The first attempt failed with exit code 1 after 12s.`
pub(super) fn earlier(times: &ClockTimes, run: &Run) -> Option<String> {
    // Each part of several has a sentence of its own.
    let (_, earlier) = run.attempts.split_last().filter(|_| !run.has_parts())?;
    let (oldest, newest) = (earlier.first()?, earlier.last()?);
    if earlier.len() > MOST {
        let (count, last) = (earlier.len(), failed(times, newest));
        return Some(format!("The {count} attempts before failed too, the last of them {last}."));
    }
    let first =
        format!("the {} attempt failed {}", ordinal(oldest.key.number), failed(times, oldest));
    let others = earlier.iter().skip(1);
    let others = others
        .map(|attempt| format!("the {} {}", ordinal(attempt.key.number), failed(times, attempt)));
    let each: Vec<_> = std::iter::once(first).chain(others).collect();
    Some(capitalized(&listed(&each)))
}

/// How an attempt failed: `with exit code 1 after 12s`.
fn failed(times: &ClockTimes, attempt: &Attempt) -> String {
    let error = attempt.steps.iter().rev().find_map(|(_, step)| match step {
        Step::Error(error) => Some(error),
        _ => None,
    });
    match (&attempt.exit, error) {
        (Some(exit), _) => {
            let lasted = lasted(attempt).map(|lasted| format!(" after {lasted}"));
            exited(exit) + &lasted.unwrap_or_default()
        }
        (None, Some(error)) => format!("({})", error.words(times)),
        (None, None) => "without a container".to_owned(),
    }
}
