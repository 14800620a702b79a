//! Labels of a container, as labels or annotations of a pod.

use serde_json::Value;

use super::draft::Draft;

/// The longest name of a label, and the longest value.
const LONGEST: usize = 63;
/// The longest prefix of a label's key: a domain.
const LONGEST_PREFIX: usize = 253;

/// Puts labels on the pod: as labels where their values allow it, else as annotations.
pub(super) fn map(draft: &mut Draft, field: &str, value: &Value) {
    for (key, value) in value.as_object().into_iter().flatten() {
        draft.label(field, key, value.as_str().unwrap_or_default());
    }
}

impl Draft {
    /// Puts a label on the pod.
    pub(crate) fn label(&mut self, field: &str, key: &str, value: &str) {
        if !is_label_key(key) {
            return self.refuse(
                format!("{field} ({key})"),
                "a label's name has at most 63 letters, digits, `-`, `_` and `.`, with a letter or a digit \
                 at both ends, and may follow a domain and `/`",
            );
        }
        let labels = if is_label_value(value) { &mut self.labels } else { &mut self.annotations };
        labels.insert(key.to_owned(), value.to_owned());
    }
}

/// Whether Kubernetes takes a text as the value of a label.
pub(super) fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_word(value)
}

pub(super) fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        None => is_word(key),
        Some((prefix, name)) => {
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            let is_domain_label = |label: &str| {
                !label.is_empty()
                    && label.chars().all(allowed)
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            };
            prefix.len() <= LONGEST_PREFIX
                && prefix.split('.').all(is_domain_label)
                && is_word(name)
        }
    }
}

fn is_word(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let at_an_end = |c: char| c.is_ascii_alphanumeric();
    text.len() <= LONGEST
        && text.chars().all(allowed)
        && text.starts_with(at_an_end)
        && text.ends_with(at_an_end)
}
