//! From the path of a mistake to its place.

use super::{
    Located,
    node::{Content, Node},
    source::Source,
};
use crate::{
    mistake::{Mistake, Step},
    schedule,
};

/// The mistake at its place; each mistake in a schedule at its own, within the schedule's text.
pub(super) fn find(source: &Source<'_>, item: &Node<'_>, mistake: Mistake) -> Vec<Located> {
    let node = culprit(item, &mistake);
    if mistake.schedule.is_empty() {
        return vec![source.located(node.mark, mistake)];
    }
    let each = mistake.schedule.iter().map(|part| {
        let alone =
            Mistake { message: part.to_string(), schedule: vec![part.clone()], ..mistake.clone() };
        let whole = source.located(node.mark, alone);
        narrowed(source, node, part, &whole).unwrap_or(whole)
    });
    each.collect()
}

/// What to point at: the value, or its key where that is wrong or nothing stands behind it.
///
/// A value that is missing is shown where it is missing: at the key it belongs under, or else at
/// the allocation.
fn culprit<'a, 't>(item: &'a Node<'t>, mistake: &Mistake) -> &'a Node<'t> {
    let found = follow(item, &mistake.field.0);
    match (found.key, found.value) {
        (Some(key), Some(value)) if mistake.at_key || is_blank(value) => key,
        (_, Some(value)) => value,
        (Some(key), None) => key,
        (None, None) => item,
    }
}

fn is_blank(value: &Node<'_>) -> bool {
    value.mark.is_empty() && matches!(value.content, Content::Scalar(_))
}

/// The place within the text of a schedule, where that stands in the document as it is.
fn narrowed(
    source: &Source<'_>,
    node: &Node<'_>,
    part: &schedule::Mistake,
    whole: &Located,
) -> Option<Located> {
    let Content::Scalar(scalar) = &node.content else {
        return None;
    };
    let end = source.byte(node.mark.end).checked_sub(scalar.quote)?;
    let start = end.checked_sub(scalar.text.len())?;
    if source.text().get(start..end)? != scalar.text {
        return None;
    }
    let offset = start + part.offset;
    let before = source.text().get(whole.offset..offset)?;
    (!before.contains(['\n', '\r'])).then(|| Located {
        column: whole.column + before.chars().count(),
        offset,
        length: part.length.min(end.saturating_sub(offset)),
        ..whole.clone()
    })
}

/// How far a path leads.
struct Found<'a, 't> {
    /// The innermost key on the way.
    key: Option<&'a Node<'t>>,
    /// The value, where there is one.
    value: Option<&'a Node<'t>>,
}

fn follow<'a, 't>(item: &'a Node<'t>, path: &[Step]) -> Found<'a, 't> {
    let mut found = Found { key: None, value: Some(item) };
    for step in path {
        let Some(here) = found.value else { break };
        found.value = match (step, &here.content) {
            (Step::Key(name), _) => here.entry(name).map(|(key, value)| {
                found.key = Some(key);
                &**value
            }),
            (Step::Index(index), Content::List(items)) => items.get(*index).map(|item| &**item),
            // A single text, where a list of one is as good.
            (Step::Index(_), _) => Some(here),
        };
    }
    found
}
