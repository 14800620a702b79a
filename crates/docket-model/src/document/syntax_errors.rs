//! Explains syntax errors of YAML.

use saphyr_parser::ScanError;

use super::{
    Located,
    source_text::{Mark, Source},
};
use crate::finding::{FieldPath, Finding, shortened};

/// Characters with which a plain string cannot begin.
const RESERVED: [char; 12] = ['*', '&', '@', '?', '-', '%', '!', '`', '|', '>', ',', '['];

/// The error of the parser at its position, with how to fix it if that is known.
pub(super) fn explain(source: &Source<'_>, error: &ScanError) -> Located {
    let mark = Mark::from(*error.marker());
    let offset = source.byte(mark.start);
    let (before, after) = source.text().split_at_checked(offset).unwrap_or_default();
    let line_before = before.rsplit(['\n', '\r']).next().unwrap_or_default();
    let line_after = after.split(['\n', '\r']).next().unwrap_or_default();
    // The parser's position may be before the tab, which is what must be replaced.
    if error.info().contains("tab") {
        let message = "a tab cannot indent YAML: use spaces";
        let tab = after.find('\t').and_then(|index| after.get(..index));
        let mark = tab.map_or(mark, |skipped| mark.after(skipped));
        return source.located(mark, Finding::new(FieldPath::default(), message));
    }
    let message = unquoted_schedule(line_before, line_after)
        .or_else(|| remedy(error.info(), line_after))
        .unwrap_or_else(|| format!("invalid YAML: {}", error.info()));
    source.located(mark, Finding::new(FieldPath::default(), message))
}

/// `*` and `@`, with which many schedules begin, are special in YAML.
fn unquoted_schedule(before: &str, after: &str) -> Option<String> {
    // Lowering the case of ASCII keeps all offsets.
    let value = before.to_ascii_lowercase().rfind("cron:")? + "cron:".len();
    let line = format!("{before}{after}");
    let schedule = line.get(value..)?.split(" #").next()?.trim();
    let schedule = match schedule.find([',', '}']) {
        // Inside `{…}` a comma ends the value; elsewhere it belongs to a list of the schedule.
        Some(end) if before.contains('{') => schedule.get(..end)?.trim_end(),
        _ => schedule,
    };
    let unfit = schedule.starts_with(RESERVED) || schedule.contains(": ");
    unfit.then(|| format!("quote the schedule: write `Cron: \"{}\"`", shortened(schedule)))
}

/// Parts of the parser's messages, and how to fix the error. The first that matches counts.
// The parser has no error codes. A message that changes with its version falls back to its own
// words.
const REMEDIES: [(&[&str], &str); 7] = [
    (
        &["mapping values are not allowed"],
        "unexpected `:`: check the indentation, or put a string that contains `: ` in quotes",
    ),
    (&["block collection", "block mapping"], "the indentation does not match the lines before"),
    (&["recursion limit"], "too many nested brackets"),
    (&["escape"], "unknown escape sequence: double the `\\`, or use single quotes"),
    (&["unexpected end of stream"], "the string that begins here has no closing quote"),
    (&["flow sequence"], "a `,` or `]` is missing before this"),
    (&["flow mapping"], "a `,` or `}` is missing before this"),
];

/// How to fix an error of the parser, if that is known.
fn remedy(info: &str, after: &str) -> Option<String> {
    let has = |parts: &[&str]| parts.iter().any(|part| info.contains(part));
    let word = after.split_whitespace().next().unwrap_or_default();
    let shown = shortened(word);
    if has(&["unknown anchor", "anchor or alias"]) {
        return Some(format!(
            "`{shown}` refers to no anchor before it: \
             put a string that begins with `*` or `&` in quotes"
        ));
    }
    if has(&["unexpected character"]) {
        return Some(format!("put a string that begins like `{shown}` in quotes"));
    }
    let known = REMEDIES.iter().find(|(parts, _)| has(parts));
    known.map(|(_, remedy)| (*remedy).to_owned())
}
