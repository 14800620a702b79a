//! What is wrong with a text that is no YAML, in words that help.

use saphyr_parser::ScanError;

use super::{
    Located,
    source::{Mark, Source},
};
use crate::mistake::{FieldPath, Mistake, shortened};

/// The error of the parser at its place, with a way out where one is known.
pub(super) fn explain(source: &Source<'_>, error: &ScanError) -> Located {
    let mark = Mark::from(*error.marker());
    let offset = source.byte(mark.start);
    let (before, after) = source.text().split_at_checked(offset).unwrap_or_default();
    let line_before = before.rsplit(['\n', '\r']).next().unwrap_or_default();
    let line_after = after.split(['\n', '\r']).next().unwrap_or_default();
    let message = unquoted_schedule(line_before, line_after)
        .or_else(|| tab(line_before, line_after))
        .or_else(|| other(error.info(), line_after))
        .unwrap_or_else(|| format!("this is no YAML: {}", error.info()));
    source.located(mark, Mistake::new(FieldPath::default(), message))
}

/// `*` and `@`, with which many schedules begin, mean something else to YAML.
fn unquoted_schedule(before: &str, after: &str) -> Option<String> {
    let line = format!("{before}{after}");
    let key = line.to_ascii_lowercase().find("cron:")?;
    let value = line.get(key + "cron:".len()..)?.trim();
    let schedule = value.split(" #").next().unwrap_or_default().trim_end();
    let flow = before.contains('{');
    let schedule = match schedule.find([',', '}']) {
        Some(end) if flow => schedule.get(..end)?.trim_end(),
        _ => schedule,
    };
    if schedule.is_empty() || schedule.starts_with(['"', '\'']) {
        return None;
    }
    let shown = shortened(schedule);
    Some(format!("quote the schedule: write `Cron: \"{shown}\"`"))
}

fn tab(before: &str, after: &str) -> Option<String> {
    let line = format!("{before}{after}");
    let indent = line.len() - line.trim_start().len();
    line.get(..indent)?
        .contains('\t')
        .then(|| "YAML is indented with spaces: a tab stands here".to_owned())
}

fn other(info: &str, after: &str) -> Option<String> {
    let word = after.split_whitespace().next().unwrap_or_default();
    let shown = shortened(word);
    let message = if info.contains("unknown anchor") || info.contains("anchor or alias") {
        format!(
            "`{shown}` is an alias of nothing before it: put a text that begins with `*` or `&` in quotes"
        )
    } else if info.contains("unexpected character") {
        format!("put a text that begins like `{shown}` in quotes")
    } else if info.contains("mapping values are not allowed") {
        "a `:` cannot stand here: check the indentation, or put a text that holds `: ` in quotes"
            .to_owned()
    } else if info.contains("recursion limit") {
        "too many brackets within one another".to_owned()
    } else if info.contains("escape code") {
        "this escape is not known to YAML: double the `\\`, or use single quotes".to_owned()
    } else {
        return None;
    };
    Some(message)
}
