//! What documents are read as, and what is said of those that are refused.

mod accepted_forms;
mod errors;
mod syntax_errors;

use serde_json::{Value, json};

use super::*;

/// The lines that a client shows for a document that is refused.
fn messages(text: &str) -> String {
    let errors = read(text, UnknownOptions::Refuse).unwrap_err();
    for located in errors.shown.iter().take(20) {
        check_place(text, located);
    }
    let lines = errors.shown.iter().map(ToString::to_string).chain(errors.rest());
    lines.collect::<Vec<_>>().join("\n")
}

/// Line and column must tell the same place as the offset, and the length stay within its line.
fn check_place(text: &str, located: &Located) {
    let before = &text[..located.offset];
    let before = before.strip_prefix('\u{feff}').unwrap_or(before);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
    assert_eq!((located.line, located.column), (line, column), "{located}");
    assert!(!pointed_at(text, located).contains('\n'));
}

fn pointed_at<'a>(text: &'a str, located: &Located) -> &'a str {
    &text[located.offset..located.offset + located.length]
}

/// Each error in a document, behind the text that it points at.
fn pointed(text: &str) -> String {
    let errors = read(text, UnknownOptions::Refuse).unwrap_err();
    let line = |located: &Located| {
        check_place(text, located);
        format!("[{}] {}", pointed_at(text, located), located.finding)
    };
    errors.shown.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The specifications of a valid document, as they are printed.
fn printed(text: &str) -> Vec<Value> {
    let document = read(text, UnknownOptions::Refuse).unwrap_or_else(|errors| {
        panic!(
            "{text}\n{}",
            errors.shown.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        )
    });
    let print = |read: &Read| serde_json::to_value(&read.specification).unwrap();
    document.specifications.iter().map(print).collect()
}

fn allocation(name: &str) -> Value {
    json!({"Name": name, "Cron": "0 9 * * *", "Container": {"Config": {"Image": "busybox"}}})
}
