//! Which engine has which id, so that no engine is used under two names.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

/// The ids that engines gave themselves, and the name of each.
#[derive(Debug, Default)]
pub(crate) struct EngineIds(Mutex<HashMap<Arc<str>, Arc<str>>>);

impl EngineIds {
    /// Notes that the engine of this name reports this id; an error names the engine that has it already.
    pub(super) fn note(&self, name: &Arc<str>, id: Option<&Arc<str>>) -> Result<(), Arc<str>> {
        let mut ids = self.0.lock();
        // Another program may answer at its address now, and the id before may answer elsewhere.
        ids.retain(|known, holder| holder != name || Some(known) == id);
        // Without a lasting id it cannot be compared.
        let Some(id) = id else { return Ok(()) };
        let holder = ids.entry(Arc::clone(id)).or_insert_with(|| Arc::clone(name));
        if holder == name { Ok(()) } else { Err(Arc::clone(holder)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_an_engine_keeps_it_until_another_engine_answers_there() {
        let ids = EngineIds::default();
        let [a, b, one, two]: [Arc<str>; 4] = ["a", "b", "one", "two"].map(Into::into);

        assert_eq!(ids.note(&a, Some(&one)), Ok(()));
        assert_eq!(ids.note(&b, Some(&one)), Err(a.clone()));
        assert_eq!(ids.note(&a, Some(&one)), Ok(()));
        assert_eq!(ids.note(&a, Some(&two)), Ok(()));
        assert_eq!(ids.note(&b, Some(&one)), Ok(()));
        assert_eq!(ids.note(&a, Some(&one)), Err(b));
        assert_eq!(ids.note(&a, None), Ok(()));
    }
}
