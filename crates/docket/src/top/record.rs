//! What Enter opens: the record of a run, and why its allocation ran or did not.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use docket_model::{
    AllocationName, RunId,
    wire::{AttemptRecord, RunRecord, RunSummary, Sentence},
};

use super::model::id;
use crate::{client::Client, output::Screen, table, words};

/// Why there is no exit code yet.
const NOT_OVER: &str = "it is not over yet";

/// What is opened: a run, or an allocation that has not run yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) allocation: AllocationName,
    pub(super) run: Option<RunId>,
}

/// What is known of it.
#[derive(Debug)]
pub(super) struct Details {
    pub(super) record: Option<Box<RunRecord>>,
    pub(super) sentences: Vec<Sentence>,
}

/// What is shown in the place of the lists.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) subject: Subject,
    /// The zone whose wall clock shows the times.
    time_zone: String,
    /// Nothing until the server has answered.
    pub(super) details: Option<Result<Details, String>>,
    /// How many lines above the shown ones there are.
    scrolled: usize,
}

impl Opened {
    pub(super) fn new(subject: Subject, time_zone: String) -> Self {
        Self { subject, time_zone, details: None, scrolled: 0 }
    }

    /// Takes in a record; where it is that of the run, returns what there is more to know about.
    pub(super) fn learn(&mut self, record: &RunRecord) -> Option<Subject> {
        let run = self.subject.run.as_ref()?;
        if id(record).as_ref() != Some(run) {
            return None;
        }
        if let Some(Ok(details)) = &mut self.details {
            details.record = Some(Box::new(record.clone()));
        }
        Some(self.subject.clone())
    }

    /// Goes so many lines down, as far as there are any, on a screen of this size.
    pub(super) fn scroll(&mut self, by: isize, now: DateTime<Utc>, size: (u16, u16)) {
        let most = self.last_scroll(now, size);
        self.scrolled = self.scrolled.min(most).saturating_add_signed(by).min(most);
    }

    fn last_scroll(&self, now: DateTime<Utc>, (width, height): (u16, u16)) -> usize {
        let shown = usize::from(self::height(height).saturating_sub(1));
        self.lines(now, width).len().saturating_sub(shown)
    }

    /// The lines that a screen of this size shows, and how many more there are below.
    pub(super) fn shown(&self, now: DateTime<Utc>, size: (u16, u16)) -> (Vec<String>, usize) {
        let last = self.last_scroll(now, size);
        let first = self.scrolled.min(last);
        (self.lines(now, size.0).into_iter().skip(first).collect(), last - first)
    }

    fn lines(&self, now: DateTime<Utc>, width: u16) -> Vec<String> {
        let texts = match &self.details {
            None => vec![(String::new(), "loading".to_owned())],
            Some(Err(why)) => vec![("Error".to_owned(), why.clone())],
            Some(Ok(details)) => details.texts(&self.time_zone, now),
        };
        let lines = table::behind_keys(&texts, Screen::Terminal(width.into()));
        lines.lines().map(str::to_owned).collect()
    }

    /// What is opened, in words.
    pub(super) fn title(&self) -> String {
        match &self.subject.run {
            Some(run) => format!("Record of {run}"),
            None => format!("{} has not run yet", self.subject.allocation),
        }
    }
}

/// How many lines of a screen show a record, with its title: two thirds of what is between the first
/// and the last line.
pub(super) fn height(screen: u16) -> u16 {
    screen.saturating_sub(2) / 3 * 2
}

impl Details {
    fn texts(&self, time_zone: &str, now: DateTime<Utc>) -> Vec<(String, String)> {
        let record = self.record.iter().flat_map(|record| of_record(record, time_zone, now));
        let record = record.filter(|(_, text)| !text.is_empty());
        let why = self.sentences.iter().enumerate().map(|(index, sentence)| {
            let key = if index == 0 { "Why" } else { "" };
            (key.to_owned(), sentence.text.clone())
        });
        record.chain(why).collect()
    }
}

