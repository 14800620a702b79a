//! Writes values as YAML in the style of hand-written files: short lists on one line, few quotes, texts of
//! several lines as blocks.
//!
//! Any reader of YAML 1.1 or 1.2 gets the same value back: what one of them takes for something else is
//! quoted, and characters that one of them takes for a line break are escaped.

use std::fmt::Write as _;

use serde_json::Value;

/// Lists that are longer than this, in characters, have one line for each item.
// With key and indentation such a line still fits a terminal of 80 columns in most cases.
const WIDTH: usize = 72;

/// A longer key needs the explicit form `? key` (YAML allows 1,024 characters).
const MAX_KEY: usize = 1000;

/// The words that YAML 1.1 or 1.2 reads as a boolean or null.
const RESERVED: [&str; 10] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"];

/// Writes a value as a YAML document, with a line break at its end.
#[must_use]
pub fn to_yaml(value: &Value) -> String {
    let mut text = String::new();
    block(&mut text, value, 0);
    text.push('\n');
    // Every value begins with the separator from its key, which the outermost one does not have.
    let start = text.len() - text.trim_start_matches([' ', '\n']).len();
    text.split_off(start)
}

/// Writes a value behind its key or dash: on the same line after a space, or on the next lines.
fn block(out: &mut String, value: &Value, depth: usize) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Array(items) if items.is_empty() => out.push_str(" []"),
        Value::Object(entries) if entries.is_empty() => out.push_str(" {}"),
        Value::Array(items) => match inline(items) {
            Some(list) => push(out, format_args!(" {list}")),
            None => {
                for item in items {
                    push(out, format_args!("\n{pad}-"));
                    nested(out, item, depth + 1);
                }
            }
        },
        Value::Object(entries) => {
            for (key, value) in entries {
                let key = scalar(key);
                if key.len() > MAX_KEY {
                    push(out, format_args!("\n{pad}? {key}\n{pad}:"));
                } else {
                    push(out, format_args!("\n{pad}{key}:"));
                }
                block(out, value, depth + 1);
            }
        }
        Value::String(text) if is_literal(text) => literal(out, text, &pad),
        Value::String(text) => push(out, format_args!(" {}", scalar(text))),
        Value::Null | Value::Bool(_) | Value::Number(_) => push(out, format_args!(" {value}")),
    }
}

/// Writes an item of a list. A mapping begins on the line of its dash.
fn nested(out: &mut String, item: &Value, depth: usize) {
    let start = out.len();
    block(out, item, depth);
    let indentation = 1 + 2 * depth;
    let starts_on_next_line = out.get(start..).is_some_and(|item| item.starts_with('\n'));
    // The mapping was written on the next line; its first key moves up behind the dash.
    if item.is_object() && starts_on_next_line {
        out.replace_range(start..start + indentation, " ");
    }
}

/// A list on one line, if it is short and has only plain values.
fn inline(items: &[Value]) -> Option<String> {
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        texts.push(match item {
            Value::Array(_) | Value::Object(_) => return None,
            Value::String(text) if text.contains('\n') => return None,
            // These characters are plain in a block and special in a list on one line.
            Value::String(text) if text.contains([',', '[', ']', '{', '}']) => quoted(text),
            Value::String(text) => scalar(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => item.to_string(),
        });
    }
    let list = format!("[{}]", texts.join(", "));
    (list.chars().count() <= WIDTH).then_some(list)
}

/// True if a text is readable as a block of lines.
fn is_literal(text: &str) -> bool {
    text.contains('\n')
        // White space at the beginning would count as indentation of the block.
        && !text.starts_with(char::is_whitespace)
        && !text.chars().any(|char| is_special(char) && char != '\n' && char != '\t')
}

fn literal(out: &mut String, text: &str, pad: &str) {
    // How many line breaks at the end belong to the text: none, one, or all.
    let keep = match text.strip_suffix('\n') {
        None => "-",
        Some(rest) if rest.ends_with('\n') => "+",
        Some(_) => "",
    };
    push(out, format_args!(" |{keep}"));
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        // Trailing spaces on empty lines would only be noise; YAML does not need them.
        if !line.is_empty() {
            push(out, format_args!("{pad}{line}"));
        }
    }
}

/// A text on one line, with quotes only if it needs them.
fn scalar(text: &str) -> String {
    if is_plain(text) || is_duration(text) { text.to_owned() } else { quoted(text) }
}

