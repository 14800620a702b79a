//! One container: what was asked for when it was created, and its runs since.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    call_log::{now, read_instant},
    container_program::Program,
    event::{Action, Event},
    program_run::{KILL, Run},
};

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Created,
    Running,
    Paused,
    Exited,
}

impl Phase {
    /// The engine's word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Exited => "exited",
        }
    }
}

/// One container; what is quoted from its creation is kept as JSON.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) id: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) image: Box<str>,
    pub(crate) labels: Box<str>,
    pub(crate) tty: bool,
    pub(crate) log_driver: Box<str>,
    pub(crate) instant: Option<DateTime<Utc>>,
    pub(crate) stop_signal: Option<Box<str>>,
    /// In seconds; a negative one never ends.
    pub(crate) stop_timeout: Option<i64>,
    pub(crate) created: DateTime<Utc>,
    pub(crate) program: Arc<Program>,
    /// In order; all but the last have ended.
    pub(crate) runs: Vec<Run>,
    pub(crate) removed: Option<DateTime<Utc>>,
    /// What happened to it and is not in the log of events yet.
    pub(crate) news: Vec<Event>,
}

impl Container {
    pub(crate) fn new(
        id: Arc<str>,
        name: &str,
        program: Arc<Program>,
        creation: &Creation<'_>,
    ) -> Self {
        let created = now();
        Self {
            id,
            name: name.into(),
            image: creation.image.as_ref().into(),
            labels: creation.labels.into(),
            tty: creation.tty,
            log_driver: creation.log_driver.into(),
            instant: creation.instant,
            stop_signal: creation.stop_signal.as_deref().map(Into::into),
            stop_timeout: creation.stop_timeout,
            created,
            program,
            runs: Vec::new(),
            removed: None,
            news: vec![Event { action: Action::Create, at: created }],
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.runs.last() {
            None => Phase::Created,
            Some(run) if run.is_paused() => Phase::Paused,
            Some(run) if run.exit().is_some() => Phase::Exited,
            Some(_) => Phase::Running,
        }
    }

    /// Notes that something happens to it now.
    pub(crate) fn note(&mut self, action: Action) {
        self.news.push(Event { action, at: now() });
    }

    /// Notes the end of its newest run, if it has ended and that is not noted yet.
    pub(crate) fn note_end(&mut self) {
        let newest = self.runs.last_mut();
        let Some((run, exit_code)) = newest.and_then(|run| run.unnoted_exit().map(|it| (run, it)))
        else {
            return;
        };
        // Several look-ups may find the end; only the first one notes it.
        run.end_is_noted = true;
        // The events have the time of the end, and not that of the look that noticed it.
        let (at, killed, stopped) = (run.ended, run.kill_after_grace, run.is_stopped);
        let actions = [
            killed.then_some(Action::Kill { signal: KILL }),
            Some(Action::Die { exit_code }),
            stopped.then_some(Action::Stop),
        ];
        let events = actions.into_iter().flatten().map(|action| Event { action, at });
        self.news.extend(events);
    }

    /// The run under way; a paused one is.
    pub(crate) fn live(&mut self) -> Option<&mut Run> {
        self.runs.last_mut().filter(|run| run.exit().is_none())
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.phase(), Phase::Running | Phase::Paused)
    }

    /// The exit code of the newest run, where that has ended.
    pub(crate) fn exit(&self) -> Option<i64> {
        self.runs.last().and_then(Run::exit)
    }

    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        serde_json::from_str(&self.labels).unwrap_or_default()
    }
}

/// What the stub reads of the body of a creation.
#[derive(Debug)]
pub(crate) struct Creation<'a> {
    pub(crate) image: Cow<'a, str>,
    labels: &'a str,
    tty: bool,
    log_driver: &'a str,
    stop_signal: Option<Cow<'a, str>>,
    stop_timeout: Option<i64>,
    pub(crate) instant: Option<DateTime<Utc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body<'a> {
    #[serde(borrow)]
    image: Option<Cow<'a, str>>,
    tty: bool,
    #[serde(borrow)]
    // Not parsed here: an answer quotes them as they came.
    labels: Option<&'a RawValue>,
    #[serde(borrow)]
    stop_signal: Option<Cow<'a, str>>,
    stop_timeout: Option<i64>,
    #[serde(borrow)]
    host_config: Option<HostConfig<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig<'a> {
    #[serde(borrow)]
    log_config: Option<LogConfig<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct LogConfig<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
}

impl<'a> Creation<'a> {
    /// Reads a body; `None` if it is no creation.
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
        let body: Body<'_> = serde_json::from_slice(body).ok()?;
        let labels = body.labels.map_or("{}", RawValue::get);
        let log_driver = body.host_config.and_then(|host| host.log_config?.r#type);
        Some(Self {
            image: body.image.unwrap_or_default(),
            labels,
            tty: body.tty,
            // Docker's default driver.
            log_driver: log_driver.map_or("\"json-file\"", RawValue::get),
            stop_signal: body.stop_signal,
            stop_timeout: body.stop_timeout,
            instant: instant(labels),
        })
    }
}

/// The label with a run's instant.
#[derive(Debug, Deserialize)]
struct Labels<'a> {
    #[serde(borrow, rename = "io.docket.instant")]
    instant: Cow<'a, str>,
}

fn instant(labels: &str) -> Option<DateTime<Utc>> {
    let labels: Labels<'_> = serde_json::from_str(labels).ok()?;
    read_instant(&labels.instant)
}
