//! The lives of the servers that had a store open, and what a restored copy does not know.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::Life;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    KnownLife, Restoration, Settlement, StoreError,
    backend::Collection,
    codec::uid,
    command::Command,
    provenance::Home,
    rules,
    staged::{item, meta},
    transaction::Transaction,
};

/// How many lives are listed. A server that is started every minute has so many in a week.
const MOST: u64 = 10_000;

/// A life as it is stored, under its number in [`Collection::Lives`].
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

/// The id of a server: new whenever one opens the store.
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
fn key(number: u64) -> String {
    format!("{number:020}")
}

/// Lists a life, and notes where the store is served from now on, if that is settled.
pub(super) struct BeginLife {
    pub(super) life: Life,
    pub(super) home: Option<Home>,
}

#[async_trait]
impl Command for BeginLife {
    type Output = ();

    async fn apply(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let number = list(transaction, &self.life, None)?;
        if let Some(too_old) = number.checked_sub(MOST) {
            transaction.staged.items.insert((Collection::Lives, key(too_old)), None);
        }
        self.home.as_ref().map_or(Ok(()), |home| transaction.staged.set(meta::HOME, home))
    }
}

/// Notes where the store is served.
pub(super) struct NoteHome(pub(super) Home);

#[async_trait]
impl Command for NoteHome {
    type Output = ();

    async fn apply(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        transaction.staged.set(meta::HOME, &self.0)
    }
}

/// Records what a copy cannot know, that it was taken over, and where it is served from now on.
pub(super) struct Restore {
    pub(super) restoration: Restoration,
    pub(super) home: Option<Home>,
}

#[async_trait]
impl Command for Restore {
    type Output = ();

    async fn apply(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let Restoration { doubt, at, zone, lives } = &self.restoration;
        let settlement = Settlement { at: *at, zone: *zone, reason: doubt.reason() };
        settlement.apply(transaction).await?;
        for life in lives {
            list(transaction, life, Some(*at))?;
        }
        let copied_at = (Collection::Meta, meta::COPIED_AT.to_owned());
        transaction.staged.items.insert(copied_at, None);
        if let Some(home) = &self.home {
            transaction.staged.set(meta::HOME, home)?;
        }
        transaction.record([rules::restored(doubt, *at)]);
        Ok(())
    }
}

/// Lists a life under the next number, which it has as its own where nothing else was listed meanwhile.
fn list(
    transaction: &mut Transaction,
    life: &Life,
    adopted: Option<DateTime<Utc>>,
) -> Result<u64, StoreError> {
    let staged = transaction.staged.lives.last().map(|(number, _)| number + 1);
    let number = staged.unwrap_or_else(|| transaction.base().lives.next());
    let server = adopted.is_none().then(|| ServerId(transaction.base().writer));
    let stored = StoredLife { id: life.id, started: Some(life.start()), server, adopted };
    transaction.staged.items.insert((Collection::Lives, key(number)), Some(item(&stored)?));
    transaction.staged.lives.push((number, stored));
    Ok(number)
}
