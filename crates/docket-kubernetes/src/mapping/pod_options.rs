//! What a placement says for pods alone: tolerations, pull secrets and the service account.

use docket_model::allocation::{Placement, TaintEffect, Toleration, TolerationOperator};
use docket_server::engine::Finding;
use serde_json::{Map, Value, json};

use super::{
    draft::Draft,
    labels::{is_label_key, is_label_value},
};
use crate::api::Taint;

/// The taints of nodes that are away, which each pod tolerates for any time.
const AWAY: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
/// Their effect.
const EVICTS: TaintEffect = TaintEffect::NoExecute;

/// What no pod can have of that.
pub(crate) fn check(placement: &Placement) -> Vec<Finding> {
    let tolerations = placement.tolerations.iter().enumerate();
    let refused = tolerations.filter_map(|(index, toleration)| {
        let field = format!("Placement.Tolerations[{index}]");
        Some(Finding::fatal(field, wrong_toleration(toleration)?.to_owned()))
    });
    refused.collect()
}

/// Why Kubernetes refuses a toleration.
fn wrong_toleration(toleration: &Toleration) -> Option<&'static str> {
    let Toleration { key, operator, value, effect, seconds } = toleration;
    let exists = *operator == TolerationOperator::Exists;
    if key.is_none() && !exists {
        return Some("without a `Key` it is for all taints: write `Operator: Exists`, or the key");
    }
    if key.as_ref().is_some_and(|key| !is_label_key(key)) {
        return Some(
            "a taint's key has at most 63 letters, digits, `-`, `_` and `.`, with a letter or a digit at both \
             ends, and may follow a domain and `/`",
        );
    }
    match value {
        Some(value) if exists && !value.is_empty() => {
            return Some(
                "`Exists` is for any value: leave `Value` out, or write `Operator: Equal`",
            );
        }
        Some(value) if !is_label_value(value) => {
            return Some("a taint's value has at most 63 letters, digits, `-`, `_` and `.`");
        }
        _ => {}
    }
    (seconds.is_some() && *effect != Some(TaintEffect::NoExecute))
        .then_some("`TolerationSeconds` is for taints that evict: write `Effect: NoExecute`")
}

/// True where the pods of a placement may get to a node with this taint.
pub(super) fn tolerates(placement: &Placement, taint: &Taint) -> bool {
    let is_away = AWAY.contains(&&*taint.key) && taint.effect == EVICTS.as_str();
    is_away || placement.tolerations.iter().any(|toleration| is_for(toleration, taint))
}

fn is_for(toleration: &Toleration, taint: &Taint) -> bool {
    let Toleration { key, operator, value, effect, .. } = toleration;
    let is_same_value = || value.as_deref().unwrap_or_default() == taint.value;
    key.as_ref().is_none_or(|key| **key == *taint.key)
        && effect.is_none_or(|effect| effect.as_str() == taint.effect)
        && (*operator == TolerationOperator::Exists || is_same_value())
}

/// Puts them on a pod. Its own tolerations let a pod wait for its node: by default Kubernetes deletes it after
/// 300 s, with its log. Of several for one taint the one with the least time counts.
pub(crate) fn map(draft: &mut Draft, placement: &Placement) {
    let own = AWAY.map(|key| json!({"key": key, "operator": "Exists", "effect": EVICTS.as_str()}));
    let given = placement.tolerations.iter().map(toleration);
    draft.pod.insert("tolerations".to_owned(), own.into_iter().chain(given).collect());
    let secrets: Vec<_> =
        placement.pull_secrets.iter().map(|name| json!({ "name": name })).collect();
    if !secrets.is_empty() {
        draft.pod.insert("imagePullSecrets".to_owned(), secrets.into());
    }
    let account = placement.service_account.as_deref();
    // A program that names no account of its own gets no token of the namespace's.
    draft.pod.insert("automountServiceAccountToken".to_owned(), account.is_some().into());
    if let Some(account) = account {
        draft.pod.insert("serviceAccountName".to_owned(), account.into());
    }
}

fn toleration(toleration: &Toleration) -> Value {
    let Toleration { key, operator, value, effect, seconds } = toleration;
    let given = [
        ("key", key.as_deref().map(Value::from)),
        ("operator", Some(operator.as_str().into())),
        ("value", value.as_deref().map(Value::from)),
        ("effect", effect.map(|effect| effect.as_str().into())),
        ("tolerationSeconds", seconds.map(Value::from)),
    ];
    let given = given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    given.collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Toleration {
        Toleration { key: Some("batch".into()), ..Toleration::default() }
    }

    fn check_of(toleration: Toleration) -> Vec<Finding> {
        check(&Placement { tolerations: vec![toleration], ..Placement::default() })
    }

    #[test]
    fn what_kubernetes_refuses_of_a_toleration_is_refused_before() {
        let (exists, no_execute) = (TolerationOperator::Exists, Some(TaintEffect::NoExecute));
        for toleration in [
            batch(),
            Toleration { value: Some("yes".into()), ..batch() },
            Toleration { operator: exists, ..Toleration::default() },
            Toleration { operator: exists, effect: no_execute, seconds: Some(300), ..batch() },
            Toleration { key: Some("example.com/batch".into()), ..batch() },
        ] {
            assert_eq!(check_of(toleration.clone()), [], "{toleration:?}");
        }
        for toleration in [
            Toleration::default(),
            Toleration { key: Some("-batch".into()), ..batch() },
            Toleration { operator: exists, value: Some("yes".into()), ..batch() },
            Toleration { value: Some("s s d".into()), ..batch() },
            Toleration { seconds: Some(300), ..batch() },
        ] {
            let found = check_of(toleration);
            assert_eq!(found[0].field, "Placement.Tolerations[0]", "{found:?}");
        }
    }

    #[test]
    fn a_pod_has_its_own_tolerations_and_those_that_are_given() {
        let mut draft = Draft::default();
        let effect = Some(TaintEffect::NoSchedule);
        let tolerations = vec![Toleration { value: Some("yes".into()), effect, ..batch() }];

        map(&mut draft, &Placement { tolerations, ..Placement::default() });

        let tolerations = draft.pod["tolerations"].as_array().unwrap();
        assert_eq!(tolerations.len(), 3);
        assert_eq!(
            tolerations[2],
            json!({"key": "batch", "operator": "Equal", "value": "yes", "effect": "NoSchedule"})
        );
    }

    #[test]
    fn the_token_of_a_service_account_is_only_mounted_where_one_is_named() {
        let (mut without, mut with) = (Draft::default(), Draft::default());
        let placement = Placement {
            service_account: Some("report".into()),
            pull_secrets: vec!["registry".into()],
            ..Placement::default()
        };

        map(&mut without, &Placement::default());
        map(&mut with, &placement);

        assert_eq!(without.pod["automountServiceAccountToken"], json!(false));
        assert!(!without.pod.contains_key("serviceAccountName"));
        assert_eq!(with.pod["automountServiceAccountToken"], json!(true));
        assert_eq!(with.pod["serviceAccountName"], json!("report"));
        assert_eq!(with.pod["imagePullSecrets"], json!([{"name": "registry"}]));
    }
}
