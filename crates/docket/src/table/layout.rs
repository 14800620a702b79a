//! Formats rows: aligned within the width of a terminal, or separated by tabs for programs.
//!
//! 1. A row is one line, whatever its cells contain.
//! 2. On a terminal no line is wider than the terminal. Long columns are cut with `…`; if that is not
//!    enough, whole columns are omitted, and the header ends with `…`.
//! 3. For programs nothing is cut or padded.

use unicode_truncate::UnicodeTruncateStr;
use unicode_width::UnicodeWidthStr;

use crate::print::{Screen, on_one_line};

/// The spaces between two columns.
const GAP: usize = 2;

/// The sign for text that was cut.
const CUT: &str = "…";

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    header: &'static str,
    /// The width to which its cells may be cut; `None` if they are never cut.
    least: Option<usize>,
    /// Columns of a higher rank are omitted first.
    rank: u8,
}

impl Column {
    /// A column whose cells are never cut.
    pub(super) const fn whole(header: &'static str, rank: u8) -> Self {
        Self { header, least: None, rank }
    }

    /// A column whose cells may be cut to this width.
    pub(super) const fn cut(header: &'static str, least: usize, rank: u8) -> Self {
        Self { header, least: Some(least), rank }
    }
}

/// A column that is shown on the terminal.
struct ShownColumn {
    index: usize,
    rank: u8,
    /// The width of its widest cell.
    natural: usize,
    least: usize,
    width: usize,
}

/// A table with a header and one line per row.
pub(super) fn table<const N: usize>(
    columns: [Column; N],
    rows: impl IntoIterator<Item = [String; N]>,
    screen: Screen,
) -> String {
    let header = columns.map(|column| column.header.to_owned());
    let rows = rows.into_iter().map(|row| row.map(|cell| on_one_line(&cell)));
    let rows: Vec<_> = [header].into_iter().chain(rows).collect();
    let lines: Vec<_> = match screen {
        Screen::Program => rows.iter().map(|row| row.join("\t")).collect(),
        Screen::Terminal(width) => aligned(&columns, &rows, width),
    };
    lines.join("\n")
}

/// True if the table has all columns and nothing is cut.
pub(super) fn fits<const N: usize>(
    rows: &[[String; N]],
    columns: [Column; N],
    screen: Screen,
) -> bool {
    let Screen::Terminal(width) = screen else { return true };
    let header = columns.map(|column| column.header.to_owned());
    let natural = natural([&header].into_iter().chain(rows));
    natural.iter().sum::<usize>() + GAP * N.saturating_sub(1) <= width
}

/// The width of the widest cell of each column.
fn natural<'a, const N: usize>(rows: impl IntoIterator<Item = &'a [String; N]>) -> [usize; N] {
    let mut natural = [0; N];
    for row in rows {
        for (widest, cell) in natural.iter_mut().zip(row) {
            *widest = cell.width().max(*widest);
        }
    }
    natural
}

fn aligned<const N: usize>(
    columns: &[Column; N],
    rows: &[[String; N]],
    width: usize,
) -> Vec<String> {
    let places = shown_columns(columns, natural(rows), width);
    let mut lines: Vec<_> = rows.iter().map(|row| line(row, &places)).collect();
    if places.len() < N
        && let Some(header) = lines.first_mut()
    {
        let used = places.iter().map(|place| place.width + GAP).sum::<usize>();
        // The sign has no room if the last column had to be cut to the width itself.
        if used + CUT.width() <= width {
            let missing = used.saturating_sub(header.width());
            *header = format!("{header}{}{CUT}", " ".repeat(missing));
        }
    }
    lines
}

fn line(row: &[String], places: &[ShownColumn]) -> String {
    let mut line = String::new();
    // Spaces are written before the next cell, so that a line has none at its end.
    let mut missing = 0;
    for place in places {
        let cell = row.get(place.index).map(|cell| cut(cell, place.width)).unwrap_or_default();
        line.extend(std::iter::repeat_n(' ', missing));
        missing = GAP + place.width.saturating_sub(cell.width());
        line.push_str(&cell);
    }
    line.truncate(line.trim_end().len());
    line
}

/// The columns to show, each with its width.
fn shown_columns<const N: usize>(
    columns: &[Column; N],
    natural: [usize; N],
    width: usize,
) -> Vec<ShownColumn> {
    let measured = columns.iter().zip(natural).enumerate();
    let mut places: Vec<_> = measured
        .map(|(index, (column, natural))| {
            let least = column.least.map_or(natural, |least| least.max(column.header.width()));
            // A column is never made wider than its content.
            let least = least.min(natural);
            ShownColumn { index, rank: column.rank, natural, least, width: natural }
        })
        .collect();
    loop {
        // The sign in the header needs room of its own once a column is omitted.
        let mark = if places.len() < N { GAP + CUT.width() } else { 0 };
        let gaps = GAP * places.len().saturating_sub(1) + mark;
        if shrink(&mut places, width.saturating_sub(gaps)) {
            return places;
        }
        let last = places.iter().enumerate().max_by_key(|(_, place)| place.rank);
        match last {
            Some((last, _)) if places.len() > 1 => drop(places.remove(last)),
            _ => break,
        }
    }
    // A single column is left, and even that is too wide: it is cut below its least width.
    for place in &mut places {
        place.width = width;
    }
    places
}

/// Narrows the widest columns until all fit; false if they cannot.
fn shrink(places: &mut [ShownColumn], room: usize) -> bool {
    for place in &mut *places {
        // No column alone is wider than the line, so that the loop below is bounded by the terminal
        // and not by the longest cell.
        place.width = place.natural.min(room.max(place.least));
    }
    while places.iter().map(|place| place.width).sum::<usize>() > room {
        let shrinkable = places.iter_mut().filter(|place| place.width > place.least);
        let Some(widest) = shrinkable.max_by_key(|place| place.width) else { return false };
        // One step at a time, so that the widest columns become equally wide.
        widest.width -= 1;
    }
    true
}

/// The text within a width; it is cut after a word if one ends in the second half.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    // Not even the sign fits.
    let Some(room) = width.checked_sub(CUT.width()) else { return String::new() };
    let (head, taken) = text.unicode_truncate(room);
    // `–` joins the first and the last name of a span of runs, and `·` separates a text from its
    // extra.
    let ends_word = text.get(head.len()..).is_some_and(|rest| rest.starts_with([' ', '–']));
    let last_word = if ends_word { None } else { head.rfind([' ', '–']) };
    // In the first half a word break would give away too much of the width.
    let words = last_word.and_then(|end| head.get(..end));
    let head = words.filter(|words| words.width() * 2 >= taken).unwrap_or(head);
    format!("{}{CUT}", head.trim_end_matches([' ', '·']))
}
