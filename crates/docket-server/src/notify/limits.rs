//! How many messages a receiver gets: 12 at once and one more every two minutes. One allocation gets a message of
//! its own every 10 minutes. What is too much waits for half a minute, and is sent as one.

use std::{collections::HashMap, sync::Arc, time::Duration};

use docket_model::AllocationName;
use tokio::time::Instant;

use crate::store::OutboxMessage;

/// How many messages a receiver gets at once.
const BURST: u32 = 12;
/// How long one more takes.
const ONE_MORE: Duration = Duration::from_secs(120);
/// How many of them are left for several messages in one, which would wait otherwise.
const RESERVED: u32 = 6;
/// How often an allocation gets a message of its own.
const OWN_MESSAGE: Duration = Duration::from_secs(600);
/// How long further messages are collected.
const COLLECTING: Duration = Duration::from_secs(30);
/// How many messages are sent as one.
pub(super) const MOST_TOGETHER: usize = 2000;

/// A message that waits, with its id.
pub(super) type Waiting = (String, Arc<OutboxMessage>);

/// What is sent next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// The message at this place.
    One(usize),
    /// So many messages, the oldest first.
    Together(usize),
    /// Nothing before this time.
    Later(Instant),
}

/// The limits of one receiver.
#[derive(Debug)]
pub(super) struct Limits {
    left: u32,
    /// Since when the next one is on its way.
    refilled: Instant,
    /// When each allocation had a message of its own.
    own: HashMap<AllocationName, Instant>,
    /// Since when messages are collected.
    collecting: Option<Instant>,
}

impl Limits {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: BURST, refilled: now, own: HashMap::new(), collecting: None }
    }

    /// True if it is as a new one.
    pub(super) fn is_unused(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.left == BURST && self.own.is_empty()
    }

    /// Takes what is sent next of messages that wait. `fits` says how many of them fit in one message.
    pub(super) fn take(
        &mut self,
        waiting: &[Waiting],
        now: Instant,
        fits: impl FnOnce(&[Waiting]) -> usize,
    ) -> Next {
        self.refill(now);
        let has_none =
            |(_, (_, message)): &(usize, &Waiting)| !self.own.contains_key(&message.allocation);
        if self.left > RESERVED
            && let Some((place, (_, message))) = waiting.iter().enumerate().find(has_none)
        {
            self.left -= 1;
            self.own.insert(message.allocation.clone(), now);
            return Next::One(place);
        }
        let due = *self.collecting.get_or_insert(now) + COLLECTING;
        if due > now {
            return Next::Later(due);
        }
        if self.left == 0 {
            return Next::Later(self.refilled + ONE_MORE);
        }
        self.left -= 1;
        let (first, _) = waiting.split_at(waiting.len().min(MOST_TOGETHER));
        let count = fits(first).max(1);
        // The rest has waited long enough.
        self.collecting = self.collecting.filter(|_| count < waiting.len());
        if count == 1 { Next::One(0) } else { Next::Together(count) }
    }

    fn refill(&mut self, now: Instant) {
        while self.left < BURST && now >= self.refilled + ONE_MORE {
            self.left += 1;
            self.refilled += ONE_MORE;
        }
        if self.left == BURST {
            self.refilled = now;
        }
        self.own.retain(|_, at| now < *at + OWN_MESSAGE);
    }
}
