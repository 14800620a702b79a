//! Reads again what another writer has changed, as a conflict or its commit shows.

use std::{collections::BTreeSet, sync::Arc};

use docket_model::AllocationName;
use parking_lot::RwLock;

use super::{
    StoreError,
    backend::{Backend, Collection, Key, Record},
    catalogue::{Catalogue, Entry},
    load,
};

/// Brings the catalogue up to date where a key has another revision than it knows.
pub(super) async fn refresh(
    catalogue: &RwLock<Catalogue>,
    backend: &dyn Backend,
    key: &Key,
) -> Result<(), StoreError> {
    match key {
        Key::Specification(name) | Key::Status(name) | Key::Run(name, _) => {
            let entry = read(backend, name).await?;
            catalogue.write().replace(name, entry);
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
    let (mut names, mut others) = (BTreeSet::new(), Vec::new());
    for key in keys {
        match key {
            Key::Specification(name) | Key::Status(name) | Key::Run(name, _) => {
                names.insert(name);
            }
            Key::Item(..) | Key::Entry(_) => others.push(key),
            Key::Piece(_) => {}
        }
    }
    for name in names {
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
    let mut read = backend.read(keys).await?.into_iter();
    let (specification, status) = (read.next().flatten(), read.next().flatten());
    let Some((revision, Record::Specification(held))) = specification else { return Ok(None) };
    let position = held.position;
    let mut entry = Entry::new(held.allocation, revision);
    let Some((revision, Record::Status(status))) = status else {
        return Ok(Some((position, entry)));
    };
    entry.set_status(Arc::clone(&status), revision);
    let under_way = status.under_way.iter().map(|at| Key::Run(name.clone(), *at));
    for read in backend.read(under_way.collect()).await? {
        let Some((revision, Record::Run(run))) = read else { continue };
        let claimed = format!("{name}@{}", run.revision);
        let claimed = vec![Key::Item(Collection::Claimed, claimed)];
        let claimed = backend.read(claimed).await?.into_iter().next().flatten();
        let claimed = match claimed {
            Some((_, Record::Specification(claimed))) => Some(claimed.allocation),
            _ => None,
        };
        entry.add_loaded(run, revision, claimed.as_ref());
    }
    Ok(Some((position, entry)))
}
