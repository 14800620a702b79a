//! The start log, which the containers write themselves: one line for each start.

use std::{collections::BTreeMap, fs, path::Path};

/// How often each attempt started, by its name such as `report/20261121T090000Z 1`.
pub(super) fn starts(start_log: &Path) -> BTreeMap<String, usize> {
    let text = fs::read_to_string(start_log.join("starts")).unwrap_or_default();
    let mut starts = BTreeMap::new();
    for line in text.lines() {
        *starts.entry(line.to_owned()).or_default() += 1;
    }
    starts
}
