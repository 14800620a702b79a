//! A container that runs in paused time, as the name of its image says.

use std::{sync::Arc, time::Duration};

use super::{
    no_such_image,
    script::{NODE_REMOVED, Script, UNREPORTED, UNTIMED, WhenAsked},
};
use crate::{
    clock::Reading,
    engine::{Chunk, EngineError, Found, Identity, Past, Stop},
};
use chrono::{DateTime, Utc};
use docket_model::{
    Life,
    allocation::Placement,
    output::{Stream, Times},
    run::{ContainerId, Exit, ExitCause},
};

/// The exit code of a container that was killed.
pub(super) const KILLED: i64 = -9;

/// The name of a container: all of its identity but the ids of the store and the allocation.
pub(crate) fn name(identity: &Identity) -> String {
    let Identity { namespace, allocation, instant, attempt, .. } = identity;
    format!("{namespace}-{allocation}-{instant}-{attempt}")
}

/// What was done to a container, and when by the wall clock.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) identity: Identity,
    pub(crate) created_at: DateTime<Utc>,
    /// How often it was started. One that has ended is started again, as by a Docker engine.
    pub(crate) starts: u32,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
    pub(crate) exit_code: Option<i64>,
    pub(crate) removed: bool,
    /// What was given to it beside its own.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests read it"))]
    pub(crate) environment: Vec<String>,
    /// What its placement left to the nodes.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests read it"))]
    pub(crate) placement: Placement,
    /// The id of the only node that may run it.
    pub(crate) node: Option<Arc<str>>,
    /// True where the engine was started anew since.
    pub(crate) is_forgotten: bool,
    /// How many parts its run has.
    pub(crate) parts: u32,
    /// The life of the server that created it.
    pub(crate) life: Life,
}

impl Seen {
    /// What the engine reports of it once it is gone.
    pub(super) fn past(&self) -> Past {
        match (self.started_at, self.exit_code) {
            _ if self.is_forgotten => Past::Unknown,
            (None, _) => Past::NeverRan,
            (Some(at), Some(code)) => Past::Ran(Exit {
                code: Some(code),
                image: None,
                started_at: Some(at),
                ended_at: self.ended_at,
                error: None,
                cause: (code == KILLED).then_some(ExitCause::Killed),
            }),
            (Some(_), None) => Past::Unknown,
        }
    }
}

/// A container and how far it is.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) image: String,
    pub(super) script: Script,
    pub(super) seen: Seen,
    pub(super) state: State,
    /// Changes with each start that is asked for.
    pub(super) version: u64,
}

#[derive(Debug, Clone)]
pub(super) enum State {
    /// It was not started; why it cannot be.
    Created(Option<String>),
    /// Its start was accepted, and no node has it yet.
    Waits,
    Runs {
        started_at: DateTime<Utc>,
        /// Counted on the clock's `awake`.
        since: Duration,
        /// When it ends and with which code, if it does.
        end: Option<(Duration, i64)>,
    },
    /// It ended after it had run for so long.
    Ended(Exit, Duration),
}

/// What there is to read of an output behind a position.
pub(super) enum Unread {
    Chunk(Chunk),
    /// Nothing more by now; the next line comes then, on the clock's `awake`, if it is known.
    NothingUntil(Option<Duration>),
    /// Nothing: the container has ended, and all was read.
    AtEnd,
    /// Nothing ever, as it cannot be started.
    NotStartable(String),
}

impl Container {
    /// What its labels say.
    pub(super) fn found(&self, id: &ContainerId) -> Found {
        let Seen { identity, parts, life, created_at, .. } = &self.seen;
        let (parts, life, created_at) = (*parts, Some(*life), Some(*created_at));
        Found { handle: id.into(), identity: identity.clone(), parts, life, created_at }
    }

    /// Starts it, unless it runs.
    pub(super) fn start(&mut self, now: Reading) -> Result<(), EngineError> {
        self.state(now);
        if self.script.lacks_image {
            return Err(no_such_image(&self.image));
        }
        if let Some(error) = &self.script.start_error {
            self.state = State::Created(Some(error.clone()));
            return Err(EngineError::NotStartable(error.clone()));
        }
        if !matches!(self.state, State::Runs { .. }) {
            let since = now.awake;
            let end = self.script.lifetime.map(|lifetime| (since + lifetime, self.script.code));
            self.state = State::Runs { started_at: now.wall, since, end };
            self.seen.starts += 1;
            self.seen.started_at = Some(now.wall);
        }
        Ok(())
    }

