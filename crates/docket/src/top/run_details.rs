//! The record of a run and the explanation, which Enter opens.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use docket_model::{
    AllocationName, RunId,
    wire::{AttemptRecord, PartRecord, RunRecord, RunSummary, Sentence},
};

use super::shown_runs::id;
use crate::{client::Client, print::Screen, table, time_and_state_words};

/// The reason if there is no exit code yet.
const NOT_OVER: &str = "the run is not over";

/// What is opened: a run, or an allocation that no runs yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) allocation: AllocationName,
    pub(super) run: Option<RunId>,
}

/// Its record and explanation.
#[derive(Debug)]
pub(super) struct Details {
    pub(super) record: Option<Box<RunRecord>>,
    pub(super) sentences: Vec<Sentence>,
}

/// The view that is shown instead of the lists.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) subject: Subject,
    /// The time zone of the times.
    time_zone: String,
    /// `None` until the server has responded.
    pub(super) details: Option<Result<Details, String>>,
    /// The number of lines above the visible ones.
    scrolled: usize,
}

impl Opened {
    pub(super) fn new(subject: Subject, time_zone: String) -> Self {
        Self { subject, time_zone, details: None, scrolled: 0 }
    }

    /// Updates the record if it is that of this run; returns what to load again.
    pub(super) fn learn(&mut self, record: &RunRecord) -> Option<Subject> {
        let run = self.subject.run.as_ref()?;
        if id(record).as_ref() != Some(run) {
            return None;
        }
        // The record of the event is shown at once; the explanation needs a request.
        if let Some(Ok(details)) = &mut self.details {
            details.record = Some(Box::new(record.clone()));
        }
        Some(self.subject.clone())
    }

    /// Scrolls down by this many lines, within the bounds of a screen of this size.
    pub(super) fn scroll(&mut self, by: isize, now: DateTime<Utc>, size: (u16, u16)) {
        // The screen may have become larger since the last key, so the position is bounded before
        // and after.
        let most = self.last_scroll(now, size);
        self.scrolled = self.scrolled.min(most).saturating_add_signed(by).min(most);
    }

    fn last_scroll(&self, now: DateTime<Utc>, (width, height): (u16, u16)) -> usize {
        let shown = usize::from(self::height(height).saturating_sub(1));
        self.lines(now, width).len().saturating_sub(shown)
    }

    /// The visible lines on a screen of this size, and the number of lines below.
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

    /// The title of the view.
    pub(super) fn title(&self) -> String {
        match &self.subject.run {
            Some(run) => format!("Record of {run}"),
            None => format!("{} no runs yet", self.subject.allocation),
        }
    }
}

/// The height of a record with its title: two thirds of the lines between the first and the last.
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

/// The record of a run without its output.
fn of_record(record: &RunRecord, time_zone: &str, now: DateTime<Utc>) -> Vec<(String, String)> {
    let zone = time_and_state_words::zone(time_zone);
    let time = |moment: Option<DateTime<Utc>>| {
        moment.map(|moment| time_and_state_words::wall_clock(moment, zone)).unwrap_or_default()
    };
    let instant = match &record.span {
        Some(span) if span.count > 1 => {
            let last = time_and_state_words::wall_clock(span.last.moment(), zone);
            format!("{} to {last}, {} instants", time(Some(record.instant)), span.count)
        }
        _ => time(Some(record.instant)),
    };
    let by = record.manual.as_ref().map(|manual| format!(", {}", manual.by)).unwrap_or_default();
    let lasted = record.duration(now).map(time_and_state_words::exact);
    let late =
        record.lateness_milliseconds.map(TimeDelta::milliseconds).map(time_and_state_words::exact);
    let code = match record.attempts.last() {
        // Those of the parts follow.
        Some(_) if !record.parts.is_empty() => Ok(String::new()),
        Some(newest) => exit_code(record, newest),
        None if record.is_over() => Err("no container was started"),
        None => Err(NOT_OVER),
    };
    // Reason and exit code have rows of their own.
    let state = RunSummary { reason: None, exit_code: None, ..record.into() };
    let pairs = [
        ("State", time_and_state_words::result(&state, now)),
        ("Reason", record.reason.clone().unwrap_or_default()),
        ("Exit code", code.unwrap_or_else(|why| format!("none: {why}"))),
        ("Trigger", format!("{}{by}", time_and_state_words::trigger(record))),
        ("Instant", instant),
        ("Started", time(record.started())),
        ("Ended", time(record.ended)),
        ("Duration", lasted.unwrap_or_default()),
        ("Lateness", late.unwrap_or_default()),
        ("Next attempt", time(record.next_attempt)),
    ];
    let pairs = pairs.map(|(key, text)| (key.to_owned(), text));
    let parts = record.parts.iter().map(|part| (format!("Part {}", part.part), of_part(part)));
    let attempts = record.attempts.iter().map(|attempt| {
        let key = match attempt.part {
            Some(part) => format!("Part {part}, attempt {}", attempt.attempt),
            None => format!("Attempt {}", attempt.attempt),
        };
        (key, of_attempt(record, attempt, time_zone))
    });
    pairs.into_iter().chain(parts).chain(attempts).collect()
}

