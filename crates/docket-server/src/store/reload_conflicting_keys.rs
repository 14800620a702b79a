//! Reads again what another writer has changed, as a conflict or its commit shows.

use std::collections::BTreeSet;

use docket_model::AllocationName;
use parking_lot::RwLock;

use super::{
    StoreError,
    backend::{Backend, Key, Record},
    catalogue::{Catalogue, Entry},
    load::{self, Loaded},
};

/// Brings the catalogue up to date where a key has another revision than it knows.
pub(super) async fn refresh(
    catalogue: &RwLock<Catalogue>,
    backend: &dyn Backend,
    key: &Key,
) -> Result<(), StoreError> {
    match key {
        Key::Specification(_) | Key::Status(_) | Key::Run(..) => {
            follow(catalogue, backend, vec![key.clone()]).await?;
        }
        // Other allocations may have been created or deleted: each takes a number.
        Key::Item(..) | Key::Entry(_) | Key::Piece(_) => {
            let (loaded, _) = load::load(backend, None).await?;
            catalogue.write().reload(loaded);
        }
    }
    Ok(())
}

/// Brings the catalogue up to date with a commit of another writer.
pub(super) async fn follow(
    catalogue: &RwLock<Catalogue>,
    backend: &dyn Backend,
    keys: Vec<Key>,
) -> Result<(), StoreError> {
    // A commit usually has several keys of one allocation, which is read once.
    let (mut names, mut others) = (BTreeSet::new(), Vec::new());
    for key in keys {
        match key {
            Key::Specification(name) | Key::Status(name) | Key::Run(name, _) => {
                names.insert(name);
            }
            Key::Item(..) | Key::Entry(_) => others.push(key),
            // Bytes of outputs are not in memory.
            Key::Piece(_) => {}
        }
    }
    for name in names {
        // Before the lock is taken: no reader waits for the backend.
        let entry = read(backend, &name).await?;
        catalogue.write().replace(&name, entry);
    }
    for (key, held) in others.iter().zip(backend.read(others.clone()).await?) {
        let mut catalogue = catalogue.write();
        match (key, held) {
            (Key::Entry(sequence), Some((_, Record::Entry(entry)))) => {
                catalogue.add_entry(*sequence, entry);
            }
            (Key::Item(collection, name), Some((revision, Record::Item(text)))) => {
                catalogue.set_item(*collection, name, Some((revision, &text)))?;
            }
            (Key::Item(collection, name), None) => catalogue.set_item(*collection, name, None)?,
            _ => {}
        }
    }
    Ok(())
}

/// An allocation as the backend has it, with its position.
async fn read(
    backend: &dyn Backend,
    name: &AllocationName,
) -> Result<Option<(u64, Entry)>, StoreError> {
    let keys = vec![Key::Specification(name.clone()), Key::Status(name.clone())];
    let mut loaded = Loaded::default();
    for (key, read) in keys.iter().zip(backend.read(keys.clone()).await?) {
        if let Some((revision, record)) = read {
            loaded.add(key.clone(), revision, record);
        }
    }
    Ok(loaded.entries(backend).await?.pop())
}
