//! Reads text files: UTF-8, with or without a byte order mark. Any other encoding is rejected with its
//! position and with what to do about it.

use thiserror::Error;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// What is wrong with the encoding of a text, and where.
///
/// Written `line 3, column 9: byte 0xE9 is not UTF-8 …`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct InvalidText {
    /// What is wrong.
    pub problem: Problem,
    /// Counted from 1.
    pub line: usize,
    /// Counted in characters, from 1.
    pub column: usize,
    /// The offset in bytes, not counting a byte order mark at the beginning.
    pub offset: usize,
}

/// What can be wrong with the encoding of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Problem {
    /// The text is UTF-16 or UTF-32.
    #[error("the file is {0}: save it as UTF-8")]
    Wide(&'static str),
    /// A byte that is not UTF-8.
    #[error("byte 0x{byte:02X} is not UTF-8{latin}: save the file as UTF-8", byte = .0, latin = in_latin_1(*.0))]
    Byte(u8),
    /// A NUL byte.
    #[error("NUL byte: save the file as plain text in UTF-8")]
    Nul,
    /// A byte order mark at the beginning of a line, where files were concatenated.
    #[error(
        "byte order mark (U+FEFF) at the beginning of a line, where files were joined: remove it"
    )]
    ByteOrderMark,
}

/// The letter that a byte is in Latin-1. Below 0xA0, that has control characters, and Windows-1252 other
/// letters.
fn in_latin_1(byte: u8) -> String {
    if byte >= 0xa0 { format!(" (`{}` in Latin-1)", char::from(byte)) } else { String::new() }
}

/// Reads bytes as UTF-8, without the byte order mark at the beginning.
///
/// # Errors
/// The first position that is not UTF-8, is a NUL, or is a byte order mark at the beginning of a line.
pub fn decode(bytes: &[u8]) -> Result<&str, InvalidText> {
    // First, because UTF-16 of ASCII letters is valid UTF-8 with NULs.
    if let Some(encoding) = wide_encoding(bytes) {
        let problem = Problem::Wide(encoding);
        return Err(InvalidText { problem, line: 1, column: 1, offset: 0 });
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let byte = bytes.get(offset).copied().unwrap_or_default();
        invalid(bytes, offset, Problem::Byte(byte))
    })?;
    // Neither YAML nor an environment can hold a NUL.
    if let Some(offset) = text.find('\0') {
        return Err(invalid(bytes, offset, Problem::Nul));
    }
    match misplaced_mark(text) {
        Some(offset) => Err(invalid(bytes, offset, Problem::ByteOrderMark)),
        None => Ok(text),
    }
}

/// The encoding of a text whose characters have two or four bytes: by its byte order mark or, as both
/// files of variables and documents begin with ASCII, by the NULs in its first character.
fn wide_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        // UTF-32 before UTF-16, whose mark is the beginning of the other's.
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [first, 0, 0, 0, ..] | [0, 0, 0, first, ..] if *first != 0 => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        [first, 0, ..] | [0, first, ..] if *first != 0 => Some("UTF-16"),
        _ => None,
    }
}

fn misplaced_mark(text: &str) -> Option<usize> {
    if text.starts_with(BYTE_ORDER_MARK) {
        return Some(0);
    }
    let mut marks = text.match_indices(BYTE_ORDER_MARK).map(|(offset, _)| offset);
    marks.find(|offset| matches!(text.as_bytes().get(offset - 1), Some(b'\n' | b'\r')))
}

/// Finds line and column of an offset; what comes before it is UTF-8.
fn invalid(bytes: &[u8], offset: usize, problem: Problem) -> InvalidText {
    let before = bytes.get(..offset).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let before = before.unwrap_or_default();
    let last = before.rsplit(['\n', '\r']).next().unwrap_or_default();
    // Old Macs ended lines with a return alone, and YAML reads it as a line break.
    let lone_returns = before.matches('\r').count() - before.matches("\r\n").count();
    InvalidText {
        problem,
        line: before.matches('\n').count() + lone_returns + 1,
        column: last.chars().count() + 1,
        offset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn utf_8_is_read_without_the_mark_at_its_beginning() {
        for text in ["", "a", "é\r\nb", "A=\u{feff}"] {
            assert_eq!(decode(text.as_bytes()).unwrap(), text);
            assert_eq!(decode(format!("\u{feff}{text}").as_bytes()).unwrap(), text);
        }
    }

    #[test]
    fn any_other_encoding_is_rejected_with_its_place_and_the_remedy() {
        let cases: [(Vec<u8>, &str); 13] = [
            (
                wide("\u{feff}A=1", u16::to_le_bytes),
                "1, column 1: the file is UTF-16: save it as UTF-8",
            ),
            (
                wide("\u{feff}A=1", u16::to_be_bytes),
                "1, column 1: the file is UTF-16: save it as UTF-8",
            ),
            (wide("A=1", u16::to_le_bytes), "1, column 1: the file is UTF-16: save it as UTF-8"),
            (wide("A=1", u16::to_be_bytes), "1, column 1: the file is UTF-16: save it as UTF-8"),
            (b"\xff\xfe\0\0A\0\0\0".to_vec(), "1, column 1: the file is UTF-32: save it as UTF-8"),
            (b"A\0\0\0=\0\0\0".to_vec(), "1, column 1: the file is UTF-32: save it as UTF-8"),
            (
                b"\xef\xbb\xbfA=\xc3\xa9\r\nB=caf\xe9\n".to_vec(),
                "2, column 6: byte 0xE9 is not UTF-8 (`é` in Latin-1): save the file as UTF-8",
            ),
            (
                b"a\rb\r\xe9".to_vec(),
                "3, column 1: byte 0xE9 is not UTF-8 (`é` in Latin-1): save the file as UTF-8",
            ),
            (
                b"A=\x93x\x94".to_vec(),
                "1, column 3: byte 0x93 is not UTF-8: save the file as UTF-8",
            ),
            (
                b"A=\xc3".to_vec(),
                "1, column 3: byte 0xC3 is not UTF-8 (`Ã` in Latin-1): save the file as UTF-8",
            ),
            (b"A=1\nB=\0".to_vec(), "2, column 3: NUL byte: save the file as plain text in UTF-8"),
            (
                "\u{feff}A=1\n\u{feff}B=2\n".into(),
                "2, column 1: byte order mark (U+FEFF) at the beginning of a line, where files were joined: remove it",
            ),
            (
                "\u{feff}\u{feff}A=1\n".into(),
                "1, column 1: byte order mark (U+FEFF) at the beginning of a line, where files were joined: remove it",
            ),
        ];
        for (bytes, expected) in cases {
            let error = decode(&bytes).unwrap_err();
            assert_eq!(error.to_string(), format!("line {expected}"), "{bytes:?}");
        }
    }
}
