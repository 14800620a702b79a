//! The scheduler and the runner on a paused clock: days pass in no time, and nothing sleeps.

mod calls_of_dead_servers;
mod cancellation;
mod catch_up;
mod clock_changes;
mod concurrency_limits;
mod crashes;
mod deletion;
mod dependencies;
mod engine_outages;
mod finished_containers;
mod harness;
mod interference;
mod jitter;
mod manual_runs;
mod orphans;
mod overlap;
mod panicked_runs;
mod retries;
mod schedules;
mod server_stop;
mod several_engines;
mod store_outages;
mod suspension;
mod timeouts;
mod unanswered_calls;
