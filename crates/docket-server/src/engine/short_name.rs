//! Names of containers for engines that refuse dots, capitals and more than 63 characters.

use std::fmt::Write;

use ring::digest;

use super::Identity;

/// How much of the allocation's name is in it: 63 characters less `docket-`, `-` and the digits.
const LONGEST_ALLOCATION: usize = 39;
/// How many bytes of the hash are in it, each as two digits.
const HASH_BYTES: usize = 8;

/// `docket-report-` and 16 digits that stand for namespace, allocation, instant and attempt.
///
/// The allocation's name is for readers; the truth is in the labels.
#[must_use]
pub fn short_name(identity: &Identity) -> String {
    let Identity { namespace, allocation, instant, attempt, .. } = identity;
    let whole = format!("{namespace}/{allocation}/{instant}/{}/{}", attempt.part, attempt.number);
    let hash = digest::digest(&digest::SHA256, whole.as_bytes());
    let mut name = "docket-".to_owned();
    name.extend(
        allocation
            .as_str()
            .chars()
            .take(LONGEST_ALLOCATION)
            .map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' }),
    );
    name.push('-');
    for byte in hash.as_ref().iter().take(HASH_BYTES) {
        // Writing to a text cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use docket_model::{AllocationName, run::AttemptKey};
    use serde_json::json;

    use super::*;
    use crate::engine::container_plan::tests::plan;

    #[test]
    fn a_short_name_has_only_what_every_engine_accepts_and_differs_by_everything_that_names_a_run()
    {
        let identity = plan(&json!({"Image": "busybox"})).identity;
        let long = AllocationName::parse(&format!("Report_1.{}", "x".repeat(100))).unwrap();
        let others = [
            Identity { namespace: "other".into(), ..identity.clone() },
            Identity { instant: "20261121T090001Z".parse().unwrap(), ..identity.clone() },
            Identity { attempt: 2.into(), ..identity.clone() },
            Identity { attempt: AttemptKey { part: 2, number: 1 }, ..identity.clone() },
            Identity { allocation: long, ..identity.clone() },
            Identity { allocation: AllocationName::parse("Report").unwrap(), ..identity.clone() },
        ];

        let mut names: Vec<_> = others.iter().chain([&identity]).map(short_name).collect();

        for name in &names {
            assert!(name.len() <= 63 && name.starts_with("docket-report-"), "{name}");
            assert!(
                name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')),
                "{name}"
            );
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 7);
    }
}
