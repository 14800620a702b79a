//! Which attempt's output a request is for, and where that is.

use std::{collections::BTreeSet, sync::Arc};

use docket_model::{
    Output, Run,
    run::{Attempt, AttemptKey},
};

use super::super::error::ApiError;

/// Where the output of an attempt is.
pub(super) enum Written<'a> {
    /// In the store: the attempt and the size.
    Stored(AttemptKey, Arc<Output>),
    InEngine(&'a Attempt),
    Nothing,
}

/// The attempt in the request; what is absent stands for the newest.
#[derive(Clone, Copy)]
pub(super) struct Chosen {
    pub(super) part: Option<u32>,
    pub(super) attempt: Option<u32>,
}

impl Chosen {
    pub(super) fn find(self, attempts: &[Attempt]) -> Result<Option<&Attempt>, ApiError> {
        let Self { part, attempt: number } = self;
        if part.is_none() && number.is_none() {
            return Ok(attempts.last());
        }
        let part = part.unwrap_or(AttemptKey::FIRST.part);
        let of_part = || attempts.iter().filter(|attempt| attempt.key.part == part);
        let found = of_part().rfind(|attempt| number.is_none_or(|of| attempt.key.number == of));
        found.map(Some).ok_or_else(|| {
            let parts: BTreeSet<_> = attempts.iter().map(|attempt| attempt.key.part).collect();
            ApiError::BadQuery(match number {
                Some(number) if parts.contains(&part) || parts.is_empty() => {
                    let there_are = counted(of_part().count(), "attempt");
                    let owner =
                        if parts.len() > 1 { format!("part {part}") } else { "the run".to_owned() };
                    format!("attempt: there is no attempt {number}, {owner} has {there_are}")
                }
                _ => {
                    let there_are = counted(parts.len(), "part");
                    format!("part: there is no part {part}, the run has {there_are}")
                }
            })
        })
    }
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        0 => "none".to_owned(),
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

/// Where the output of the chosen attempt is.
pub(super) fn written(run: &Run, chosen: Chosen) -> Result<Written<'_>, ApiError> {
    let Some(attempt) = chosen.find(&run.attempts)? else { return Ok(Written::Nothing) };
    Ok(match (&attempt.output, &attempt.container) {
        (Some(sized), _) => Written::Stored(attempt.key, Arc::clone(sized)),
        // After the end of a part its container may be removed at any time.
        (None, Some(_)) if !run.part_state(attempt.key.part).is_over() => {
            Written::InEngine(attempt)
        }
        _ => Written::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_chosen_by_its_part_and_its_number() {
        let keys = [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3)];
        let attempts = keys.map(|(part, number)| Attempt::new(AttemptKey { part, number }));
        let find = |part, attempt| {
            let found = Chosen { part, attempt }.find(&attempts);
            found.map(|attempt| attempt.unwrap().key.to_string()).map_err(|error| error.to_string())
        };

        assert_eq!(find(None, None).unwrap(), "p2.3");
        assert_eq!(find(None, Some(1)).unwrap(), "1");
        assert_eq!(find(Some(1), None).unwrap(), "2");
        assert_eq!(find(Some(2), Some(2)).unwrap(), "p2.2");
        let errors = [(Some(2), Some(4)), (Some(3), None)];
        let errors = errors.map(|(part, attempt)| find(part, attempt).unwrap_err());
        assert_eq!(errors[0], "attempt: there is no attempt 4, part 2 has 3 attempts");
        assert_eq!(errors[1], "part: there is no part 3, the run has 2 parts");
    }
}
