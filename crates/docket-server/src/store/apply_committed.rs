//! Accepts in the catalogue what was committed.

use std::sync::Arc;

use docket_model::AllocationName;

use super::{
    backend::Revision,
    catalogue::Catalogue,
    change_feed::{Change, Labels},
    staged_changes::Staged,
};

impl Catalogue {
    /// Accepts what was staged, which is committed by now, and publishes it.
    pub(super) fn accept(&mut self, mut staged: Staged, revision: Revision) {
        // Before the changes, as events carry the labels of before, too. The caller holds the lock,
        // so a reader that wakes up now sees them only with the changes.
        let news = std::mem::take(&mut staged.news);
        self.feed.publish(news, |name| self.labels(&staged, name));
        staged.note_revision(revision);
        let Staged { entries, positions, children, changed, counter, pause, .. } = staged;
        self.counter = counter;
        self.pause = pause;
        for (position, entry) in entries {
            match entry {
                Some(entry) => self.entries.insert(position, entry),
                None => self.entries.remove(&position),
            };
        }
        for (name, position) in positions {
            match position {
                Some(position) => self.positions.insert(name, position),
                None => self.positions.remove(&name),
            };
        }
        for (parent, children) in children {
            if children.is_empty() {
                self.children.remove(&parent);
            } else {
                self.children.insert(parent, children);
            }
        }
        for (name, deleted) in staged.deleted {
            match deleted {
                Some(deleted) => self.deleted.insert(name, deleted),
                None => self.deleted.remove(&name),
            };
        }
        self.sweep_deleted_at = staged.sweep_deleted_at;
        for entry in staged.journal {
            self.add_entry(self.next_sequence(), entry);
        }
        self.meta.extend(staged.meta.into_iter().map(|key| (key, revision)));
        self.commits = staged.commits;
        for (number, life) in &staged.lives {
            self.lives.add(*number, life);
        }
        if self.outbox.accept(staged.outbox) {
            self.feed.outbox_changed();
        }
        let changes =
            changed.into_iter().map(|(position, name)| match self.entries.get(&position) {
                Some(entry) => (position, entry.change()),
                None => (position, Change::Deleted { name }),
            });
        self.feed.publish_changes(&changes.collect::<Vec<_>>());
    }

    /// The labels of an allocation as they are, and as they will be; none where it has none.
    fn labels(&self, staged: &Staged, name: &AllocationName) -> Vec<Labels> {
        let now = self.entry(name.as_str()).map(|(_, entry)| &entry.allocation);
        let position = staged.positions.get(name).copied();
        let position = position.unwrap_or_else(|| self.positions.get(name).copied());
        let then = position.and_then(|position| staged.entries.get(&position)?.as_ref());
        let then = then.map(|entry| &entry.allocation);
        let then = then.filter(|then| now.is_none_or(|now| !Arc::ptr_eq(now, then)));
        let labels = now.into_iter().chain(then).map(|allocation| &allocation.specification.labels);
        labels.filter(|labels| !labels.is_empty()).cloned().collect()
    }
}
