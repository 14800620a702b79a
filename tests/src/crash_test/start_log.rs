//! The start log, which the containers write themselves: one line for each start.

use std::{collections::BTreeMap, fs, path::Path};

/// A line of a shell script that notes its start in `/start-log`, which is the folder of the start log.
pub const LOG_START: &str = r#"echo "$DOCKET_RUN $DOCKET_ATTEMPT" >>/start-log/starts"#;

/// How often each attempt started, by its name such as `report/20261121T090000Z 1`.
pub fn starts(start_log: &Path) -> BTreeMap<String, usize> {
    let text = fs::read_to_string(start_log.join("starts")).unwrap_or_default();
    let mut starts = BTreeMap::new();
    for line in text.lines() {
        *starts.entry(line.to_owned()).or_default() += 1;
    }
    starts
}
