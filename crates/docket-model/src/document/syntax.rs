//! Explains syntax errors of YAML.

use saphyr_parser::ScanError;

use super::{
    Located,
    source::{Mark, Source},
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
    let value = before.to_ascii_lowercase().rfind("cron:")? + "cron:".len();
    let line = format!("{before}{after}");
    let schedule = line.get(value..)?.split(" #").next()?.trim();
    let schedule = match schedule.find([',', '}']) {
        Some(end) if before.contains('{') => schedule.get(..end)?.trim_end(),
        _ => schedule,
    };
    let unfit = schedule.starts_with(RESERVED) || schedule.contains(": ");
    unfit.then(|| format!("quote the schedule: write `Cron: \"{}\"`", shortened(schedule)))
}

/// How to fix an error of the parser, if that is known.
fn remedy(info: &str, after: &str) -> Option<String> {
    let is = |part: &str| info.contains(part);
    let word = after.split_whitespace().next().unwrap_or_default();
    let shown = shortened(word);
    let message = if is("unknown anchor") || is("anchor or alias") {
        return Some(format!(
            "`{shown}` refers to no anchor before it: \
             put a string that begins with `*` or `&` in quotes"
        ));
    } else if is("unexpected character") {
        return Some(format!("put a string that begins like `{shown}` in quotes"));
    } else if is("mapping values are not allowed") {
        "unexpected `:`: check the indentation, or put a string that contains `: ` in quotes"
    } else if is("block collection") || is("block mapping") {
        "the indentation does not match the lines before"
    } else if is("recursion limit") {
        "too many nested brackets"
    } else if is("escape") {
        "unknown escape sequence: double the `\\`, or use single quotes"
    } else if is("unexpected end of stream") {
        "the string that begins here has no closing quote"
    } else if is("flow sequence") {
        "a `,` or `]` is missing before this"
    } else if is("flow mapping") {
        "a `,` or `}` is missing before this"
    } else {
        return None;
    };
    Some(message.to_owned())
}
