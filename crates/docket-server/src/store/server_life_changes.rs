//! Changes of the lives of servers, and of where the store is served.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::Life;

use super::{
    Restoration, Settlement, StoreError,
    backend::Collection,
    rules,
    server_lives::{MOST, StoredLife, key},
    staged_changes::{item, meta},
    store_origin::Home,
    transaction::Transaction,
    write_commands::Command,
};

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
        // One goes for each that begins; the few that a restore adds do not matter.
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
        // From now on the file is the store itself, and not a copy any more.
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
    // One transaction may list several lives, of which the catalogue does not know yet.
    let staged = transaction.staged.lives.last().map(|(number, _)| number + 1);
    let number = staged.unwrap_or_else(|| transaction.base().lives.next());
    let server = adopted.is_none().then(|| transaction.base().writer);
    let stored = StoredLife::new(life, server, adopted);
    transaction.staged.items.insert((Collection::Lives, key(number)), Some(item(&stored)?));
    transaction.staged.lives.push((number, stored));
    Ok(number)
}
