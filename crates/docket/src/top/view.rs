//! Draws the model. It changes nothing.

use docket_model::wire::RunSummary;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Modifier, Style, Stylize},
    text::{Line, Span},
    widgets::{Block, Borders, Cell, Clear, Paragraph, Row as TableRow, Table, TableState},
};

use super::{
    keys::HELP,
    model::{Model, Pane},
};
use crate::{output::without_control, words};

/// The smallest screen on which anything can be read.
const LEAST: (u16, u16) = (40, 12);
/// Below this width schedules are left out, so that there is place for what happens.
const NARROW: u16 = 80;
/// The shares of the height: allocations, runs, output.
const SHARES: [Constraint; 3] =
    [Constraint::Percentage(45), Constraint::Percentage(20), Constraint::Fill(1)];

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let (width, height) = LEAST;
        let text = format!("too small: docket top needs {width}x{height}");
        frame.render_widget(Paragraph::new(text), area);
        return;
    }
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)])
            .areas(area);
    let [allocations, runs, output] = Layout::vertical(SHARES).areas(body);
    let [running, failures] =
        Layout::horizontal([Constraint::Percentage(40), Constraint::Fill(1)]).areas(runs);
    frame.render_widget(Paragraph::new(status(model)), head);
    draw_allocations(model, frame, allocations);
    draw_runs(model, frame, running, Pane::Running);
    draw_runs(model, frame, failures, Pane::Failures);
    draw_output(model, frame, output);
    frame.render_widget(Paragraph::new(foot_line(model)), foot);
    if model.is_help_shown {
        draw_help(frame, area);
    }
}

/// Server, engine and numbers in one line.
fn status(model: &Model) -> Line<'static> {
    let (all, held) = model.counts();
    let mut line = vec![Span::raw("docket ").bold(), Span::raw(without_control(&model.server))];
    match (&model.link, &model.engine) {
        (Err(why), _) => line.push(Span::raw(format!("  ✗ {}", without_control(why))).red()),
        (Ok(()), Err(why)) => {
            line.push(Span::raw(format!("  ✗ nothing starts: {}", without_control(why))).red());
        }
        (Ok(()), Ok(engine)) => {
            line.push(Span::raw(format!("  ✓ {}", without_control(engine))).green());
        }
    }
    let held = if held > 0 { format!(", {held} suspended") } else { String::new() };
    let active = words::counted(model.running().map(|run| run.state.as_str()));
    let active = if active.is_empty() { String::new() } else { format!(", {active}") };
    line.push(Span::raw(format!("  {all} allocations{held}{active}")));
    Line::from(line)
}

fn foot_line(model: &Model) -> Line<'static> {
    if let Some(prompt) = &model.prompt {
        return Line::from(without_control(&prompt.in_words(&model.search))).bold();
    }
    if !model.told.is_empty() {
        return Line::from(without_control(&model.told)).yellow();
    }
    Line::from("r run  c cancel  s suspend  u resume  / search  Tab next part  ? help  q leave")
        .dim()
}

fn frame_of(model: &Model, pane: Pane, title: &str) -> Block<'static> {
    let style = if model.pane == pane { Style::new().bold() } else { Style::new().dim() };
    let block = Block::new().borders(Borders::TOP).border_style(style);
    block.title(Span::styled(format!(" {title} "), style))
}

fn draw_allocations(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let rows = model.rows();
    let found = match model.search.as_str() {
        "" => format!("Allocations ({})", rows.len()),
        search => format!("Allocations with “{}” ({})", without_control(search), rows.len()),
    };
    let block = frame_of(model, Pane::Allocations, &found);
    let cursor = model.cursor(Pane::Allocations);
    let shown = usize::from(area.height.saturating_sub(2));
    let first = first_shown(cursor.unwrap_or_default(), shown, rows.len());
    let lines = rows.iter().skip(first).take(shown).map(|row| {
        let next = row.next(model.now);
        let cells = [
            row.name.to_string(),
            row.schedule.clone(),
            next,
            words::under_way(&row.status),
            row.last(model.now),
        ];
        let line = TableRow::new(cells.map(|cell| Cell::new(one_line(&cell))));
        let state = row.status.last_run.as_ref().map(|run| run.state.as_str());
        line.style(style_of(state.unwrap_or_default()))
    });
    let schedule = if area.width < NARROW { Constraint::Length(0) } else { Constraint::Fill(4) };
    let widths = [
        Constraint::Fill(3),
        schedule,
        Constraint::Fill(5),
        Constraint::Fill(2),
        Constraint::Fill(4),
    ];
    let head = TableRow::new(["NAME", "SCHEDULE", "NEXT", "ACTIVE", "LAST RESULT"]);
    draw_table(
        model,
        frame,
        area,
        Pane::Allocations,
        (
            Table::new(lines, widths).header(head.bold()).block(block),
            cursor.map(|cursor| cursor - first),
        ),
    );
}

