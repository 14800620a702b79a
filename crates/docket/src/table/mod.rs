//! Tables as people want to see them on a terminal.

mod allocations;
mod journal;
mod runs;

use comfy_table::{ContentArrangement, Table, presets};

pub(crate) use self::{
    allocations::{of_all, of_one},
    journal::{of_journal, of_sentences},
    runs::of_runs,
};

/// Longer lines are hard to read.
const TEXT_WIDTH: u16 = 100;

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

/// A table whose texts are wrapped, also where no terminal says how wide it is.
fn table_of_text() -> Table {
    let mut table = plain_table();
    let width = table.width().map_or(TEXT_WIDTH, |width| width.min(TEXT_WIDTH));
    table.set_width(width);
    table
}

/// The table without the blanks that it puts around cells at both ends of a line.
fn trimmed(table: &Table) -> String {
    let lines: Vec<_> = table
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned())
        .collect();
    lines.join("\n")
}
