//! The scheduler and the runner on a paused clock: days pass in no time, and nothing sleeps.

mod bounds;
mod cancellation;
mod catching_up;
mod clocks;
mod crashes;
mod deletion;
mod dependencies;
mod engine_outages;
mod finished_containers;
mod harness;
mod interference;
mod late_calls;
mod manual;
mod orphans;
mod overlap;
mod panics;
mod retries;
mod schedules;
mod several_engines;
mod spreading;
mod stopping;
mod stores;
mod suspension;
mod timeouts;
mod unanswered_calls;
