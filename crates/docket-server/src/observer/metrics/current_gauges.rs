//! Gauges that are computed when the metrics are read.

use std::{
    hash::Hash,
    sync::{Arc, atomic::AtomicU64},
};

use chrono::{DateTime, Utc};
use docket_model::AllocationName;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::{Registry, Unit},
};

use crate::store::{OutboxFigures, RunCounts};

/// A gauge of a number with a fraction.
type Fraction = Gauge<f64, AtomicU64>;

/// What is so at present.
#[derive(Debug)]
pub(crate) struct Present {
    pub(crate) now: DateTime<Utc>,
    pub(crate) started: DateTime<Utc>,
    /// The edition of the zone data in use.
    pub(crate) zone_data: String,
    /// How many allocations there are.
    pub(crate) allocations: usize,
    /// Those with figures of their own.
    pub(crate) shown: Vec<AllocationFigures>,
    pub(crate) runs: RunCounts,
    pub(crate) is_paused: bool,
    pub(crate) engines: Vec<EngineFigures>,
    pub(crate) event_readers: usize,
    /// True where the store can be written.
    pub(crate) is_store_writable: bool,
    /// The size of the store's file, where it has one.
    pub(crate) store_bytes: Option<u64>,
    pub(crate) outbox: OutboxFigures,
}

/// Figures of one allocation.
#[derive(Debug)]
pub(crate) struct AllocationFigures {
    pub(crate) name: AllocationName,
    /// The instant of its newest run that succeeded.
    pub(crate) succeeded: Option<DateTime<Utc>>,
    /// When it starts next by itself.
    pub(crate) next: Option<DateTime<Utc>>,
}

/// Figures of one engine.
#[derive(Debug)]
pub(crate) struct EngineFigures {
    pub(crate) name: Arc<str>,
    pub(crate) kind: &'static str,
    pub(crate) is_up: bool,
    /// How many containers have a slot.
    pub(crate) slots_taken: usize,
    pub(crate) slots_limit: usize,
    /// How many containers wait for a slot.
    pub(crate) slots_waiting: usize,
    /// How far its clock is ahead of docket's, in seconds.
    pub(crate) clock_offset: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAllocation {
    allocation: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfEngine {
    engine: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    engine: Arc<str>,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

impl Present {
    /// Adds all figures.
    pub(super) fn register(&self, registry: &mut Registry) {
        self.register_server(registry);
        self.register_store(registry);
        self.register_outbox(registry);
        self.register_runs(registry);
        self.register_engines(registry);
        self.register_allocations(registry);
    }

    fn register_server(&self, registry: &mut Registry) {
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "The version of docket that is running", Info::new(build));
        let zone_data = Info::new([("edition", self.zone_data.clone())]);
        registry.register("time_zone_data", "The edition of the time zone data in use", zone_data);
        let started = gauge(self.started.timestamp());
        registry.register_with_unit(
            "start_timestamp",
            "When the server started, as a Unix time",
            Unit::Seconds,
            started,
        );
        registry.register("paused", "1 while the whole server is paused", gauge(self.is_paused));
        registry.register(
            "event_readers",
            "Clients that follow the events",
            gauge(count(self.event_readers)),
        );
    }

    fn register_store(&self, registry: &mut Registry) {
        registry.register(
            "store_writable",
            "1 while the store can be written",
            gauge(self.is_store_writable),
        );
        if let Some(bytes) = self.store_bytes {
            let size = gauge(i64::try_from(bytes).unwrap_or(i64::MAX));
            registry.register_with_unit(
                "store_size",
                "The size of the store's file",
                Unit::Bytes,
                size,
            );
        }
    }

    fn register_outbox(&self, registry: &mut Registry) {
        registry.register(
            "outbox_messages",
            "Notifications that wait for delivery",
            gauge(count(self.outbox.waiting)),
        );
        let dropped = Counter::<u64>::default();
        dropped.inc_by(self.outbox.dropped);
        registry.register(
            "notifications_dropped",
            "Notifications that could not be delivered",
            dropped,
        );
    }

    fn register_runs(&self, registry: &mut Registry) {
        let RunCounts { starting, running, waiting, retrying } = self.runs;
        let states = [
            ("starting", starting),
            ("running", running),
            ("waiting", waiting),
            ("retrying", retrying),
        ];
        let runs = gauges(states.map(|(state, runs)| (InState { state }, count(runs))));
        registry.register("runs_under_way", "Runs that are not over, by state", runs);
    }

    fn register_engines(&self, registry: &mut Registry) {
        let engine = |engine: &EngineFigures| OfEngine { engine: Arc::clone(&engine.name) };
        let up = self.engines.iter().map(|engine| {
            let label = OfKind { engine: Arc::clone(&engine.name), kind: engine.kind };
            (label, i64::from(engine.is_up))
        });
        registry.register("engine_up", "1 while the engine answers", gauges(up));
        let each = |figure: fn(&EngineFigures) -> usize| {
            gauges(self.engines.iter().map(|of| (engine(of), count(figure(of)))))
        };
        registry.register(
            "engine_slots",
            "How many containers may be alive at once",
            each(|engine| engine.slots_limit),
        );
        registry.register(
            "engine_slots_taken",
            "Containers that have a slot",
            each(|engine| engine.slots_taken),
        );
        registry.register(
            "engine_slots_waiting",
            "Containers that wait for a slot",
            each(|engine| engine.slots_waiting),
        );
        let offsets = self.engines.iter().filter_map(|of| Some((engine(of), of.clock_offset?)));
        registry.register_with_unit(
            "engine_clock_offset",
            "How far the engine's clock is ahead of docket's",
            Unit::Seconds,
            fractions(offsets),
        );
    }

    fn register_allocations(&self, registry: &mut Registry) {
        registry.register(
            "allocations",
            "Allocations on the server",
            gauge(count(self.allocations)),
        );
        registry.register(
            "allocations_without_figures",
            "Allocations that `--metrics-allocations` leaves without figures of their own",
            gauge(count(self.allocations.saturating_sub(self.shown.len()))),
        );
        let label = |of: &AllocationFigures| OfAllocation { allocation: of.name.to_string() };
        let since = |succeeded: DateTime<Utc>| (self.now - succeeded).as_seconds_f64();
        let succeeded = self.shown.iter().filter_map(|of| Some((label(of), since(of.succeeded?))));
        registry.register_with_unit(
            "allocation_since_success",
            "The time since the instant of the newest run that succeeded",
            Unit::Seconds,
            fractions(succeeded),
        );
        let next = self.shown.iter().filter_map(|of| Some((label(of), of.next?.timestamp())));
        registry.register_with_unit(
            "allocation_next_start_timestamp",
            "When the next scheduled run starts, as a Unix time",
            Unit::Seconds,
            gauges(next),
        );
    }
}

/// A number of things, for a gauge.
fn count(things: usize) -> i64 {
    i64::try_from(things).unwrap_or(i64::MAX)
}

fn gauge(value: impl Into<i64>) -> Gauge {
    let gauge = Gauge::default();
    gauge.set(value.into());
    gauge
}

fn gauges<L: Clone + Eq + Hash>(values: impl IntoIterator<Item = (L, i64)>) -> Family<L, Gauge> {
    let family = Family::<L, Gauge>::default();
    for (label, value) in values {
        family.get_or_create(&label).set(value);
    }
    family
}

fn fractions<L: Clone + Eq + Hash>(
    values: impl IntoIterator<Item = (L, f64)>,
) -> Family<L, Fraction> {
    let family = Family::<L, Fraction>::default();
    for (label, value) in values {
        family.get_or_create(&label).set(value);
    }
    family
}
