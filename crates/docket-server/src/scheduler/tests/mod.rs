//! The scheduler and the runner on a paused clock: days pass in no time, and nothing sleeps.

mod bounds;
mod by_hand;
mod calls;
mod cancellation;
mod catching_up;
mod chains;
mod clocks;
mod crashes;
mod deletion;
mod disposal;
mod engines;
mod house;
mod late_calls;
mod leftovers;
mod overlap;
mod panics;
mod retries;
mod schedules;
mod several_engines;
mod spreading;
mod stopping;
mod stores;
mod strangers;
mod suspension;
mod timeouts;
