//! What became of the attempts before the last one.

use docket_model::{
    Run,
    run::{Attempt, Step},
};

use super::{
    outcome::{exited, lasted_of},
    tale::{Tale, listed},
};

/// How many of them are told one by one.
const MOST: usize = 3;

const ORDINALS: [&str; 10] =
    ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];

/// The earlier attempts in a sentence: `The first attempt failed with exit code 1 after 12s.`
pub(super) fn earlier(tale: &Tale, run: &Run) -> Option<String> {
    let (_, earlier) = run.attempts.split_last()?;
    let (oldest, newest) = (earlier.first()?, earlier.last()?);
    if earlier.len() > MOST {
        let last = failed(tale, newest);
        return Some(format!(
            "The {} attempts before failed too, the last of them {last}.",
            earlier.len()
        ));
    }
    let others = earlier.iter().skip(1);
    let first =
        format!("the {} attempt failed {}", ordinal(oldest.key.number), failed(tale, oldest));
    let others = others
        .map(|attempt| format!("the {} {}", ordinal(attempt.key.number), failed(tale, attempt)));
    let told: Vec<_> = std::iter::once(first).chain(others).collect();
    Some(super::tale::sentence(&listed(&told)))
}

/// How an attempt failed: `with exit code 1 after 12s`.
fn failed(tale: &Tale, attempt: &Attempt) -> String {
    let lasted = lasted_of(attempt).map(|lasted| format!(" after {lasted}")).unwrap_or_default();
    let error = attempt.steps.iter().rev().find_map(|(_, step)| match step {
        Step::Error(error) => Some(error),
        _ => None,
    });
    match (&attempt.exit, error) {
        (Some(exit), _) => format!("{}{lasted}", exited(exit)),
        (None, Some(error)) => format!("({})", error.words(tale)),
        (None, None) => "without a container".to_owned(),
    }
}

/// `first` to `tenth`, and then `11th`.
pub(super) fn ordinal(number: u32) -> String {
    let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let word = place.and_then(|place| ORDINALS.get(place));
    let ending = match (number % 10, number % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    word.map_or_else(|| format!("{number}{ending}"), ToString::to_string)
}
