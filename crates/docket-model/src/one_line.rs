//! Makes foreign text safe to show, in the server's log and in the client.

/// Puts a text on one line: line breaks and tabs are escaped, as `\n`.
///
/// Backslashes are not escaped: the result is for people and is never parsed.
#[must_use]
pub fn on_one_line(text: &str) -> String {
    // Each log line passes here, and nearly all are like this.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // A line break in an engine's message could fake a log line of docket.
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c => line.push(visible(c)),
        }
    }
    line
}

/// A text of an error without the URLs in it, which may be secret.
#[must_use]
pub fn without_urls(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || "\"'`".contains(c);
    let shown = |word: &str| {
        if !word.contains("://") {
            return word.to_owned();
        }
        let end = word.chars().next_back().filter(|c| ends(*c));
        format!("•••{}", end.map(String::from).unwrap_or_default())
    };
    text.split_inclusive(ends).map(shown).collect()
}

/// Replaces a character that ends a line, controls a terminal or changes the direction of text.
#[must_use]
pub fn visible(c: char) -> char {
    // Characters that turn the direction of text can make a line show something else than it says.
    let turns_around = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    if c.is_control() || turns_around { char::REPLACEMENT_CHARACTER } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_ends_its_line_or_commands_a_terminal() {
        let cases = [
            ("a\nb\r\n\tc", r"a\nb\r\n\tc"),
            ("\u{1b}[2J\u{7f}\u{0}\u{85}", "\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}"),
            ("a\u{2028}b\u{202e}c", "a\u{fffd}b\u{fffd}c"),
            (r"C:\new é “x”", r"C:\new é “x”"),
        ];
        for (text, line) in cases {
            assert_eq!(on_one_line(text), line);
        }
    }
}
