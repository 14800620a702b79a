//! An event: something that happened, with its number.
//!
//! It is put into bytes once, by the first reader that asks for it, for all of them.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use docket_model::{AllocationName, Run, journal::Entry, run::StateWord, wire::EventKind};
use parking_lot::Mutex;

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum News {
    /// A record of a run was made or changed, at this moment.
    Run(Arc<Run>, DateTime<Utc>),
    /// The journal has a new entry.
    Entry(Arc<Entry>),
}

impl News {
    /// When it happened.
    pub(crate) fn at(&self) -> DateTime<Utc> {
        match self {
            Self::Run(_, at) => *at,
            Self::Entry(entry) => entry.at,
        }
    }

    /// Which allocation it is about; none where it is the server.
    #[must_use]
    pub fn allocation(&self) -> Option<&AllocationName> {
        match self {
            Self::Run(run, _) => Some(&run.id.allocation),
            Self::Entry(entry) => entry.allocation.as_ref(),
        }
    }

    /// The state of the run that it is about, in a word.
    fn state(&self) -> Option<StateWord> {
        match self {
            Self::Run(run, _) => Some(run.word()),
            Self::Entry(_) => None,
        }
    }

    fn kind(&self) -> EventKind {
        match self {
            Self::Run(..) => EventKind::Run,
            Self::Entry(entry) if entry.allocation.is_some() => EventKind::Allocation,
            Self::Entry(_) => EventKind::Server,
        }
    }

    /// How much memory it takes, in bytes.
    fn weight(&self) -> usize {
        match self {
            Self::Run(run, _) => run.weight(),
            Self::Entry(entry) => size_of::<Entry>() + entry.by.as_ref().map_or(0, String::len),
        }
    }

    /// The same without the bytes of outputs, which must not live longer than their records.
    fn without_outputs(self) -> Self {
        match self {
            // Copied only where there are outputs: most records are shared with the catalogue.
            Self::Run(mut run, at)
                if run.attempts.iter().any(|attempt| attempt.output.is_some()) =>
            {
                for attempt in &mut Arc::make_mut(&mut run).attempts {
                    let sized = attempt.output.as_ref().map(|output| output.to_sized());
                    attempt.output = sized.map(Arc::new);
                }
                Self::Run(run, at)
            }
            news => news,
        }
    }
}

/// The labels of an allocation.
pub(crate) type Labels = BTreeMap<String, String>;

/// One thing that happened, with its number.
#[derive(Debug)]
pub struct Event {
    number: u64,
    kind: EventKind,
    state: Option<StateWord>,
    allocation: Option<AllocationName>,
    /// The labels that its allocation had before and has since, where it has any.
    labels: Vec<Labels>,
    weight: usize,
    content: Mutex<Content>,
}

#[derive(Debug)]
enum Content {
    News(News),
    Bytes(Bytes),
}

impl Event {
    pub(super) fn new(number: u64, news: News, labels: Vec<Labels>) -> Self {
        // Filters need these after the news was replaced by its bytes.
        let (kind, state, allocation) = (news.kind(), news.state(), news.allocation().cloned());
        let news = news.without_outputs();
        // Fixed, so that the ring later subtracts exactly what it added.
        let weight = news.weight();
        let content = Mutex::new(Content::News(news));
        Self { number, kind, state, allocation, labels, weight, content }
    }

    /// Its number: one more than that of the event before.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How much memory it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        self.kind
    }

    /// The state that the run it is about has since, in a word; none where it is about no run.
    #[must_use]
    pub fn state(&self) -> Option<&StateWord> {
        self.state.as_ref()
    }

    /// Which allocation it is about; none where it is the server.
    #[must_use]
    pub fn allocation(&self) -> Option<&AllocationName> {
        self.allocation.as_ref()
    }

    /// True where the labels that its allocation had before, or those it has since, are so.
    #[must_use]
    pub fn has_labels(&self, are_so: impl Fn(&Labels) -> bool) -> bool {
        self.labels.iter().any(are_so)
    }

    /// What happened, in bytes: as `write` made them for the first who asked.
    #[must_use]
    pub fn bytes(&self, write: impl FnOnce(&News) -> Bytes) -> Bytes {
        // Locked while it is written: other readers wait for the bytes instead of making them, too.
        let content = &mut *self.content.lock();
        match content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::News(news) => {
                let bytes = write(news);
                *content = Content::Bytes(bytes.clone());
                bytes
            }
        }
    }
}
