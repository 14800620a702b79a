//! Draws the model, without changing it.

use docket_model::{Zone, journal::Suspension, run::StateWord, wire::RunSummary};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Style, Stylize},
    text::{Line, Span},
    widgets::{Block, Borders, Clear, Paragraph, Wrap},
};
use unicode_width::UnicodeWidthStr;

use super::{
    allocation_rows::{Order, Row},
    column_list::{self, Grid},
    fit_text::{end_within, fitted, within},
    key_bindings::HELP,
    run_details::{self, Opened},
    screen_state::{Model, Pane},
};
use crate::{print::on_one_line, time_and_state_words};

/// The smallest supported screen.
const LEAST: (u16, u16) = (40, 12);
/// Below this width the column of schedules is omitted.
const NARROW: u16 = 80;
/// Below this width the column of active runs is omitted too: runs have their own pane.
const NARROWEST: u16 = 60;
/// From this width the column of the next instant shows its date.
const WIDE: u16 = 110;
/// The header of the column of active runs.
const ACTIVE: &str = "ACTIVE";
/// The shares of the height: allocations, runs, output.
const SHARES: [Constraint; 3] =
    [Constraint::Percentage(45), Constraint::Percentage(20), Constraint::Fill(1)];

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let (width, height) = LEAST;
        let text = format!("too small: docket top needs {width}x{height}");
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
        return;
    }
    let pause = model.pause().map(|pause| paused(pause, model.zone));
    let rows = [
        Constraint::Length(1),
        Constraint::Length(pause.is_some().into()),
        Constraint::Fill(1),
        Constraint::Length(1),
    ];
    let [head, below_head, body, foot] = Layout::vertical(rows).areas(area);
    let output = match &model.opened {
        Some(opened) => {
            let height = Constraint::Length(run_details::height(area.height));
            let [record, output] = Layout::vertical([height, Constraint::Fill(1)]).areas(body);
            draw_record(model, opened, frame, record);
            output
        }
        None => draw_lists(model, frame, body),
    };
    frame.render_widget(Paragraph::new(fitted(status(model), area.width)), head);
    let pause = within(&pause.unwrap_or_default(), area.width);
    frame.render_widget(Paragraph::new(Line::from(pause).yellow().bold()), below_head);
    draw_output(model, frame, output);
    frame.render_widget(Paragraph::new(foot_line(model, area.width)), foot);
    if model.is_help_shown {
        draw_help(frame, area);
    }
}

/// Draws allocations and runs; returns the area for the output.
fn draw_lists(model: &Model, frame: &mut Frame<'_>, body: Rect) -> Rect {
    let [allocations, runs, output] = Layout::vertical(SHARES).areas(body);
    let [running, failures] =
        Layout::horizontal([Constraint::Percentage(40), Constraint::Fill(1)]).areas(runs);
    draw_allocations(model, frame, allocations);
    draw_runs(model, frame, running, Pane::Running);
    draw_runs(model, frame, failures, Pane::Failures);
    output
}

/// Server, engines and counts in one line.
fn status(model: &Model) -> Vec<Span<'static>> {
    let (all, suspended) = model.counts();
    let mut line = vec![Span::raw("docket ").bold(), Span::raw(on_one_line(&model.server))];
    line.push(match &model.link {
        Err(why) => Span::raw(format!("  ✗ {}", on_one_line(why))).red(),
        Ok(()) => model.engines.span(),
    });
    let suspended = if suspended > 0 { format!(", {suspended} suspended") } else { String::new() };
    let active = time_and_state_words::counted(model.runs.under_way().map(|run| &run.state));
    let active = if active.is_empty() { String::new() } else { format!(", {active}") };
    line.push(Span::raw(format!("  {all} allocations{suspended}{active}")));
    line
}

/// The pause of the server with its author, end and reason.
fn paused(pause: &Suspension, zone: Zone) -> String {
    let end = if pause.until.is_none() { " until it is unpaused" } else { "" };
    let reason = pause.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    on_one_line(&format!("docket is {}{end}{reason}", time_and_state_words::paused(pause, zone)))
}

fn foot_line(model: &Model, width: u16) -> Line<'static> {
    if let Some(prompt) = &model.prompt {
        // The typed text is at the end.
        return Line::from(end_within(&on_one_line(&prompt.in_words(&model.search)), width)).bold();
    }
    if !model.notice.is_empty() {
        return Line::from(within(&on_one_line(&model.notice), width)).yellow();
    }
    let keys = if model.opened.is_some() {
        "? help  Esc back  ↑ ↓ scroll  r run  c cancel  s suspend  u resume  q quit"
    } else {
        "? help  Enter record  r run  c cancel  s suspend  u resume  / search  q quit"
    };
    Line::from(within(keys, width)).dim()
}

/// The frame of a pane with its title; bold if it has the focus.
fn frame_of(is_here: bool, title: &str, width: u16) -> Block<'static> {
    let style = if is_here { Style::new().bold() } else { Style::new().dim() };
    let block = Block::new().borders(Borders::TOP).border_style(style);
    let title = within(&on_one_line(title), width.saturating_sub(2));
    block.title(Span::styled(format!(" {title} "), style))
}

