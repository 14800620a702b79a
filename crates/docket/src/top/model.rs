//! The state of the screen, without a terminal or a server.
//!
//! Only a [`Message`] changes the [`Model`], and it may cause [`Effect`]s.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use docket_model::{AllocationName, RunId, Zone, journal::Suspension, wire::RunRecord};
use serde_json::Value;

use super::{
    keys::{Key, Prompt},
    record::{Details, Opened, Subject},
    rows::Row,
    tail::Tail,
};

/// The number of failed runs to keep: the newest.
const MOST_FAILURES: usize = 100;

/// An input of the model.
#[derive(Debug)]
pub(super) enum Message {
    /// All allocations, and the runs that are under way or failed.
    Loaded(Vec<Value>, Vec<RunRecord>),
    /// An allocation changed; `None` if it was deleted.
    Allocation(AllocationName, Option<Value>),
    /// A run changed.
    Run(Box<RunRecord>),
    /// The connection to the server, or why there is none.
    Link(Result<(), String>),
    /// The engine, or why nothing can start.
    Engine(Result<String, String>),
    /// The pause of the whole server, if it is paused, and the time zone of the server.
    Pause(Option<Suspension>, Zone),
    /// A run wrote these bytes.
    Output(RunId, Vec<u8>),
    /// The details of the opened run or allocation, or why they could not be loaded.
    Opened(Subject, Result<Details, String>),
    /// The columns and lines of the screen.
    Size(u16, u16),
    /// The user pressed a key.
    Key(Key),
    /// The result of an effect.
    Notice(String),
    /// The current time.
    Tick(DateTime<Utc>),
}

