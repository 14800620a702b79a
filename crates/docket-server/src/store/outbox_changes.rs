//! Changes of the outbox: messages that follow from ends of runs, digests, and what was delivered.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::{
    Run,
    allocation::{Notification, NotifyEvent},
    notification_decision::RunEnd,
    run::RunState,
};

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
        let notified_before = entry.status().notified.clone();
        let mut notified = Vec::new();
        let specification = &entry.allocation.specification;
        let default = Arc::clone(&self.base().default_notify);
        let entries = specification.policies.notify.as_deref().unwrap_or(&default);
        for notification in entries {
            let receiver = ReceiverId::from(&notification.receiver);
            // To whoever was not notified that it fails, the next failure is the first one.
            let was_notified = notified_before.contains(&receiver);
            let hears_of_failures = notification.on.contains(&NotifyEvent::Failed);
            let failing_before = failing_before.filter(|_| was_notified || !hears_of_failures);
            let occasion = end.occasion(failing_before, at);
            let occasion = occasion.filter(|occasion| occasion.is_for(notification));
            if failing.is_some()
                && (was_notified || occasion.is_some_and(|it| it.event == NotifyEvent::Failed))
            {
                notified.push(receiver.clone());
            }
            let Some(occasion) = occasion else { continue };
            self.add_message(OutboxMessage {
                receiver,
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
        notified.dedup();
        // Only where it changes, since a status that is touched is stored again.
        if (failing != failing_before || notified != notified_before)
            && let Some((_, entry)) = self.entry_mut(name)
        {
            let status = entry.status_mut();
            (status.failing, status.notified) = (failing, notified);
        }
        Ok(())
    }

    fn add_message(&mut self, message: OutboxMessage) -> Result<(), StoreError> {
        let waiting = self.base().outbox.messages.len() + self.staged.outbox.added;
        if waiting >= MOST_MESSAGES {
            self.drop_oldest_of_longest_queue()?;
        } else {
            self.staged.outbox.added += 1;
        }
        // The time first, so that ids sort by it.
        let id = format!("{:016}-{}", message.at.timestamp_micros(), new_id().simple());
        self.put_item(id, Some(Item::Message(Box::new(message))))
    }

    /// Makes room for a message: a receiver that takes none must not keep those of others out.
    fn drop_oldest_of_longest_queue(&mut self) -> Result<(), StoreError> {
        match self.oldest_of_longest_queue() {
            Some((id, message)) => self.drop_message(id, &message),
            None => Ok(()),
        }
    }

    fn oldest_of_longest_queue(&self) -> Option<(String, Arc<OutboxMessage>)> {
        let base = self.base();
        let mut queues: HashMap<&ReceiverId, (usize, &String, &Arc<OutboxMessage>)> =
            HashMap::new();
        for (id, message) in &base.outbox.messages {
            if !self.staged.outbox.items.contains_key(id) {
                queues.entry(&message.receiver).or_insert((0, id, message)).0 += 1;
            }
        }
        let longest = queues.into_values().max_by_key(|(length, _, _)| *length);
        longest.map(|(_, id, message)| (id.clone(), Arc::clone(message)))
    }

    /// Removes a message that its receiver does not get, which was not notified that the allocation fails then.
    fn drop_message(&mut self, id: String, message: &OutboxMessage) -> Result<(), StoreError> {
        self.staged.outbox.dropped += 1;
        let name = message.allocation.as_str();
        let was_notified = |notified: &Vec<ReceiverId>| notified.contains(&message.receiver);
        if message.event == NotifyEvent::Failed
            && self.entry(name).is_some_and(|(_, entry)| was_notified(&entry.status().notified))
            && let Some((_, entry)) = self.entry_mut(name)
        {
            entry.status_mut().notified.retain(|notified| *notified != message.receiver);
        }
        self.put_item(id, None)
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
    /// True if the messages among them were not delivered.
    is_drop: bool,
}

#[async_trait]
impl Command for RemoveItems {
    type Output = ();

    async fn apply(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        for id in &self.ids {
            let message = transaction.base().outbox.messages.get(id).cloned();
            match message.filter(|_| self.is_drop) {
                Some(message) => transaction.drop_message(id.clone(), &message)?,
                None => transaction.put_item(id.clone(), None)?,
            }
        }
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

    /// Removes items of the outbox: what was delivered, or what is dropped.
    pub(crate) async fn remove_from_outbox(
        &self,
        ids: BTreeSet<String>,
        is_drop: bool,
    ) -> Result<(), StoreError> {
        self.write(RemoveItems { ids, is_drop }).await
    }
}
