//! Changes of the outbox: messages that follow from ends of runs, digests, and what was delivered.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::{Run, allocation::Notification, notification_decision::RunEnd, run::RunState};

use super::{
    Digest, OutboxFigures, OutboxMessage, ReceiverId, Store, StoreError,
    backend::Collection,
    outbox::{Item, MOST_MESSAGES, Outbox},
    staged_changes::item,
    transaction::Transaction,
    write_commands::Command,
};
use crate::random_ids::new_id;

/// The end of a run, or the growth of a record of missed instants.
impl Transaction {
    /// Notes whether the allocation of a run that ended fails, and writes the messages that follow. `before`
    /// is the last instant of a record of missed instants that grew.
    pub(super) fn notify(
        &mut self,
        run: &Run,
        before: Option<DateTime<Utc>>,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let Some(end) = RunEnd::of(run, before) else { return Ok(()) };
        let name = run.id.allocation.as_str();
        let Some((_, entry)) = self.entry(name) else { return Ok(()) };
        let failing_before = entry.status().failing;
        let failing = end.failing(failing_before, at);
        // Only where it changes, since a status that is touched is stored again.
        if failing != failing_before
            && let Some((_, entry)) = self.entry_mut(name)
        {
            entry.status_mut().failing = failing;
        }
        let Some(occasion) = end.occasion(failing_before, at) else { return Ok(()) };
        let specification = &entry.allocation.specification;
        let default = Arc::clone(&self.base().default_notify);
        let entries = specification.policies.notify.as_deref().unwrap_or(&default);
        for notification in entries.iter().filter(|notification| occasion.is_for(notification)) {
            self.add_message(OutboxMessage {
                receiver: ReceiverId::from(&notification.receiver),
                allocation: run.id.allocation.clone(),
                event: occasion.event,
                at,
                instant: run.id.instant,
                span: match run.state {
                    RunState::Missed { last, count, .. } if count > 1 => Some((last, count)),
                    _ => None,
                },
                reason: run.state.reason().cloned(),
                time_zone: specification.time_zone.map(|zone| zone.name().to_owned()),
                succeeded: entry.status().succeeded,
                failing: failing.or(failing_before),
                output: notification.output,
            })?;
        }
        Ok(())
    }

    fn add_message(&mut self, message: OutboxMessage) -> Result<(), StoreError> {
        let waiting = self.base().outbox.messages.len() + self.staged.outbox.added;
        if waiting >= MOST_MESSAGES {
            self.staged.outbox.dropped += 1;
            return Ok(());
        }
        self.staged.outbox.added += 1;
        // The time first, so that ids sort by it.
        let id = format!("{:016}-{}", message.at.timestamp_micros(), new_id().simple());
        self.put_item(id, Some(Item::Message(Box::new(message))))
    }

    fn put_item(&mut self, id: String, value: Option<Item>) -> Result<(), StoreError> {
        let record = value.as_ref().map(item).transpose()?;
        self.staged.items.insert((Collection::Outbox, id.clone()), record);
        self.staged.outbox.items.insert(id, value);
        Ok(())
    }
}

/// Writes which messages are sent as one, before they are.
struct AddDigest {
    id: String,
    digest: Digest,
}

#[async_trait]
impl Command for AddDigest {
    type Output = ();

    async fn apply(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        transaction.put_item(self.id.clone(), Some(Item::Digest(self.digest.clone())))
    }
}

/// Removes items that were delivered or are dropped.
struct RemoveItems {
    ids: BTreeSet<String>,
    /// How many of them are messages that are dropped.
    dropped: u64,
}

#[async_trait]
impl Command for RemoveItems {
    type Output = ();

    async fn apply(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        for id in &self.ids {
            transaction.put_item(id.clone(), None)?;
        }
        transaction.staged.outbox.dropped += self.dropped;
        Ok(())
    }
}

/// Adds messages, for tests.
#[cfg(test)]
struct AddMessages(Vec<OutboxMessage>);

#[cfg(test)]
#[async_trait]
impl Command for AddMessages {
    type Output = ();

    async fn apply(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        self.0.iter().try_for_each(|message| transaction.add_message(message.clone()))
    }
}

/// Notifications.
impl Store {
    /// Sets who gets notifications of allocations without `Notify`. Called before anything is written.
    pub fn set_default_notify(&self, entries: Arc<[Notification]>) {
        self.catalogue.write().default_notify = entries;
    }

    /// Adds messages, for tests.
    #[cfg(test)]
    pub(crate) async fn add_messages(
        &self,
        messages: Vec<OutboxMessage>,
    ) -> Result<(), StoreError> {
        self.write(AddMessages(messages)).await
    }

    /// What waits for delivery.
    pub(crate) fn outbox(&self) -> Outbox {
        self.catalogue.read().outbox.clone()
    }

    /// The size of the outbox.
    #[must_use]
    pub fn outbox_figures(&self) -> OutboxFigures {
        self.catalogue.read().outbox.figures()
    }

    /// Writes which messages are sent as one, under an id; they are sent as such from then on.
    pub(crate) async fn add_digest(&self, id: String, digest: Digest) -> Result<(), StoreError> {
        self.write(AddDigest { id, digest }).await
    }

    /// Removes items of the outbox, of which so many messages are dropped.
    pub(crate) async fn remove_from_outbox(
        &self,
        ids: BTreeSet<String>,
        dropped: u64,
    ) -> Result<(), StoreError> {
        self.write(RemoveItems { ids, dropped }).await
    }
}
