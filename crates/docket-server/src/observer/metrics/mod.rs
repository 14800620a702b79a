//! Metrics, in the format of OpenMetrics and in that of Prometheus.
//!
//! Counters and histograms are counted as things happen. What is so at a moment is computed when it is read, so
//! that it costs nothing until then.

mod current_gauges;

use std::{fmt::Debug, sync::Arc, time::Duration};

use docket_model::{
    Run,
    run::{StateWord, TriggerWord},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, prometheus_text, text},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

pub(crate) use self::current_gauges::{AllocationFigures, EngineFigures, Present};
use crate::{
    engine::CallObserver,
    store::{Milestone, Observer},
};

/// The upper bounds of the classes of lateness, in seconds: docket's own is some milliseconds, and runs that
/// wait for a slot or a node may be hours late.
const LATENESS: [f64; 16] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
    7200.0,
];
/// The same for how long runs take.
const DURATION: [f64; 13] =
    [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 10_800.0, 43_200.0, 86_400.0];
/// The same for calls of engines: the longest that are waited for take two minutes, and pulls longer.
const CALL: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0];
/// The same for commits of the store.
const COMMIT: [f64; 12] =
    [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0];

/// How runs end.
const ENDS: [StateWord; 7] = [
    StateWord::Succeeded,
    StateWord::Failed,
    StateWord::TimedOut,
    StateWord::Cancelled,
    StateWord::Skipped,
    StateWord::Missed,
    StateWord::Lost,
];

/// How runs ended, and what had started them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    result: String,
    trigger: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Triggered {
    trigger: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EngineCall {
    engine: Arc<str>,
    call: &'static str,
}

/// Histograms by labels, each with these classes.
type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// What is counted since the server started.
#[derive(Debug)]
pub(crate) struct Metrics {
    runs: Family<Ended, Counter>,
    lateness: Histograms<Triggered>,
    duration: Histograms<Ended>,
    calls: Histograms<EngineCall>,
    unanswered_calls: Family<EngineCall, Counter>,
    commits: Histogram,
    failed_commits: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let runs = Family::default();
        // A rate needs a sample from before the first run of its kind.
        for trigger in TriggerWord::WORDS {
            for result in ENDS {
                let (result, trigger) = (result.to_string(), trigger.to_owned());
                drop(runs.get_or_create(&Ended { result, trigger }));
            }
        }
        Self {
            runs,
            lateness: Family::new_with_constructor(|| Histogram::new(LATENESS)),
            duration: Family::new_with_constructor(|| Histogram::new(DURATION)),
            calls: Family::new_with_constructor(|| Histogram::new(CALL)),
            unanswered_calls: Family::default(),
            commits: Histogram::new(COMMIT),
            failed_commits: Counter::default(),
        }
    }
}

/// The format in which metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    OpenMetrics,
    Prometheus,
}

impl Format {
    /// Each format.
    pub(crate) const ALL: [Self; 2] = [Self::OpenMetrics, Self::Prometheus];

    /// The content type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

impl Metrics {
    /// Writes what was counted, and what is so at present.
    pub(crate) fn write(
        &self,
        present: &Present,
        format: Format,
    ) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("docket");
        self.register(&mut registry);
        present.register(&mut registry);
        let mut text = String::new();
        match format {
            Format::OpenMetrics => text::encode(&mut text, &registry)?,
            Format::Prometheus => prometheus_text::encode(&mut text, &registry)?,
        }
        Ok(text)
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "runs",
            "Runs that are over, by how they ended and what started them; missed instants count one by one",
            self.runs.clone(),
        );
        registry.register_with_unit(
            "run_lateness",
            "How long after it was due the first container of a run was started",
            Unit::Seconds,
            self.lateness.clone(),
        );
        registry.register_with_unit(
            "run_duration",
            "How long runs took, from the start of the first container to the end of the last one",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register_with_unit(
            "engine_call_duration",
            "Duration of calls to engines",
            Unit::Seconds,
            self.calls.clone(),
        );
        registry.register(
            "engine_calls_unanswered",
            "Calls to engines that got no answer",
            self.unanswered_calls.clone(),
        );
        registry.register_with_unit(
            "store_commit_duration",
            "Duration of commits of the store",
            Unit::Seconds,
            self.commits.clone(),
        );
        registry.register(
            "store_commits_failed",
            "Commits that failed",
            self.failed_commits.clone(),
        );
    }
}

impl Observer for Metrics {
    fn reached(&self, milestone: Milestone, run: &Run) {
        let trigger = run.trigger_word().to_string();
        match milestone {
            Milestone::Started => {
                if let Some(lateness) = run.lateness().and_then(|lateness| lateness.to_std().ok()) {
                    let histogram = self.lateness.get_or_create(&Triggered { trigger });
                    histogram.observe(lateness.as_secs_f64());
                }
            }
            Milestone::Ended { instants } => {
                let ended = Ended { result: run.state.word().to_string(), trigger };
                self.runs.get_or_create(&ended).inc_by(instants);
                if let Some(duration) = run.duration().and_then(|duration| duration.to_std().ok()) {
                    self.duration.get_or_create(&ended).observe(duration.as_secs_f64());
                }
            }
        }
    }

    fn commit(&self, took: Duration, has_failed: bool) {
        self.commits.observe(took.as_secs_f64());
        if has_failed {
            self.failed_commits.inc();
        }
    }
}

impl CallObserver for Metrics {
    fn call(&self, engine: &Arc<str>, call: &'static str, took: Duration, is_answered: bool) {
        let label = EngineCall { engine: Arc::clone(engine), call };
        self.calls.get_or_create(&label).observe(took.as_secs_f64());
        // There from the first call on: a rate needs a sample from before.
        self.unanswered_calls.get_or_create(&label).inc_by(u64::from(!is_answered));
    }
}