fn draw_record(model: &Model, opened: &Opened, frame: &mut Frame<'_>, area: Rect) {
    let (lines, below) = opened.shown(model.now, model.size);
    let more = if below > 0 { format!(" ↓ {below} more ") } else { String::new() };
    let more = Line::from(more).bold().right_aligned();
    let room = area.width.saturating_sub(u16::try_from(more.width()).unwrap_or(u16::MAX));
    let block = frame_of(true, &opened.title(), room).title(more);
    let lines: Vec<_> = lines.into_iter().map(Line::from).collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn draw_allocations(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let rows = model.rows();
    let found = match model.search.as_str() {
        "" if model.order == Order::default() => format!("Allocations ({})", rows.len()),
        "" => format!("Allocations ({}), {}", rows.len(), model.order.in_words()),
        search => format!("Allocations matching “{search}” ({})", rows.len()),
    };
    let is_here = model.pane == Pane::Allocations;
    let has_schedule = area.width >= NARROW;
    let active = active_width(&rows);
    // Many runs at once make this column wide; a quarter of the screen is too much for counts that
    // the runs' pane shows too.
    let has_active = area.width >= NARROWEST && active <= area.width / 4;
    let next_share = if area.width >= WIDE { 7 } else { 5 };
    let columns = [
        (true, "NAME", Constraint::Fill(3)),
        (has_schedule, "SCHEDULE", Constraint::Fill(4)),
        (true, "NEXT", Constraint::Fill(next_share)),
        (has_active, ACTIVE, Constraint::Length(active)),
        (true, "LAST RESULT", Constraint::Fill(4)),
    ];
    let line = |index: usize| {
        let row = rows.get(index)?;
        let cells = [
            row.name.to_string().into(),
            row.schedule.clone().into(),
            row.next(model.pause(), model.now),
            time_and_state_words::under_way(&row.status).into(),
            row.last(model.now).into(),
        ];
        let style = row.status.last_run.as_ref().map(|run| style_of(&run.state));
        let shown = cells.into_iter().zip(&columns).filter(|(_, (is_shown, ..))| *is_shown);
        Some((shown.map(|(cell, _)| cell).collect(), style.unwrap_or_default()))
    };
    let shown = || columns.iter().filter(|(is_shown, ..)| *is_shown);
    let grid = Grid {
        block: frame_of(is_here, &found, area.width),
        header: Some(shown().map(|(_, header, _)| *header).collect()),
        widths: shown().map(|(.., width)| *width).collect(),
        count: rows.len(),
        cursor: model.cursor(Pane::Allocations),
        is_here,
    };
    column_list::draw(&grid, line, frame, area);
}

/// The width at which no cell of active runs is cut.
fn active_width(rows: &[&Row]) -> u16 {
    let widths = rows.iter().map(|row| time_and_state_words::under_way(&row.status).width());
    let widest = widths.fold(ACTIVE.width(), usize::max);
    u16::try_from(widest).unwrap_or(u16::MAX)
}

fn draw_runs(model: &Model, frame: &mut Frame<'_>, area: Rect, pane: Pane) {
    let (words, runs): (_, Vec<_>) = if pane == Pane::Running {
        ("Under way", model.runs.under_way().collect())
    } else {
        let words = if model.is_all_runs { "All runs" } else { "Failures" };
        (words, model.listed_runs().iter().collect())
    };
    let is_here = model.pane == pane;
    let line = |index: usize| {
        let run = *runs.get(index)?;
        let result = time_and_state_words::result(&RunSummary::from(run), model.now);
        Some((vec![run.allocation.clone().into(), result.into()], style_of(&run.state)))
    };
    let grid = Grid {
        block: frame_of(is_here, &format!("{words} ({})", runs.len()), area.width),
        header: None,
        widths: vec![Constraint::Fill(1), Constraint::Fill(2)],
        count: runs.len(),
        cursor: model.cursor(pane),
        is_here,
    };
    column_list::draw(&grid, line, frame, area);
}

fn draw_output(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let title = match (&model.watched, model.scrolled) {
        (None, _) => "Output".to_owned(),
        (Some(run), 0) => format!("Output of {run}"),
        (Some(run), below) => format!("Output of {run}, {below} more lines below"),
    };
    let shown = usize::from(area.height.saturating_sub(1));
    // Counted from the end, so that new lines appear while the output is not scrolled.
    let last = model.output.len().saturating_sub(model.scrolled);
    let first = last.saturating_sub(shown);
    let lines = model.output.lines(first, last - first);
    let lines: Vec<_> = lines.map(|line| Line::from(within(line, area.width))).collect();
    let is_here = model.pane == Pane::Output && model.opened.is_none();
    let text = Paragraph::new(lines).block(frame_of(is_here, &title, area.width));
    frame.render_widget(text, area);
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let height = u16::try_from(HELP.len()).unwrap_or(u16::MAX).saturating_add(2);
    let middle = area.centered(Constraint::Max(72), Constraint::Max(height));
    let (width, height) = (middle.width.saturating_sub(2), middle.height.saturating_sub(2).into());
    let keys = HELP.iter().map(|(key, what)| within(&format!("{key:<11} {what}"), width));
    let mut lines: Vec<_> = keys.take(height).map(Line::from).collect();
    // On a small screen the help must not look complete.
    if height < HELP.len()
        && let Some(last) = lines.last_mut()
    {
        *last = Line::from("…");
    }
    // The lists are drawn below, and a widget only overwrites the cells that it uses.
    frame.render_widget(Clear, middle);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" Keys ")), middle);
}

/// The style of a state. Colour is never the only sign: the state is also shown as a word.
fn style_of(state: &StateWord) -> Style {
    match state {
        StateWord::Failed | StateWord::TimedOut | StateWord::Lost | StateWord::Stuck => {
            Style::new().red()
        }
        StateWord::Missed => Style::new().yellow(),
        StateWord::Waiting
        | StateWord::Starting
        | StateWord::Running
        | StateWord::Retrying
        | StateWord::Cancelling => Style::new().cyan(),
        _ => Style::new(),
    }
}