    /// Takes it off the nodes' queue; false where it does not wait.
    pub(super) fn withdraw(&mut self) -> bool {
        let waits = matches!(self.state, State::Waits);
        if waits {
            self.state = State::Created(Some("it was stopped before it was started".to_owned()));
        }
        waits
    }

    /// True where its start was accepted, though it may not have started.
    pub(super) fn was_asked_to_start(&self) -> bool {
        !matches!(self.state, State::Created(None))
    }

    /// True while its node is removed, so that its end is not reported.
    pub(super) fn is_lost(&mut self, now: Reading) -> bool {
        self.image == NODE_REMOVED && matches!(self.state(now), State::Runs { .. })
    }

    /// How far it is now.
    pub(super) fn state(&mut self, now: Reading) -> &State {
        if let State::Runs { started_at, since, end: Some((end, code)) } = self.state
            && end <= now.awake
        {
            let ended_at = started_at + end.saturating_sub(since);
            self.seen.ended_at = Some(ended_at);
            self.seen.exit_code = Some(code);
            let exit = Exit {
                image: None,
                code: (self.image != UNREPORTED).then_some(code),
                started_at: Some(started_at),
                ended_at: Some(ended_at),
                error: None,
                cause: (code == KILLED).then_some(ExitCause::Killed),
            };
            self.state = State::Ended(exit, end.saturating_sub(since));
        }
        &self.state
    }

    /// Ends it at once, if it runs, as its removal by force does.
    pub(super) fn kill(&mut self, now: Reading) {
        if let State::Runs { .. } = self.state(now) {
            self.seen.ended_at = Some(now.wall);
            self.seen.exit_code = Some(KILLED);
        }
    }

    /// Makes it end, at once or as its program does when it is asked to; false where it cannot be killed.
    pub(super) fn stop(&mut self, how: Stop, now: Reading) -> bool {
        self.state(now);
        self.withdraw();
        let State::Runs { since, end, .. } = &mut self.state else { return true };
        let (after, code, line) = match (&self.script.when_asked, how) {
            (WhenAsked::CannotBeKilled, _) => return false,
            (_, Stop::AtOnce) => (Duration::ZERO, KILLED, None),
            (WhenAsked::Ends { after, code, line }, Stop::Gently(grace))
                if *after <= grace.length() =>
            {
                (*after, *code, *line)
            }
            (_, Stop::Gently(grace)) => (grace.length(), KILLED, None),
        };
        let stops_at = now.awake + after;
        if end.is_none_or(|(end, _)| end > stops_at) {
            *end = Some((stops_at, code));
            let printed_at = stops_at.saturating_sub(*since);
            let line = line.map(|line| (printed_at, Stream::Out, line.into()));
            self.script.lines.extend(line);
        }
        true
    }

    /// What it has written by now, line by line.
    pub(super) fn written(&mut self, now: Reading) -> impl Iterator<Item = Chunk> {
        let ran = match self.state(now) {
            State::Created(_) | State::Waits => None,
            State::Runs { since, .. } => Some(now.awake.saturating_sub(*since)),
            State::Ended(_, ran) => Some(*ran),
        };
        let started_at = self.seen.started_at.filter(|_| self.image != UNTIMED);
        let written =
            self.script.lines.iter().filter(move |(at, ..)| ran.is_some_and(|ran| *at <= ran));
        written.map(move |(at, stream, bytes)| {
            let mut times = Times::default();
            if let Some(started_at) = started_at {
                times.note(0, started_at + *at);
            }
            Chunk { stream: *stream, bytes: bytes.clone(), times }
        })
    }

    /// What is to be read behind so many bytes.
    pub(super) fn unread(&mut self, skip: u64, now: Reading) -> Unread {
        let mut skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let mut count = 0;
        for mut chunk in self.written(now) {
            count += 1;
            if skip < chunk.bytes.len() {
                chunk.bytes = chunk.bytes.split_off(skip);
                return Unread::Chunk(chunk);
            }
            skip -= chunk.bytes.len();
        }
        match &self.state {
            State::Created(Some(error)) => Unread::NotStartable(error.clone()),
            State::Created(None) | State::Waits => Unread::NothingUntil(None),
            State::Runs { since, end, .. } => {
                let next_line = self.script.lines.get(count).map(|(at, ..)| *since + *at);
                let end = end.map(|(end, _)| end);
                Unread::NothingUntil(next_line.into_iter().chain(end).min())
            }
            State::Ended(..) => Unread::AtEnd,
        }
    }
}
