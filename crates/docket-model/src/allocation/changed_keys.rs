//! What changed from one specification of a name to the next, for the journal.

use super::{Specification, key_table::TABLE};

impl Specification {
    /// The keys whose values differ, in the order of the table.
    ///
    /// Values are compared by what they mean: `90s` is the same timeout as `1m30s`.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        // The journal names keys only, because values may be secrets such as an environment.
        let changed = TABLE.iter().filter(|key| key.differs(self, other));
        changed.map(|key| key.name()).collect()
    }
}
