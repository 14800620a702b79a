//! What the terminal shows, and what a key does: from values alone, without a terminal or a server.
//!
//! Every [`Message`] changes the [`Model`] and may ask for [`Effect`]s; nothing else does.

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

/// How many runs that went wrong are kept: the newest.
const MOST_FAILURES: usize = 100;

/// Something that happened.
#[derive(Debug)]
pub(super) enum Message {
    /// These are all allocations, and the runs that are under way.
    Loaded(Vec<Value>, Vec<RunRecord>),
    /// An allocation is as it is now; nothing where it is gone.
    Allocation(AllocationName, Option<Value>),
    /// A run changed.
    Run(Box<RunRecord>),
    /// The way to the server is open, or why it is not.
    Link(Result<(), String>),
    /// The engine is there, or why nothing starts.
    Engine(Result<String, String>),
    /// The pause of the whole server, if it is paused, and the time zone of the server.
    Pause(Option<Suspension>, Zone),
    /// A run wrote this.
    Output(RunId, Vec<u8>),
    /// What there is to know of what was opened, or why that is not known.
    Opened(Subject, Result<Details, String>),
    /// The screen has so many columns and lines.
    Size(u16, u16),
    /// Somebody pressed a key.
    Key(Key),
    /// What became of something that was asked for.
    Told(String),
    /// Time went by.
    Tick(DateTime<Utc>),
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Start a run by hand.
    Run(AllocationName),
    /// End a run; at once where it says so.
    Cancel(RunId, bool),
    /// Let nothing start by itself, for this reason.
    Suspend(AllocationName, String),
    /// Let it start again.
    Resume(AllocationName),
    /// Follow the output of this run, and of no other; of none where there is none.
    Watch(Option<RunId>),
    /// Ask for the record of a run, and why it ran or did not.
    Open(Subject),
    /// Leave.
    Quit,
}

/// A part of the screen that can have the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pane {
    Allocations,
    Running,
    Failures,
    Output,
}

impl Pane {
    const ALL: [Self; 4] = [Self::Allocations, Self::Running, Self::Failures, Self::Output];
    /// How many there are.
    pub(super) const COUNT: usize = Self::ALL.len();

    /// The pane so many steps further, in a circle.
    fn after(self, steps: usize) -> Self {
        let at = Self::ALL.iter().position(|pane| *pane == self).unwrap_or_default();
        Self::ALL.into_iter().cycle().nth(at + steps).unwrap_or(self)
    }
}

/// All that the terminal shows.
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
    /// How many lines below the shown ones there are.
    pub(super) scrolled: usize,
    /// The record that is shown in the place of the lists.
    pub(super) opened: Option<Opened>,
    /// The columns and lines of the screen.
    pub(super) size: (u16, u16),
    pub(super) prompt: Option<Prompt>,
    pub(super) told: String,
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
            told: String::new(),
            is_help_shown: false,
        }
    }

    /// Takes in what happened, and says what is to be done about it.
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
            Message::Told(text) => self.told = text,
            Message::Tick(now) => self.now = now,
        }
        self.settle();
        let wanted = self.wanted();
        if wanted != self.watched {
            self.watched.clone_from(&wanted);
            (self.output, self.scrolled) = (Tail::default(), 0);
            effects.push(Effect::Watch(wanted));
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
        if is_failure(&record.state) {
            let ended = record.ended;
            let at = self.failures.partition_point(|old| old.ended > ended);
            self.failures.insert(at, record);
            self.failures.truncate(MOST_FAILURES);
        }
    }

    /// The allocations that match what is searched for, in the order in which they are shown.
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

    /// How many allocations there are, and how many of them are held.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.rows.len(), self.rows.values().filter(|row| row.is_held()).count())
    }

    /// The runs under way, the earliest instant first.
    pub(super) fn running(&self) -> impl ExactSizeIterator<Item = &RunRecord> {
        self.running.values()
    }

    /// The runs that went wrong, the newest first.
    pub(super) fn failures(&self) -> &[RunRecord] {
        &self.failures
    }

    /// Where the cursor of a pane is, if there is anything in it.
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
                self.wanted().map(|run| run.allocation)
            }
        }
    }

    /// The name of the zone whose wall clock shows the times of an allocation.
    pub(super) fn time_zone(&self, name: &AllocationName) -> String {
        self.rows.get(name).map(|row| row.status.time_zone.clone()).unwrap_or_default()
    }

    /// True where nothing of an allocation starts by itself.
    pub(super) fn is_held(&self, name: &AllocationName) -> bool {
        self.rows.get(name).is_some_and(Row::is_held)
    }

    /// The run under the cursor, or else the newest of the allocation under it.
    pub(super) fn wanted(&self) -> Option<RunId> {
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

    /// True where a run is not over.
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

    /// Moves the cursor of the pane by so many lines, as far as there are any.
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
            // Up is towards the beginning: away from the end, where counting begins.
            Pane::Output => {
                let further = self.scrolled.saturating_add_signed(by.saturating_neg());
                self.scrolled = further.min(self.output.len().saturating_sub(1));
            }
        }
    }

    /// Gives the cursor to a pane so many steps further.
    pub(super) fn turn(&mut self, steps: usize) {
        self.pane = self.pane.after(steps);
    }

    /// Keeps every cursor on something that is there.
    fn settle(&mut self) {
        self.selected_running = self.selected_running.min(self.running.len().saturating_sub(1));
        self.selected_failure = self.selected_failure.min(self.failures.len().saturating_sub(1));
        let search = self.search.to_lowercase();
        let selected = self.selected_allocation.as_ref().and_then(|name| self.rows.get(name));
        if selected.is_none_or(|row| !row.holds(&search)) {
            self.selected_allocation = self.rows().first().map(|row| row.name.clone());
        }
    }
}

/// What a record is called; nothing where its allocation has no name that this version knows.
pub(super) fn id(record: &RunRecord) -> Option<RunId> {
    let allocation = AllocationName::try_from(record.allocation.clone()).ok()?;
    Some(RunId { allocation, instant: record.run })
}

pub(super) fn is_failure(state: &str) -> bool {
    ["failed", "timed-out", "lost", "missed"].contains(&state)
}