fn draw_runs(model: &Model, frame: &mut Frame<'_>, area: Rect, pane: Pane) {
    let (words, runs): (_, Vec<_>) = if pane == Pane::Running {
        ("Under way", model.running().collect())
    } else {
        ("Went wrong", model.failures().iter().collect())
    };
    let title = format!("{words} ({})", runs.len());
    let cursor = model.cursor(pane);
    let shown = usize::from(area.height.saturating_sub(1));
    let first = first_shown(cursor.unwrap_or_default(), shown, runs.len());
    let lines = runs.iter().skip(first).take(shown).map(|run| {
        let cells = [run.allocation.clone(), words::result(&RunSummary::from(*run), model.now)];
        TableRow::new(cells.map(|cell| Cell::new(one_line(&cell)))).style(style_of(&run.state))
    });
    let widths = [Constraint::Fill(1), Constraint::Fill(2)];
    let table = Table::new(lines, widths).block(frame_of(model, pane, &title));
    draw_table(model, frame, area, pane, (table, cursor.map(|cursor| cursor - first)));
}

fn draw_table(
    model: &Model,
    frame: &mut Frame<'_>,
    area: Rect,
    pane: Pane,
    (table, cursor): (Table<'_>, Option<usize>),
) {
    let is_here = model.pane == pane;
    let style = if is_here { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
    let sign = if is_here { "▶ " } else { "  " };
    let table = table.row_highlight_style(style).highlight_symbol(sign).column_spacing(2);
    let mut state = TableState::new().with_selected(cursor);
    frame.render_stateful_widget(table, area, &mut state);
}

fn draw_output(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let title = match (&model.watched, model.scrolled) {
        (None, _) => "Output".to_owned(),
        (Some(run), 0) => format!("Output of {run}"),
        (Some(run), below) => format!("Output of {run}, {below} lines further"),
    };
    let shown = usize::from(area.height.saturating_sub(1));
    let last = model.output.len().saturating_sub(model.scrolled);
    let first = last.saturating_sub(shown);
    let lines: Vec<_> = model.output.lines(first, last - first).map(Line::from).collect();
    let text = Paragraph::new(lines).block(frame_of(model, Pane::Output, &title));
    frame.render_widget(text, area);
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let height = u16::try_from(HELP.len()).unwrap_or(u16::MAX).saturating_add(2);
    let middle = area.centered(Constraint::Max(72), Constraint::Max(height));
    let lines: Vec<_> =
        HELP.iter().map(|(key, what)| Line::from(format!("{key:<11} {what}"))).collect();
    frame.render_widget(Clear, middle);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" Keys ")), middle);
}

/// The first line to show, so that the cursor is seen, and no room is left at the end.
fn first_shown(cursor: usize, shown: usize, count: usize) -> usize {
    let middle = cursor.saturating_sub(shown / 2);
    middle.min(count.saturating_sub(shown))
}

/// Failures are told by colour too, never by colour alone: the word stands there.
fn style_of(state: &str) -> Style {
    match state {
        "failed" | "timed-out" | "lost" | "will-not-die" => Style::new().red(),
        "missed" => Style::new().yellow(),
        "claimed" | "running" | "waiting" | "between-attempts" => Style::new().cyan(),
        _ => Style::new(),
    }
}

fn one_line(text: &str) -> String {
    without_control(text).replace('\n', " ")
}
