//! Which engine has which id, so that no engine is used under two names.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

/// The ids that engines gave themselves, and the name of each.
#[derive(Debug, Default)]
pub(crate) struct EngineIds {
    /// The names in the order of the configuration.
    names: Vec<Arc<str>>,
    holders: Mutex<HashMap<Arc<str>, Arc<str>>>,
}

impl EngineIds {
    /// No id is known yet; of several names of one engine the first of these keeps it.
    pub(super) fn of(names: Vec<Arc<str>>) -> Self {
        Self { names, holders: Mutex::default() }
    }

    /// Notes that the engine of this name reports this id; an error names the engine that has it already.
    ///
    /// A name takes the id from a later one, so that which of them is used does not depend on which of them
    /// answers first.
    pub(super) fn note(&self, name: &Arc<str>, id: Option<&Arc<str>>) -> Result<(), Arc<str>> {
        let mut holders = self.holders.lock();
        // Another program may answer at its address now, and the id before may answer elsewhere.
        holders.retain(|known, holder| holder != name || Some(known) == id);
        // Without a lasting id it cannot be compared.
        let Some(id) = id else { return Ok(()) };
        let holder = holders.entry(Arc::clone(id)).or_insert_with(|| Arc::clone(name));
        if self.position(name) < self.position(holder) {
            *holder = Arc::clone(name);
        }
        if holder == name { Ok(()) } else { Err(Arc::clone(holder)) }
    }

    /// True if another name has taken the id.
    pub(super) fn is_taken(&self, name: &Arc<str>, id: Option<&Arc<str>>) -> bool {
        let holders = self.holders.lock();
        id.and_then(|id| holders.get(id)).is_some_and(|holder| holder != name)
    }

    fn position(&self, name: &Arc<str>) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_an_engine_keeps_it_until_another_engine_answers_there() {
        let [a, b, one, two]: [Arc<str>; 4] = ["a", "b", "one", "two"].map(Into::into);
        let ids = EngineIds::of(vec![a.clone(), b.clone()]);

        assert_eq!(ids.note(&a, Some(&one)), Ok(()));
        assert_eq!(ids.note(&b, Some(&one)), Err(a.clone()));
        assert_eq!(ids.note(&a, Some(&one)), Ok(()));
        assert_eq!(ids.note(&a, Some(&two)), Ok(()));
        assert_eq!(ids.note(&b, Some(&one)), Ok(()));
        assert_eq!(ids.note(&a, Some(&one)), Ok(()));
        assert!(ids.is_taken(&b, Some(&one)) && !ids.is_taken(&b, Some(&two)));
        assert_eq!(ids.note(&b, Some(&one)), Err(a.clone()));
        assert_eq!(ids.note(&a, None), Ok(()));
        assert_eq!(ids.note(&b, Some(&one)), Ok(()));
    }
}