/// The state and the place of a part, and the reason of the state.
fn of_part(part: &PartRecord) -> String {
    let place = part.place().map(|place| format!(" on {place}")).unwrap_or_default();
    let reason = part.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{}{place}{reason}", part.state.shown())
}

/// The exit code, place, start, end and remarks of an attempt.
fn of_attempt(record: &RunRecord, attempt: &AttemptRecord, time_zone: &str) -> String {
    let time =
        |moment| time_and_state_words::wall_clock(moment, time_and_state_words::zone(time_zone));
    let code = exit_code(record, attempt).map(|code| format!("exit code {code}"));
    let place = attempt.place().map(|place| format!(", on {place}"));
    let started = attempt.started.map(|started| format!(", started {}", time(started)));
    let ended = attempt.ended.map(|ended| format!(", ended {}", time(ended)));
    let remarks = attempt.remarks.iter().map(|remark| format!("\n{remark}"));
    let rest: String = place.into_iter().chain(started).chain(ended).chain(remarks).collect();
    format!("{}{rest}", code.unwrap_or_else(str::to_owned))
}

/// The exit code of an attempt, or why there is none.
fn exit_code(record: &RunRecord, attempt: &AttemptRecord) -> Result<String, &'static str> {
    let newest = record.attempts.iter().rfind(|other| other.part == attempt.part);
    let part = record.parts.iter().find(|part| Some(part.part) == attempt.part);
    let next_attempt = part.map_or(record.next_attempt, |part| part.next_attempt);
    let goes_on = newest == Some(attempt) && !record.is_over() && next_attempt.is_none();
    match attempt.exit_code {
        Some(code) if attempt.out_of_memory => Ok(format!("{code}, out of memory")),
        Some(code) => Ok(code.to_string()),
        None if goes_on && attempt.ended.is_none() => Err(NOT_OVER),
        None if attempt.ended.is_some() => Err("the engine reported no exit code"),
        None if attempt.started.is_some() => Err("the end of the container is unknown"),
        None => Err("the container did not start"),
    }
}

/// Loads the record and the explanation: of recent activity, and of this run if that does not mention it.
pub(super) async fn load(client: &Client, subject: &Subject) -> anyhow::Result<Details> {
    let Subject { allocation, run } = subject;
    let recent = client.why(allocation, None).await?.sentences;
    let Some(run) = run else {
        return Ok(Details { record: None, sentences: recent });
    };
    let record = Some(Box::new(client.record(run).await?));
    let instant = run.instant.moment();
    // The recent sentences also say what comes next, so they are preferred.
    if recent.iter().any(|sentence| sentence.at == Some(instant)) {
        return Ok(Details { record, sentences: recent });
    }
    let at = instant.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let sentences = client.why(allocation, Some(&at)).await?.sentences;
    Ok(Details { record, sentences })
}
