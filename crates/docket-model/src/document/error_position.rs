//! Finds the position of an error from its path.

use super::{
    Located,
    node::{Content, Node},
    source_text::Source,
};
use crate::{
    finding::{Finding, Step},
    schedule,
};

/// Finds the position of an error; errors in a schedule get positions within its text.
pub(super) fn find(source: &Source<'_>, item: &Node<'_>, finding: Finding) -> Vec<Located> {
    let node = target(item, &finding);
    if finding.schedule.is_empty() {
        return vec![point(source, node, finding)];
    }
    let each = finding.schedule.iter().map(|part| {
        let alone =
            Finding { message: part.to_string(), schedule: vec![part.clone()], ..finding.clone() };
        let whole = point(source, node, alone);
        narrowed(source, node, part, &whole).unwrap_or(whole)
    });
    each.collect()
}

/// What to point at: the value, or its key if that is wrong or has no value.
///
/// For a missing value this is the key it belongs under, or else the allocation.
fn target<'a, 't>(item: &'a Node<'t>, finding: &Finding) -> &'a Node<'t> {
    let found = follow(item, &finding.field.0);
    match (found.key, found.value) {
        (Some(key), Some(value)) if finding.at_key || is_blank(value) => key,
        (_, Some(value)) => value,
        (Some(key), None) => key,
        (None, None) => item,
    }
}

fn is_blank(value: &Node<'_>) -> bool {
    value.mark.is_empty() && matches!(value.content, Content::Scalar(_))
}

/// An error in a whole value, or in a key.
pub(super) fn point(source: &Source<'_>, node: &Node<'_>, finding: Finding) -> Located {
    let located = source.located(node.mark, finding);
    // The parser includes what follows a quoted string, such as a comment.
    // The text between the quotes is measured in the source, because escapes make the value
    // shorter.
    let length = quotation(source, node, &located).map(|(start, text)| start + text.len() + 1);
    Located {
        length: length.map_or(located.length, |length| length.min(located.length)),
        ..located
    }
}

/// The text within quotation marks, and its offset from the position.
fn quotation<'s>(
    source: &Source<'s>,
    node: &Node<'_>,
    located: &Located,
) -> Option<(usize, &'s str)> {
    let Content::Scalar(scalar) = &node.content else {
        return None;
    };
    let quote = scalar.quote?;
    let end = located.offset + located.length;
    let written = source.text().get(located.offset..end)?;
    // An anchor or a tag may come first.
    let start = written.find(quote)? + 1;
    let mut rest = written.get(start..)?.char_indices().peekable();
    while let Some((index, letter)) = rest.next() {
        // Single quotes escape a quote by doubling it, double quotes by a backslash.
        let doubled = quote == '\'' && rest.peek().is_some_and(|(_, next)| *next == quote);
        if letter == quote && !doubled {
            return Some((start, written.get(start..start + index)?));
        }
        if doubled && letter == quote || quote == '"' && letter == '\\' {
            rest.next();
        }
    }
    None
}

/// The position within the text of a schedule, if the document contains it verbatim.
fn narrowed(
    source: &Source<'_>,
    node: &Node<'_>,
    part: &schedule::ScheduleError,
    whole: &Located,
) -> Option<Located> {
    let Content::Scalar(scalar) = &node.content else {
        return None;
    };
    let end = whole.offset + whole.length;
    let (start, text) = if scalar.quote.is_some() {
        quotation(source, node, whole)?
    } else {
        // An anchor or a tag may come first.
        let start = whole.length.checked_sub(scalar.text.len())?;
        (start, source.text().get(whole.offset + start..end)?)
    };
    // Escapes and folded lines shift offsets, so only the whole value is pointed at.
    if text != scalar.text {
        return None;
    }
    let offset = whole.offset + start + part.offset;
    let before = source.text().get(whole.offset..offset)?;
    Some(Located {
        column: whole.column + before.chars().count(),
        offset,
        length: part.length.min(end.saturating_sub(offset)),
        ..whole.clone()
    })
}

/// The result of following a path.
struct Found<'a, 't> {
    /// The innermost key on the path.
    key: Option<&'a Node<'t>>,
    /// The value, if there is one.
    value: Option<&'a Node<'t>>,
}

fn follow<'a, 't>(item: &'a Node<'t>, path: &[Step]) -> Found<'a, 't> {
    let mut found = Found { key: None, value: Some(item) };
    for step in path {
        // The rest of the path is missing from the document; the last key found is the nearest
        // place.
        let Some(here) = found.value else { break };
        found.value = match (step, &here.content) {
            (Step::Key(name), _) => here.entry(name).map(|(key, value)| {
                found.key = Some(key);
                &**value
            }),
            (Step::Index(index), Content::List(items)) => items.get(*index).map(|item| &**item),
            // A single string in place of a list of one.
            (Step::Index(_), _) => Some(here),
        };
    }
    found
}
