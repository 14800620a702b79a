//! Formats keys with their texts: wrapped on a terminal, one line each for programs.

use unicode_width::UnicodeWidthStr;

use crate::print::{Screen, on_one_line};

/// The maximum width of a line: longer ones are hard to read.
const WIDEST: usize = 100;

/// The minimum width of the text: in fewer columns it is below its key.
const NARROWEST: usize = 24;

/// The spaces between a key and its text, and before a text below its key.
const GAP: usize = 2;

/// Each text after its key. A text may have several lines.
pub(crate) fn behind_keys(texts: &[(String, String)], screen: Screen) -> String {
    let lines: Vec<String> = match screen {
        Screen::Program => texts.iter().flat_map(|(key, text)| for_programs(key, text)).collect(),
        Screen::Terminal(width) => on_a_terminal(texts, width.min(WIDEST)),
    };
    lines.join("\n")
}

/// Repeats the key before each line, so that each line can be understood alone.
fn for_programs(key: &str, text: &str) -> impl Iterator<Item = String> {
    text.lines().map(move |line| format!("{}\t{}", on_one_line(key), on_one_line(line)))
}

fn on_a_terminal(texts: &[(String, String)], width: usize) -> Vec<String> {
    let keys = texts.iter().map(|(key, _)| key.width()).max().unwrap_or(0);
    let room = width.saturating_sub(keys + GAP);
    if room < NARROWEST {
        let below = |(key, text): &(String, String)| {
            let key = Some(key.clone()).filter(|key| !key.is_empty());
            let indent = if key.is_some() { " ".repeat(GAP) } else { String::new() };
            let lines = wrapped(text, width.saturating_sub(indent.len())).into_iter();
            key.into_iter().chain(lines.map(move |line| format!("{indent}{line}")))
        };
        return texts.iter().flat_map(|text| below(text).collect::<Vec<_>>()).collect();
    }
    let beside = |(key, text): &(String, String)| {
        let blanks = " ".repeat(keys + GAP - key.width());
        let first = format!("{key}{blanks}");
        let rest = " ".repeat(keys + GAP);
        let lines = wrapped(text, room).into_iter().enumerate();
        lines.map(move |(index, line)| format!("{}{line}", if index == 0 { &first } else { &rest }))
    };
    texts.iter().flat_map(beside).map(|line| line.trim_end().to_owned()).collect()
}

/// Texts without keys; on a terminal continuation lines are indented.
pub(super) fn by_themselves<'a>(texts: impl Iterator<Item = &'a str>, screen: Screen) -> String {
    let lines: Vec<String> = match screen {
        Screen::Program => texts.map(on_one_line).collect(),
        Screen::Terminal(width) => {
            let room = width.min(WIDEST).saturating_sub(GAP);
            let indented = |(index, line): (usize, String)| {
                if index == 0 { line } else { format!("{}{line}", " ".repeat(GAP)) }
            };
            texts
                .flat_map(|text| wrapped(text, room).into_iter().enumerate().map(indented))
                .collect()
        }
    };
    lines.join("\n")
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let options =
        // Names of images and paths contain hyphens, and a break at one would change what a user
        // copies.
        textwrap::Options::new(width.max(1)).word_splitter(textwrap::WordSplitter::NoHyphenation);
    let lines = text.lines().map(on_one_line);
    lines
        .flat_map(|line| {
            textwrap::wrap(&line, &options).into_iter().map(Into::into).collect::<Vec<String>>()
        })
        .collect()
}
