//! Short pieces of YAML, for messages that show what to write.

use crate::finding::shortened;

/// How many entries are shown at most.
// A message is one line; a few entries show the form.
const MOST_SHOWN: usize = 4;

/// A string in a list or a mapping on one line, quoted if necessary.
pub(super) fn word(text: &str) -> String {
    let text = shortened(text);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./=@%+-:~^…".contains(c);
    let is_other = ["true", "false", "null", "~", "yes", "no", "on", "off", "y", "n"];
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '_' | '.'))
        && text.chars().all(is_plain)
        && !text.ends_with(':')
        // `inf` and `nan` parse as numbers, here and in some readers of YAML.
        && text.parse::<f64>().is_err()
        && !is_other.contains(&text.to_ascii_lowercase().as_str());
    // A flag or a path needs no quotes either.
    let flag = text.len() > 1
        && text.starts_with('-')
        && text.chars().skip(1).all(|c| c.is_ascii_alphabetic() || c == '-');
    if plain || flag {
        text
    // Only double quotes have escapes in YAML; for line breaks and tabs Rust's are the same.
    } else if text.chars().any(char::is_control) {
        format!("{text:?}")
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// A list on one line, shortened if it is long.
pub(super) fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    format!("[{}]", joined(texts.into_iter().map(word)))
}

/// A mapping on one line, shortened if it is long.
pub(super) fn mapping<'a>(entries: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let entry = |(key, value): (&str, String)| format!("{}: {value}", word(key));
    format!("{{{}}}", joined(entries.into_iter().map(entry)))
}

fn joined(entries: impl Iterator<Item = String>) -> String {
    let mut entries = entries.peekable();
    let mut shown: Vec<_> = entries.by_ref().take(MOST_SHOWN).collect();
    // The rest is not formatted at all, however long the user's list is.
    if entries.peek().is_some() {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}