/// True if every reader takes the text for itself without quotes.
fn is_plain(text: &str) -> bool {
    let mut chars = text.chars();
    let starts_plain = match chars.next() {
        Some('-') => chars.next().is_some_and(|char| char.is_ascii_alphabetic() || char == '-'),
        Some(char) => char.is_ascii_alphabetic() || char == '_' || char == '/',
        None => false,
    };
    starts_plain
        && text.chars().all(|char| char.is_ascii_alphanumeric() || "_/. =@+-".contains(char))
        && !text.ends_with(' ')
        // A line that begins with it starts another document.
        && !text.starts_with("---")
        && !RESERVED.contains(&text.to_ascii_lowercase().as_str())
}

/// True for a duration such as `1h30m`, which no reader takes for a number.
fn is_duration(text: &str) -> bool {
    let mut rest = text;
    for unit in ['h', 'm', 's'] {
        let digits = rest.trim_start_matches(|char: char| char.is_ascii_digit());
        if digits.len() < rest.len() {
            rest = digits.strip_prefix(unit).unwrap_or(rest);
        }
    }
    rest.is_empty() && !text.is_empty()
}

/// A text in double quotes; in single quotes if it would need escapes otherwise.
fn quoted(text: &str) -> String {
    if text.contains(['"', '\\']) && !text.chars().any(is_special) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => push(&mut out, format_args!("\\{char}")),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            char if is_special(char) => push(&mut out, format_args!("\\u{:04x}", u32::from(char))),
            char => out.push(char),
        }
    }
    out.push('"');
    out
}

/// True for characters that are escaped: controls, and those that are invisible or that a reader takes for
/// a line break. All of them have at most four hexadecimal digits.
fn is_special(char: char) -> bool {
    matches!(
        char,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{a0}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fffe}'..='\u{ffff}'
    )
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _: Result<(), _> = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_specification_is_written_as_in_a_hand_written_file() {
        let written = to_yaml(&json!([{
            "Name": "report", "Cron": ["0 9 * * 1-5", "@daily"], "Timeout": "1h30m", "Suspended": false,
            "Container": {
                "Config": {
                    "Image": "ghcr.io/a/b:1", "Cmd": ["sh", "-c", "echo a, b"], "Entrypoint": [], "Labels": {},
                    "Env": ["A=1", "B=a text that is so long that the list has one line for each item", "C='2'"],
                    "Healthcheck": {"Test": ["CMD-SHELL", "set -e\ntrue\n"]},
                },
                "HostConfig": {"Mounts": [{"Type": "tmpfs", "Target": "/tmp"}], "NanoCpus": 500},
            },
            "After": null,
        }]));

        assert_eq!(
            written,
            r#"- Name: report
  Cron: ["0 9 * * 1-5", "@daily"]
  Timeout: 1h30m
  Suspended: false
  Container:
    Config:
      Image: "ghcr.io/a/b:1"
      Cmd: [sh, -c, "echo a, b"]
      Entrypoint: []
      Labels: {}
      Env:
        - A=1
        - B=a text that is so long that the list has one line for each item
        - "C='2'"
      Healthcheck:
        Test:
          - CMD-SHELL
          - |
            set -e
            true
    HostConfig:
      Mounts:
        - Type: tmpfs
          Target: /tmp
      NanoCpus: 500
  After: null
"#
        );
    }

    #[test]
    fn every_text_is_read_back_as_it_was() {
        let pieces = [
            "",
            " ",
            "\n",
            "\t",
            "a",
            "-",
            "--",
            "---",
            "...",
            "'",
            "\"",
            "\\",
            "#",
            " #",
            ": ",
            ":",
            "?",
            "? ",
            ",",
            "[",
            "{",
            "&",
            "*",
            "!",
            "|",
            ">",
            "%",
            "@",
            "`",
            "~",
            "yes",
            "No",
            "null",
            "0x1",
            "1",
            "1.5",
            ".inf",
            "1e3",
            "1h",
            "5m30s",
            "12:30:45",
            "2026-11-21",
            "=",
            "<<",
            "é",
            "😀",
            "\u{85}",
            "\u{a0}",
            "\u{2028}",
            "\u{2029}",
            "\u{feff}",
            "\u{1}",
            "\u{7f}",
            "\r",
            "\r\n",
            "/",
            "_",
            "on",
            "\u{ffff}",
        ];
        let long = "k".repeat(2000);
        for first in pieces {
            for second in pieces {
                for third in ["", "a", "\n", " ", ":"] {
                    let text = format!("{first}{second}{third}");
                    let value = json!({
                        text.clone(): text, "list": [text, "b"], "lists": [[text], {text.clone(): [text, [text]]}],
                        "long": [text, "x".repeat(80)], long.clone(): text,
                    });

                    let written = to_yaml(&value);

                    let read: Value = serde_yaml::from_str(&written)
                        .unwrap_or_else(|error| panic!("{text:?}: {error}\n{written}"));
                    assert_eq!(read, value, "{text:?}\n{written}");
                }
            }
        }
    }
}
