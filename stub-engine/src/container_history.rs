//! What became of each name that was ever created: how often it was created and started.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use chrono::{DateTime, Utc};

use crate::{call_log::read_instant, container::Container};

/// What became of one name, over all containers that ever had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The name.
    pub name: Arc<str>,
    /// The labels of its newest container.
    pub labels: BTreeMap<String, String>,
    /// How many containers were created by this name.
    pub creates: usize,
    /// How many starts took effect, of all of them.
    pub starts: usize,
    /// Whether a container has the name now.
    pub is_there: bool,
    /// With what the newest container last ended, unless it never started or runs.
    pub exit: Option<i64>,
    /// Its containers, the oldest first.
    pub containers: Vec<Entry>,
}

/// What became of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: Arc<str>,
    /// When it was created.
    pub created: DateTime<Utc>,
    /// When each start took effect.
    pub starts: Vec<DateTime<Utc>>,
    /// When it was removed.
    pub removed: Option<DateTime<Utc>>,
    /// With what it last ended, unless it never started or runs.
    pub exit: Option<i64>,
}

impl Line {
    /// The allocation, by docket's label.
    #[must_use]
    pub fn allocation(&self) -> Option<&str> {
        self.label("io.docket.allocation")
    }

    /// The instant, by docket's label.
    #[must_use]
    pub fn instant(&self) -> Option<DateTime<Utc>> {
        self.label("io.docket.instant").and_then(read_instant)
    }

    /// The attempt, by docket's label.
    #[must_use]
    pub fn attempt(&self) -> Option<u32> {
        self.label("io.docket.attempt")?.parse().ok()
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, creates, starts, is_there, exit, .. } = self;
        write!(f, "{name}: creates {creates}, starts {starts}, exit ")?;
        match exit {
            Some(exit) => write!(f, "{exit}")?,
            None => f.write_str("none")?,
        }
        f.write_str(if *is_there { ", there" } else { ", removed" })
    }
}

/// The lines of all containers, in the order in which their names were first created.
pub(crate) fn lines(containers: &[Container]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for container in containers {
        let place = *places.entry(&container.name).or_insert(lines.len());
        if place == lines.len() {
            lines.push(empty(&container.name));
        }
        if let Some(line) = lines.get_mut(place) {
            add(line, container);
        }
    }
    lines
}

fn empty(name: &Arc<str>) -> Line {
    Line {
        name: Arc::clone(name),
        labels: BTreeMap::new(),
        creates: 0,
        starts: 0,
        is_there: false,
        exit: None,
        containers: Vec::new(),
    }
}

fn add(line: &mut Line, container: &Container) {
    // Containers come in the order of their creation, so the newest one has the last word.
    line.labels = container.labels();
    line.creates += 1;
    line.starts += container.runs.len();
    line.is_there = container.removed.is_none();
    line.exit = container.exit();
    line.containers.push(Entry {
        id: Arc::clone(&container.id),
        created: container.created,
        starts: container.runs.iter().map(|run| run.started).collect(),
        removed: container.removed,
        exit: container.exit(),
    });
}
