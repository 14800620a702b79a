//! Formats the newest runs of an allocation as lines of `Logs`, in the form of the original docket.

use std::fmt::{self, Write as _};

use chrono::{DateTime, Utc};

use crate::{
    one_line::on_one_line,
    run::{Run, Step},
    zone::Zone,
};

/// How many entries an allocation shows, the newest.
// The original keeps all for ever; this is what a response can show and a reader can use.
pub const MAX_ENTRIES: usize = 100;

/// The newest entries of these runs, the newest last, in the local time of `zone`.
#[must_use]
pub fn entries<'a>(newest_first: impl IntoIterator<Item = &'a Run>, zone: Zone) -> Vec<String> {
    let mut steps = Vec::new();
    for run in newest_first {
        // The records of older runs are not read: their entries are older, but for runs that
        // overlap.
        if steps.len() >= MAX_ENTRIES {
            break;
        }
        for attempt in &run.attempts {
            steps.extend(attempt.steps.iter().map(|(at, step)| (*at, run, attempt, step)));
        }
    }
    // Runs may overlap, so their steps interleave. The sort is stable: equal times keep their
    // order.
    steps.sort_by_key(|(at, ..)| *at);
    let skipped = steps.len().saturating_sub(MAX_ENTRIES);
    let shown = steps.into_iter().skip(skipped);
    shown.map(|(at, run, attempt, step)| entry(at, zone, &words(run, attempt, step))).collect()
}

fn entry(at: DateTime<Utc>, zone: Zone, words: &str) -> String {
    let mut text = String::with_capacity(40 + words.len());
    // Go's default format of a time, which scripts for the original parse.
    let at = at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S%.9f %z %Z");
    // Writing to a String cannot fail.
    let _: fmt::Result = write!(text, "{at}, [{}]", on_one_line(words));
    text
}

fn words(run: &Run, attempt: &crate::run::Attempt, step: &Step) -> String {
    let container = attempt.container.as_ref().map(|id| &*id.0).unwrap_or_default();
    match step {
        Step::Pulled { repository, tag } => {
            format!("Pulled {repository} {tag} {}", run.id.allocation)
        }
        Step::NotPulled { reason } => {
            format!("Pull failed, using the local image: {reason}")
        }
        Step::Created => format!("created: {container}"),
        Step::Started => format!("started: {container}"),
        Step::Exited => {
            // Scripts for the original expect a number: -1 is the code that the engine does not report.
            let code = attempt.exit.as_ref().and_then(|exit| exit.code).unwrap_or(-1);
            format!("exited: {container} {code}")
        }
        Step::Error(message) => format!("Error: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AllocationName,
        run::{Attempt, ContainerId, Exit, Instant, Reason, RunId, RunState, Trigger},
    };
    use chrono::TimeDelta;
    use uuid::Uuid;

    fn run(second: i64, steps: usize) -> Run {
        let at = DateTime::from_timestamp(1_481_598_213 + second, 601_558_174).unwrap();
        let allocation = AllocationName::parse("foo").unwrap();
        let id = RunId { allocation, instant: Instant::new(at) };
        let mut attempt = Attempt::new(1);
        attempt.container = Some(ContainerId("c0ffee".into()));
        attempt.exit = Some(Exit {
            code: Some(3),
            image: None,
            started_at: None,
            ended_at: None,
            error: None,
            cause: None,
        });
        let all = [
            Step::Pulled { repository: "busybox".into(), tag: "latest".into() },
            Step::Created,
            Step::Started,
            Step::Exited,
            Step::Error(Box::new(Reason::ImageNotFound { image: "example/missing".into() })),
        ];
        let timed = |(n, step)| (at + TimeDelta::milliseconds(i64::try_from(n).unwrap()), step);
        attempt.steps = all.into_iter().take(steps).enumerate().map(timed).collect();
        Run {
            id,
            uid: Uuid::nil(),
            revision: 1,
            trigger: Trigger::Schedule,
            decided_at: at,
            state: RunState::Starting,
            part_states: Box::default(),
            cancellation: None,
            ended_at: None,
            attempts: vec![attempt],
        }
    }

    #[test]
    fn entries_read_as_the_originals_do() {
        let entries = entries([&run(0, 5)], "America/Los_Angeles".parse::<Zone>().unwrap());

        assert_eq!(
            entries,
            [
                "2016-12-12 19:03:33.601558174 -0800 PST, [Pulled busybox latest foo]",
                "2016-12-12 19:03:33.602558174 -0800 PST, [created: c0ffee]",
                "2016-12-12 19:03:33.603558174 -0800 PST, [started: c0ffee]",
                "2016-12-12 19:03:33.604558174 -0800 PST, [exited: c0ffee 3]",
                "2016-12-12 19:03:33.605558174 -0800 PST, [Error: image example/missing not found]",
            ]
        );
    }

    #[test]
    fn an_entry_is_one_line_whatever_an_engine_said() {
        let mut run = run(0, 0);
        let error =
            Step::Error(Box::new(Reason::text("exec failed:\r\n\u{1b}[31mno such file\u{1b}[0m")));
        run.attempts[0].steps.push((run.decided_at, error));

        let entries = entries([&run], Zone::utc());

        let words = ", [Error: exec failed:\\r\\n\u{fffd}[31mno such file\u{fffd}[0m]";
        assert!(entries[0].ends_with(words), "{entries:?}");
    }

    #[test]
    fn only_the_newest_hundred_entries_are_shown_oldest_first() {
        let runs: Vec<Run> = (0..40).map(|second| run(second, 4)).collect();

        let entries = entries(runs.iter().rev(), Zone::utc());

        assert_eq!(entries.len(), MAX_ENTRIES);
        assert!(entries.is_sorted());
        assert!(entries[99].starts_with("2016-12-13 03:04:12.604558174 +0000 UTC, [exited:"));
    }
}
