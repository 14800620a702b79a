//! The lives of the servers that had a store open.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use docket_model::Life;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{KnownLife, codec::uid};

/// How many lives are listed. A server that is started every minute has so many in a week.
pub(super) const MOST: u64 = 10_000;

/// A life as it is stored, under its number in `Collection::Lives`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StoredLife {
    /// Its id.
    #[serde(with = "uid")]
    id: Uuid,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<DateTime<Utc>>,
    /// The server whose life it was; unknown of lives that came with another copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server: Option<ServerId>,
    /// When its containers were taken over, where it was the life of a server with another copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adopted: Option<DateTime<Utc>>,
}

impl StoredLife {
    /// A life that begins, of a server; or that of another copy's server, whose containers are taken over.
    pub(super) fn new(life: &Life, server: Option<Uuid>, adopted: Option<DateTime<Utc>>) -> Self {
        let server = server.map(ServerId);
        Self { id: life.id, started: Some(life.start()), server, adopted }
    }
}

/// The id of a server: new whenever one opens the store.
// A type of its own, as `with` does not work within an `Option`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct ServerId(#[serde(with = "uid")] Uuid);

/// The lives that are listed, in memory.
#[derive(Debug, Default)]
pub(super) struct Lives {
    /// The least number that is listed, and the greatest.
    numbers: Option<(u64, u64)>,
    /// When containers of each life were taken over, where it was another copy's.
    lives: HashMap<Uuid, Option<DateTime<Utc>>>,
}

impl Lives {
    /// The number of the next life.
    pub(super) fn next(&self) -> u64 {
        self.numbers.map_or(1, |(_, greatest)| greatest + 1)
    }

    /// Adds a life that was stored under a number.
    pub(super) fn add(&mut self, number: u64, life: &StoredLife) {
        let (least, greatest) = self.numbers.unwrap_or((number, number));
        self.numbers = Some((least.min(number), greatest.max(number)));
        self.lives.insert(life.id, life.adopted);
    }

    /// What is known of a life.
    pub(super) fn known(&self, life: &Life) -> KnownLife {
        match (self.lives.get(&life.id), self.numbers) {
            (Some(None), _) => KnownLife::Listed,
            (Some(Some(adopted_at)), _) => KnownLife::Adopted(*adopted_at),
            // It may have been listed once: containers may stay for longer than their life is listed.
            (None, Some((least, _))) if life.number < least => KnownLife::Listed,
            _ => KnownLife::Unlisted,
        }
    }
}

/// The key of a life, which sorts as the numbers do.
pub(super) fn key(number: u64) -> String {
    // The longest `u64` has 20 digits.
    format!("{number:020}")
}
