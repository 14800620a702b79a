//! A list with columns on the terminal. Cells are cut with `…`, and only the visible rows are made and
//! drawn.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Modifier, Style, Stylize},
    widgets::{Block, Cell, HighlightSpacing, Row, Table, TableState},
};
use unicode_width::UnicodeWidthStr;

use super::fit_text::within;
use crate::print::on_one_line;

/// The spaces between two columns.
const GAP: u16 = 2;
/// The width of the sign before each row.
const SIGN: u16 = 2;

/// The text of a cell.
pub(super) struct Text {
    main: String,
    /// Shown after the main text if there is room for all of it.
    extra: Option<String>,
}

impl Text {
    pub(super) const fn with_extra(main: String, extra: String) -> Self {
        Self { main, extra: Some(extra) }
    }

    fn fitted(&self, width: u16) -> String {
        let main = on_one_line(&self.main);
        let Some(extra) = &self.extra else { return within(&main, width) };
        let whole = format!("{main} · {}", on_one_line(extra));
        within(if whole.width() <= usize::from(width) { &whole } else { &main }, width)
    }
}

impl From<String> for Text {
    fn from(main: String) -> Self {
        Self { main, extra: None }
    }
}

/// A list without its rows.
pub(super) struct Grid {
    pub(super) block: Block<'static>,
    pub(super) header: Option<Vec<&'static str>>,
    pub(super) widths: Vec<Constraint>,
    /// The number of rows.
    pub(super) count: usize,
    /// The row under the cursor.
    pub(super) cursor: Option<usize>,
    /// True if this list has the focus.
    pub(super) is_here: bool,
}

/// Draws a list; `row` makes the cells of a row and their style.
pub(super) fn draw(
    grid: &Grid,
    row: impl Fn(usize) -> Option<(Vec<Text>, Style)>,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let above = 1 + u16::from(grid.header.is_some());
    let shown = usize::from(area.height.saturating_sub(above));
    let first = first_shown(grid.cursor.unwrap_or_default(), shown, grid.count);
    // The table computes its widths only while it is drawn, but cells are cut before. So they are
    // computed here in the same way, and passed as fixed lengths.
    let room = Rect::new(0, 0, area.width.saturating_sub(SIGN), 1);
    let columns = Layout::horizontal(&grid.widths).spacing(GAP).split(room);
    let widths: Vec<_> = columns.iter().map(|column| column.width).collect();
    let line = |cells: Vec<Text>| {
        let cells = cells.iter().zip(&widths);
        Row::new(cells.map(|(cell, width)| Cell::new(cell.fitted(*width))))
    };
    // Only the visible rows are made: thousands of allocations would take longer than a frame.
    let rows = (first..grid.count).take(shown).filter_map(&row);
    let rows = rows.map(|(cells, style)| line(cells).style(style));
    let lengths = widths.iter().map(|width| Constraint::Length(*width));
    let (sign, style) = if grid.is_here {
        ("▶ ", Style::new().add_modifier(Modifier::REVERSED))
    } else {
        ("  ", Style::new())
    };
    let mut table = Table::new(rows, lengths)
        .block(grid.block.clone())
        .row_highlight_style(style)
        .highlight_symbol(sign)
        .highlight_spacing(HighlightSpacing::Always)
        .column_spacing(GAP);
    if let Some(header) = &grid.header {
        let header = header.iter().map(|&header| header.to_owned().into()).collect();
        table = table.header(line(header).bold());
    }
    // The state is relative to the first visible row, because the table knows no others.
    let mut state = TableState::new().with_selected(grid.cursor.map(|cursor| cursor - first));
    frame.render_stateful_widget(table, area, &mut state);
}

/// The first row to show, so that the cursor is visible and no space is left at the end.
fn first_shown(cursor: usize, shown: usize, count: usize) -> usize {
    let middle = cursor.saturating_sub(shown / 2);
    middle.min(count.saturating_sub(shown))
}
