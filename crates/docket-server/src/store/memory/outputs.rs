//! Which records have outputs, and how many bytes these are.

use std::collections::BTreeMap;

use docket_model::run::Instant;

/// Where a record is: the position of its allocation, and its instant.
type Place = (u64, Instant);

/// The outputs that are kept, by the age of their records.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    kept: BTreeMap<u64, (Place, usize)>,
    bytes: usize,
}

impl Outputs {
    /// How many bytes they are together.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many bytes the outputs of a record are.
    pub(super) fn bytes_of(&self, age: u64) -> usize {
        self.kept.get(&age).map_or(0, |(_, bytes)| *bytes)
    }

    /// The age of the oldest record that has any.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.kept.first_key_value().map(|(age, _)| *age)
    }

    /// Notes the bytes of a record's outputs.
    pub(super) fn note(&mut self, age: u64, place: Place, bytes: usize) {
        self.forget(age);
        self.kept.insert(age, (place, bytes));
        self.bytes += bytes;
    }

    /// Forgets the outputs of a record; where that is.
    pub(super) fn forget(&mut self, age: u64) -> Option<Place> {
        let (place, bytes) = self.kept.remove(&age)?;
        self.bytes -= bytes;
        Some(place)
    }
}
