//! The state of the screen, without a terminal or a server.
//!
//! Only a [`Message`] changes the [`Model`], and it may cause [`Effect`]s.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use docket_model::{AllocationName, RunId, Zone, journal::Suspension, wire::RunRecord};
use serde_json::Value;

use super::{
    allocation_rows::{Order, Row},
    engine_line::EngineLine,
    key_bindings::Prompt,
    model_inputs_and_effects::{Effect, Message},
    output_tail::Tail,
    run_details::Opened,
    shown_runs::{Runs, id},
};

/// A part of the screen that can have the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pane {
    Allocations,
    Running,
    Failures,
    Output,
}

impl Pane {
    const ALL: [Self; 4] = [Self::Allocations, Self::Running, Self::Failures, Self::Output];
    /// The number of panes.
    pub(super) const COUNT: usize = Self::ALL.len();

    /// The pane `steps` further, cyclically.
    fn after(self, steps: usize) -> Self {
        let at = Self::ALL.iter().position(|pane| *pane == self).unwrap_or_default();
        Self::ALL.into_iter().cycle().nth(at + steps).unwrap_or(self)
    }
}

/// Everything that the terminal shows.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) server: String,
    pub(super) now: DateTime<Utc>,
    pub(super) link: Result<(), String>,
    pub(super) engines: EngineLine,
    pause: Option<Suspension>,
    /// The time zone of the server.
    pub(super) zone: Zone,
    rows: BTreeMap<AllocationName, Row>,
    pub(super) runs: Runs,
    pub(super) pane: Pane,
    pub(super) search: String,
    /// The order of the allocations.
    pub(super) order: Order,
    /// True if the pane of failures shows all runs.
    pub(super) is_all_runs: bool,
    // By name and not by position: the order changes with each run.
    selected_allocation: Option<AllocationName>,
    selected_running: usize,
    selected_failure: usize,
    pub(super) watched: Option<RunId>,
    pub(super) output: Tail,
    /// The number of lines below the visible ones.
    pub(super) scrolled: usize,
    /// The record that is shown instead of the lists.
    pub(super) opened: Option<Opened>,
    /// The columns and lines of the screen.
    pub(super) size: (u16, u16),
    pub(super) prompt: Option<Prompt>,
    pub(super) notice: String,
    pub(super) is_help_shown: bool,
}

impl Model {
    pub(super) fn new(server: String, now: DateTime<Utc>) -> Self {
        Self {
            server,
            now,
            link: Err("connecting".to_owned()),
            engines: EngineLine::AllUp(String::new()),
            pause: None,
            zone: Zone::utc(),
            rows: BTreeMap::new(),
            runs: Runs::default(),
            pane: Pane::Allocations,
            search: String::new(),
            order: Order::default(),
            is_all_runs: false,
            selected_allocation: None,
            selected_running: 0,
            selected_failure: 0,
            watched: None,
            output: Tail::default(),
            scrolled: 0,
            opened: None,
            size: (0, 0),
            prompt: None,
            notice: String::new(),
            is_help_shown: false,
        }
    }

    /// Applies a message; returns the effects to carry out.
    pub(super) fn update(&mut self, message: Message) -> Vec<Effect> {
        let mut effects = Vec::new();
        match message {
            Message::Loaded { allocations, runs, newest } => {
                self.load(&allocations, runs, newest);
                // The event about the opened record may be one of those that were missed.
                let subject = self.opened.as_ref().map(|opened| opened.subject.clone());
                effects.extend(subject.map(Effect::Open));
            }
            Message::Allocation(name, Some(allocation)) => {
                // The old row stays if the new one cannot be read.
                if let Some(row) = Row::read(&allocation) {
                    self.rows.insert(name, row);
                }
            }
            Message::Allocation(name, None) => self.forget(&name),
            Message::Run(record) => {
                let learned = self.opened.as_mut().and_then(|opened| opened.learn(&record));
                effects.extend(learned.map(Effect::Open));
                self.runs.note(*record);
            }
            Message::Opened(subject, details) => {
                // The user may have opened another one since the request.
                if let Some(opened) = self.opened.as_mut().filter(|it| it.subject == subject) {
                    opened.details = Some(details);
                }
            }
            Message::Size(width, height) => self.size = (width, height),
            Message::Link(link) => self.link = link,
            Message::Engines(engines) => self.engines = engines,
            Message::Pause(pause, zone) => (self.pause, self.zone) = (pause, zone),
            Message::Output(run, bytes) if self.watched.as_ref() == Some(&run) => {
                self.output.push(&bytes);
            }
            Message::Output(..) => {}
            Message::Key(key) => effects.extend(self.press(key)),
            Message::Notice(text) => self.notice = text,
            Message::Tick(now) => self.now = now,
        }
        // After every message, because each may remove rows or change their order.
        self.keep_cursors_valid();
        let selected_run = self.selected_run();
        // The run is derived from the cursor in one place, so no key or message can forget to
        // follow it.
        if selected_run != self.watched {
            self.watched.clone_from(&selected_run);
            (self.output, self.scrolled) = (Tail::default(), 0);
            effects.push(Effect::Watch(selected_run));
        }
        effects
    }

    /// Removes an allocation that was deleted.
    fn forget(&mut self, name: &AllocationName) {
        self.rows.remove(name);
        self.runs.remove(name);
        self.opened.take_if(|opened| opened.subject.allocation == *name);
    }

    fn load(&mut self, allocations: &[Value], runs: Vec<RunRecord>, newest: Vec<RunRecord>) {
        // All is replaced, so what was deleted during a gap disappears.
        let rows = allocations.iter().filter_map(Row::read);
        self.rows = rows.map(|row| (row.name.clone(), row)).collect();
        self.runs = Runs::of(runs, newest);
    }

