//! What the containers themselves wrote: one line for each start.

use std::{collections::BTreeMap, fs, path::Path};

/// How often each attempt started, as `report/20261121T090000Z 1`.
pub(super) fn starts(witness: &Path) -> BTreeMap<String, usize> {
    let text = fs::read_to_string(witness.join("starts")).unwrap_or_default();
    let mut starts = BTreeMap::new();
    for line in text.lines() {
        *starts.entry(line.to_owned()).or_default() += 1;
    }
    starts
}