/// An action that the model asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Start a manual run.
    Run(AllocationName),
    /// Cancel a run, or kill it immediately if true.
    Cancel(RunId, bool),
    /// Suspend an allocation, for this reason.
    Suspend(AllocationName, String),
    /// Resume an allocation.
    Resume(AllocationName),
    /// Follow the output of this run only, or of none.
    Watch(Option<RunId>),
    /// Load the record of a run and the explanation.
    Open(Subject),
    /// Quit.
    Quit,
}

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
    pub(super) engine: Result<String, String>,
    pause: Option<Suspension>,
    /// The time zone of the server.
    pub(super) zone: Zone,
    rows: BTreeMap<AllocationName, Row>,
    running: BTreeMap<(DateTime<Utc>, AllocationName), RunRecord>,
    /// The newest first.
    failures: Vec<RunRecord>,
    pub(super) pane: Pane,
    pub(super) search: String,
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
            engine: Ok(String::new()),
            pause: None,
            zone: Zone::utc(),
            rows: BTreeMap::new(),
            running: BTreeMap::new(),
            failures: Vec::new(),
            pane: Pane::Allocations,
            search: String::new(),
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
            Message::Loaded(allocations, runs) => self.load(&allocations, runs),
            Message::Allocation(name, Some(allocation)) => {
                if let Some(row) = Row::read(&allocation) {
                    self.rows.insert(name, row);
                }
            }
            Message::Allocation(name, None) => {
                self.rows.remove(&name);
                self.running.retain(|(_, allocation), _| *allocation != name);
                self.failures.retain(|run| run.allocation != name.as_str());
                self.opened.take_if(|opened| opened.subject.allocation == name);
            }
            Message::Run(record) => {
                let learned = self.opened.as_mut().and_then(|opened| opened.learn(&record));
                effects.extend(learned.map(Effect::Open));
                self.note(*record);
            }
            Message::Opened(subject, details) => {
                if let Some(opened) = self.opened.as_mut().filter(|it| it.subject == subject) {
                    opened.details = Some(details);
                }
            }
            Message::Size(width, height) => self.size = (width, height),
            Message::Link(link) => self.link = link,
            Message::Engine(engine) => self.engine = engine,
            Message::Pause(pause, zone) => (self.pause, self.zone) = (pause, zone),
            Message::Output(run, bytes) if self.watched.as_ref() == Some(&run) => {
                self.output.push(&bytes);
            }
            Message::Output(..) => {}
            Message::Key(key) => effects.extend(self.press(key)),
            Message::Notice(text) => self.notice = text,
            Message::Tick(now) => self.now = now,
        }
        self.keep_cursors_valid();
        let selected_run = self.selected_run();
        if selected_run != self.watched {
            self.watched.clone_from(&selected_run);
            (self.output, self.scrolled) = (Tail::default(), 0);
            effects.push(Effect::Watch(selected_run));
        }
        effects
    }

    fn load(&mut self, allocations: &[Value], runs: Vec<RunRecord>) {
        let rows = allocations.iter().filter_map(Row::read);
        self.rows = rows.map(|row| (row.name.clone(), row)).collect();
        self.running.clear();
        self.failures.clear();
        for run in runs {
            self.note(run);
        }
    }

    fn note(&mut self, record: RunRecord) {
        let Some(id) = id(&record) else { return };
        let key = (record.instant, id.allocation);
        if !record.is_over() {
            self.running.insert(key, record);
            return;
        }
        self.running.remove(&key);
        self.failures.retain(|old| (&old.allocation, old.run) != (&record.allocation, record.run));
        if record.state.is_failure() {
            let ended = record.ended;
            let at = self.failures.partition_point(|old| old.ended > ended);
            self.failures.insert(at, record);
            self.failures.truncate(MOST_FAILURES);
        }
    }

    /// The allocations that match the search, in display order.
    pub(super) fn rows(&self) -> Vec<&Row> {
        let search = self.search.to_lowercase();
        let mut rows: Vec<_> = self.rows.values().filter(|row| row.holds(&search)).collect();
        rows.sort_by_cached_key(|row| row.order());
        rows
    }

    /// The pause of the whole server, while it is in force.
    pub(super) fn pause(&self) -> Option<&Suspension> {
        self.pause.as_ref().filter(|pause| pause.holds_at(self.now))
    }

    /// The number of allocations, and how many of them are suspended.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.rows.len(), self.rows.values().filter(|row| row.is_suspended()).count())
    }

    /// The runs under way, the earliest instant first.
    pub(super) fn running(&self) -> impl ExactSizeIterator<Item = &RunRecord> {
        self.running.values()
    }

    /// The failed runs, newest first.
    pub(super) fn failures(&self) -> &[RunRecord] {
        &self.failures
    }

    /// The position of a pane's cursor, if the pane is not empty.
    pub(super) fn cursor(&self, pane: Pane) -> Option<usize> {
        match pane {
            Pane::Allocations => {
                let selected = self.selected_allocation.as_ref()?;
                self.rows().iter().position(|row| row.name == *selected)
            }
            Pane::Running => (!self.running.is_empty()).then_some(self.selected_running),
            Pane::Failures => (!self.failures.is_empty()).then_some(self.selected_failure),
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
            Pane::Running => id(self.running.values().nth(self.selected_running)?),
            Pane::Failures => id(self.failures.get(self.selected_failure)?),
            Pane::Output => self.watched.clone(),
        }
    }

    /// True if a run is not over.
    pub(super) fn is_under_way(&self, run: &RunId) -> bool {
        self.running.contains_key(&(run.instant.moment(), run.allocation.clone()))
    }

    fn newest(&self, name: &AllocationName) -> Option<RunId> {
        let newest_first = self.running.values().rev();
        let of_it = newest_first.filter(|run| run.allocation == name.as_str());
        let under_way = of_it.min_by_key(|run| run.output_rank());
        if let Some(run) = under_way {
            return id(run);
        }
        let last = self.rows.get(name)?.status.last_run.as_ref()?;
        Some(RunId { allocation: name.clone(), instant: last.run })
    }

    /// Moves the cursor of the pane by this many lines, within its bounds.
    pub(super) fn go(&mut self, by: isize) {
        if let Some(opened) = &mut self.opened {
            return opened.scroll(by, self.now, self.size);
        }
        let moved =
            |at: usize, count: usize| at.saturating_add_signed(by).min(count.saturating_sub(1));
        match self.pane {
            Pane::Allocations => {
                let at = self.cursor(Pane::Allocations).unwrap_or_default();
                let rows = self.rows();
                let row = rows.get(moved(at, rows.len()));
                self.selected_allocation = row.map(|row| row.name.clone());
            }
            Pane::Running => {
                self.selected_running = moved(self.selected_running, self.running.len());
            }
            Pane::Failures => {
                self.selected_failure = moved(self.selected_failure, self.failures.len());
            }
            // The output is scrolled from its end: up increases the distance.
            Pane::Output => {
                let further = self.scrolled.saturating_add_signed(by.saturating_neg());
                self.scrolled = further.min(self.output.len().saturating_sub(1));
            }
        }
    }

    /// Moves the focus to the pane `steps` further.
    pub(super) fn turn(&mut self, steps: usize) {
        self.pane = self.pane.after(steps);
    }

    /// Keeps every cursor on an existing row.
    fn keep_cursors_valid(&mut self) {
        self.selected_running = self.selected_running.min(self.running.len().saturating_sub(1));
        self.selected_failure = self.selected_failure.min(self.failures.len().saturating_sub(1));
        let search = self.search.to_lowercase();
        let selected = self.selected_allocation.as_ref().and_then(|name| self.rows.get(name));
        if selected.is_none_or(|row| !row.holds(&search)) {
            self.selected_allocation = self.rows().first().map(|row| row.name.clone());
        }
    }
}

/// The id of a record; `None` if this version does not accept the name of its allocation.
pub(super) fn id(record: &RunRecord) -> Option<RunId> {
    let allocation = AllocationName::try_from(record.allocation.clone()).ok()?;
    Some(RunId { allocation, instant: record.run })
}
