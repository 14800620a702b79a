//! The name of a run's container.

use crate::engine::Identity;

/// The container's name: `docket.report.20261121T090000Z`, with `.2` behind it for the second attempt,
/// and `.p3.2` for the second one at the third part.
pub(super) fn container_name(identity: &Identity) -> String {
    let Identity { namespace, allocation, instant, attempt, .. } = identity;
    let mut name = format!("{namespace}.{allocation}.{instant}");
    name.extend(attempt.named_part().map(|part| format!(".p{part}")));
    name.extend((attempt.number > 1).then(|| format!(".{}", attempt.number)));
    name
}

#[cfg(test)]
mod tests {
    use docket_model::run::AttemptKey;
    use serde_json::json;

    use super::*;
    use crate::engine::container_plan::tests::plan;

    #[test]
    fn attempts_and_parts_have_names_of_their_own() {
        let mut identity = plan(&json!({"Image": "busybox"})).identity;
        let mut name = |part, number| {
            identity.attempt = AttemptKey { part, number };
            container_name(&identity)
        };

        assert_eq!(name(1, 1), "docket.report.20261121T090000Z");
        assert_eq!(name(1, 2), "docket.report.20261121T090000Z.2");
        assert_eq!(name(2, 1), "docket.report.20261121T090000Z.p2");
        assert_eq!(name(2, 3), "docket.report.20261121T090000Z.p2.3");
    }
}