/// Everything on record about a run, but for its output.
fn of_record(record: &RunRecord, time_zone: &str, now: DateTime<Utc>) -> Vec<(String, String)> {
    let zone = words::zone(time_zone);
    let time = |moment: Option<DateTime<Utc>>| {
        moment.map(|moment| words::wall_clock(moment, zone)).unwrap_or_default()
    };
    let instant = match &record.span {
        Some(span) if span.count > 1 => {
            let last = words::wall_clock(span.last.moment(), zone);
            format!("{} to {last}, {} instants", time(Some(record.instant)), span.count)
        }
        _ => time(Some(record.instant)),
    };
    let by = record.demand.as_ref().map(|demand| format!(", {}", demand.by)).unwrap_or_default();
    let lasted = record.duration(now).map(words::exact);
    let late = record.lateness_milliseconds.map(TimeDelta::milliseconds).map(words::exact);
    let code = match record.attempts.last() {
        Some(newest) => exit_code(record, newest),
        None if record.is_over() => Err("no container was started"),
        None => Err(NOT_OVER),
    };
    let state = RunSummary { reason: None, exit_code: None, ..record.into() };
    let pairs = [
        ("State", words::result(&state, now)),
        ("Reason", record.reason.clone().unwrap_or_default()),
        ("Exit code", code.unwrap_or_else(|why| format!("none: {why}"))),
        ("Trigger", format!("{}{by}", words::trigger(record))),
        ("Instant", instant),
        ("Started", time(record.started())),
        ("Ended", time(record.ended)),
        ("Duration", lasted.unwrap_or_default()),
        ("Lateness", late.unwrap_or_default()),
        ("Next attempt", time(record.next_attempt)),
    ];
    let pairs = pairs.map(|(key, text)| (key.to_owned(), text));
    let attempts = record.attempts.iter().map(|attempt| {
        (format!("Attempt {}", attempt.attempt), of_attempt(record, attempt, time_zone))
    });
    pairs.into_iter().chain(attempts).collect()
}

/// How an attempt ended, when it began and ended, and what else is to be known of it.
fn of_attempt(record: &RunRecord, attempt: &AttemptRecord, time_zone: &str) -> String {
    let time = |moment| words::wall_clock(moment, words::zone(time_zone));
    let code = exit_code(record, attempt).map(|code| format!("exit code {code}"));
    let started = attempt.started.map(|started| format!(", started {}", time(started)));
    let ended = attempt.ended.map(|ended| format!(", ended {}", time(ended)));
    let remarks = attempt.remarks.iter().map(|remark| format!("\n{remark}"));
    let rest: String = started.into_iter().chain(ended).chain(remarks).collect();
    format!("{}{rest}", code.unwrap_or_else(str::to_owned))
}

/// The exit code of an attempt, or why there is none.
fn exit_code(record: &RunRecord, attempt: &AttemptRecord) -> Result<String, &'static str> {
    let is_newest = record.attempts.last() == Some(attempt);
    let goes_on = is_newest && !record.is_over() && record.next_attempt.is_none();
    match attempt.exit_code {
        Some(code) if attempt.out_of_memory => Ok(format!("{code}, out of memory")),
        Some(code) => Ok(code.to_string()),
        None if goes_on && attempt.ended.is_none() => Err(NOT_OVER),
        None if attempt.started.is_some() => Err("the end of the container was not seen"),
        None => Err("the container did not start"),
    }
}

/// Asks for the record, and for why the allocation ran or did not: of late, and about this run where
/// that does not mention it.
pub(super) async fn load(client: &Client, subject: &Subject) -> anyhow::Result<Details> {
    let Subject { allocation, run } = subject;
    let recent = client.why(allocation, None).await?.sentences;
    let Some(run) = run else {
        return Ok(Details { record: None, sentences: recent });
    };
    let record = Some(Box::new(client.record(run).await?));
    let instant = run.instant.moment();
    if recent.iter().any(|sentence| sentence.at == Some(instant)) {
        return Ok(Details { record, sentences: recent });
    }
    let at = instant.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let sentences = client.why(allocation, Some(&at)).await?.sentences;
    Ok(Details { record, sentences })
}
