//! Specifications without their secrets, and the way back: `get` shows `https://HOST/•••`, and a push of
//! that keeps the URL that is stored.

use std::{borrow::Cow, sync::Arc};

use super::{Notification, Specification};
use crate::finding::FieldPath;

/// Why a masked URL stands for no stored one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownUrl {
    /// The field.
    pub field: FieldPath,
    /// What is wrong, and what to write.
    pub message: String,
}

impl Specification {
    /// The specification with the masks of its URLs.
    #[must_use]
    pub fn without_secrets(&self) -> Cow<'_, Self> {
        let has_url = |entry: &Notification| entry.url().is_some();
        match &self.policies.notify {
            Some(entries) if entries.iter().any(has_url) => {
                let masked = entries.iter().map(Notification::masked).collect();
                Cow::Owned(self.with_notify(masked))
            }
            _ => Cow::Borrowed(self),
        }
    }

    /// The specification with the URLs of `stored` in place of its masked ones.
    ///
    /// # Errors
    /// Each masked URL that stands for none, or for one of several.
    pub fn with_stored_urls(
        &self,
        stored: Option<&Self>,
    ) -> Result<Cow<'_, Self>, Vec<UnknownUrl>> {
        let entries = self.policies.notify.as_deref().unwrap_or_default();
        if !entries.iter().any(is_masked) {
            return Ok(Cow::Borrowed(self));
        }
        let stored = stored.and_then(|stored| stored.policies.notify.as_deref());
        let (mut found, mut errors) = (Vec::with_capacity(entries.len()), Vec::new());
        for (index, entry) in entries.iter().enumerate() {
            match unmasked(entries, index, entry, stored.unwrap_or_default()) {
                Ok(entry) => found.push(entry),
                Err(message) => {
                    let field = FieldPath::key("Notify").with_index(index);
                    errors
                        .push(UnknownUrl { field: field.with_key(entry.receiver_key()), message });
                }
            }
        }
        if errors.is_empty() { Ok(Cow::Owned(self.with_notify(found))) } else { Err(errors) }
    }

    fn with_notify(&self, entries: Vec<Notification>) -> Self {
        let mut policies = (*self.policies).clone();
        policies.notify = Some(entries);
        Self { policies: Arc::new(policies), ..self.clone() }
    }
}

fn is_masked(entry: &Notification) -> bool {
    entry.url().is_some_and(super::NotificationUrl::is_masked)
}

/// The entry with its own URL, or with the stored one that its mask stands for.
fn unmasked(
    entries: &[Notification],
    index: usize,
    entry: &Notification,
    stored: &[Notification],
) -> Result<Notification, String> {
    let Some(mask) = entry.url().filter(|url| url.is_masked()) else { return Ok(entry.clone()) };
    let is_same = |other: &&Notification| other.masked().receiver == entry.receiver;
    let candidates: Vec<_> = stored.iter().filter(is_same).collect();
    let with_receiver_of =
        |of: &Notification| Notification { receiver: of.receiver.clone(), ..entry.clone() };
    match &*candidates {
        [] => Err(format!("no URL is stored for `{mask}`: write the whole URL")),
        [one] => Ok(with_receiver_of(one)),
        several => {
            // As they were shown, or else the masks could stand for each other's URLs.
            let masks: Vec<_> = entries.iter().filter(is_same).collect();
            let is_as_shown = masks.len() == several.len()
                && masks.iter().zip(several).all(|(mask, stored)| **mask == stored.masked());
            let place = entries.iter().take(index).filter(is_same).count();
            let stored = several.get(place).filter(|_| is_as_shown);
            stored.map(|stored| with_receiver_of(stored)).ok_or_else(|| {
                format!("`{mask}` stands for {} stored URLs: write the whole URL", several.len())
            })
        }
    }
}