    /// The allocations that match the search, in display order.
    pub(super) fn rows(&self) -> Vec<&Row> {
        let search = self.search.to_lowercase();
        let mut rows: Vec<_> = self.rows.values().filter(|row| row.holds(&search)).collect();
        rows.sort_by_cached_key(|row| row.place(self.order));
        rows
    }

    /// The pause of the whole server, while it is in force.
    pub(super) fn pause(&self) -> Option<&Suspension> {
        // The end of a pause needs no message from the server.
        self.pause.as_ref().filter(|pause| pause.holds_at(self.now))
    }

    /// The number of allocations, and how many of them are suspended.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.rows.len(), self.rows.values().filter(|row| row.is_suspended()).count())
    }

    /// The position of a pane's cursor, if the pane is not empty.
    pub(super) fn cursor(&self, pane: Pane) -> Option<usize> {
        match pane {
            Pane::Allocations => {
                let selected = self.selected_allocation.as_ref()?;
                self.rows().iter().position(|row| row.name == *selected)
            }
            Pane::Running => (self.count(pane) > 0).then_some(self.selected_running),
            Pane::Failures => (self.count(pane) > 0).then_some(self.selected_failure),
            Pane::Output => None,
        }
    }

    /// The allocation under the cursor.
    pub(super) fn allocation(&self) -> Option<AllocationName> {
        if let Some(opened) = &self.opened {
            return Some(opened.subject.allocation.clone());
        }
        match self.pane {
            Pane::Allocations => self.selected_allocation.clone(),
            Pane::Running | Pane::Failures | Pane::Output => {
                self.selected_run().map(|run| run.allocation)
            }
        }
    }

    /// The name of the time zone of an allocation.
    pub(super) fn time_zone(&self, name: &AllocationName) -> String {
        self.rows.get(name).map(|row| row.status.time_zone.clone()).unwrap_or_default()
    }

    /// True if an allocation is suspended.
    pub(super) fn is_suspended(&self, name: &AllocationName) -> bool {
        self.rows.get(name).is_some_and(Row::is_suspended)
    }

    /// The run under the cursor, or the newest run of the allocation under it.
    pub(super) fn selected_run(&self) -> Option<RunId> {
        if let Some(opened) = &self.opened {
            return opened.subject.run.clone();
        }
        match self.pane {
            Pane::Allocations => self.newest(self.selected_allocation.as_ref()?),
            Pane::Running => id(self.runs.under_way().nth(self.selected_running)?),
            Pane::Failures => id(self.listed_runs().get(self.selected_failure)?),
            // The output has no rows: it stays with the run that led to it.
            Pane::Output => self.watched.clone(),
        }
    }

    fn newest(&self, name: &AllocationName) -> Option<RunId> {
        let last = || self.rows.get(name)?.status.last_run.as_ref();
        let last = || Some(RunId { allocation: name.clone(), instant: last()?.run });
        // A run under way comes first: its output is still growing.
        self.runs.newest(name).or_else(last)
    }

    /// The number of lines of a pane.
    fn count(&self, pane: Pane) -> usize {
        match pane {
            Pane::Allocations => self.rows().len(),
            Pane::Running => self.runs.under_way().len(),
            Pane::Failures => self.listed_runs().len(),
            Pane::Output => self.output.len(),
        }
    }

    /// The runs in the pane of failures: those, or all.
    pub(super) fn listed_runs(&self) -> &[RunRecord] {
        if self.is_all_runs { self.runs.all() } else { self.runs.failures() }
    }

    /// Shows all runs instead of failures, or failures again.
    pub(super) fn toggle_all_runs(&mut self) {
        self.is_all_runs = !self.is_all_runs;
        (self.pane, self.selected_failure) = (Pane::Failures, 0);
    }

    /// Moves the cursor of the pane by this many lines, within its bounds.
    pub(super) fn go(&mut self, by: isize) {
        if let Some(opened) = &mut self.opened {
            return opened.scroll(by, self.now, self.size);
        }
        let last = self.count(self.pane).saturating_sub(1);
        let moved = |at: usize| at.saturating_add_signed(by).min(last);
        match self.pane {
            Pane::Allocations => {
                let at = self.cursor(Pane::Allocations).unwrap_or_default();
                let row = self.rows().get(moved(at)).map(|row| row.name.clone());
                self.selected_allocation = row;
            }
            Pane::Running => self.selected_running = moved(self.selected_running),
            Pane::Failures => self.selected_failure = moved(self.selected_failure),
            // The output is scrolled from its end: up increases the distance.
            Pane::Output => {
                let further = self.scrolled.saturating_add_signed(by.saturating_neg());
                self.scrolled = further.min(last);
            }
        }
    }

    /// Moves the focus to the pane `steps` further.
    pub(super) fn turn(&mut self, steps: usize) {
        self.pane = self.pane.after(steps);
    }

    /// Keeps every cursor on an existing row.
    fn keep_cursors_valid(&mut self) {
        let last = |pane| self.count(pane).saturating_sub(1);
        let (running, failures) = (last(Pane::Running), last(Pane::Failures));
        self.selected_running = self.selected_running.min(running);
        self.selected_failure = self.selected_failure.min(failures);
        let search = self.search.to_lowercase();
        let selected = self.selected_allocation.as_ref().and_then(|name| self.rows.get(name));
        if selected.is_none_or(|row| !row.holds(&search)) {
            self.selected_allocation = self.rows().first().map(|row| row.name.clone());
        }
    }
}
