//! The one wording of each reason.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{Edit, Edited, FailedPart, Hold, ImageError, NoAnswer, Reason, ServerZone};
use crate::{
    journal::{Cause, Outage, Pause, shown},
    run::{DEFAULT_ENGINE, Instant, StateWord},
};

/// How a text for people writes moments and runs.
pub trait TimeStyle {
    /// A moment, such as `2026-11-21T09:00:00Z` or `09:00`.
    fn moment(&self, at: DateTime<Utc>) -> String;

    /// A run with its article, such as `the run 20261121T090000Z` or `the run of 09:00`.
    fn run(&self, instant: Instant) -> String;
}

/// Moments in UTC, and runs by their names.
struct InUtc;

impl TimeStyle for InUtc {
    fn moment(&self, at: DateTime<Utc>) -> String {
        shown(at)
    }

    fn run(&self, instant: Instant) -> String {
        format!("the run {instant}")
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(&InUtc))
    }
}

impl Reason {
    /// The words of the reason, with moments and runs in a style.
    #[must_use]
    // The words are stored nowhere, so they can change with a version; programs read the code.
    pub fn words(&self, style: &dyn TimeStyle) -> String {
        match self {
            Self::ExitCode { exit_code } => code(Some(*exit_code)),
            Self::EndNotReported => code(None),
            Self::OutOfMemory { exit_code } => format!("out of memory, {}", code(*exit_code)),
            Self::Killed { exit_code } => format!("killed, {}", code(*exit_code)),
            Self::EngineWentDown { exit_code } => {
                format!("the engine or its host went down, {}", code(*exit_code))
            }
            Self::ContainerError { message, exit_code } => {
                format!("{message}, {}", code(*exit_code))
            }
            Self::Timeout { limit, exit_code } => {
                format!("ran longer than {limit} (`Timeout`), {}", code(*exit_code))
            }
            Self::RunTimeout { limit, exit_code } => {
                format!("the run took longer than {limit} (`Timeout`), {}", code(*exit_code))
            }
            Self::RunTimeoutBeforeStart { limit } => {
                format!("the run took longer than {limit} (`Timeout`) before this part had started")
            }
            Self::PartsFailed { failed, parts, described } => {
                parts_failed(style, *failed, *parts, described)
            }
            Self::CancelledBy { by } => format!("cancelled by {by}"),
            Self::Replaced { newer } => {
                format!("replaced by {} (`Overlap: Replace`)", style.run(*newer))
            }
            Self::ImageNotFound { .. }
            | Self::PullFailed(_)
            | Self::PullForbidden { .. }
            | Self::WrongPlatform(_) => self.image_words(),
            Self::NameHeld { holder } => format!("the name is held by {holder}"),
            Self::EngineRefused { message }
            | Self::NotStartable { message }
            | Self::NodeLost { message }
            | Self::EnvFiles { message }
            | Self::StoreRefused { message }
            | Self::Text { text: message } => message.to_string(),
            Self::InternalError { message } => {
                format!("docket failed while it carried out the run: {message}")
            }
            Self::EngineUnreachable { message } => {
                format!("the engine cannot be reached: {message}")
            }
            Self::NoAnswer(error) => {
                let NoAnswer { call, tries, message } = &**error;
                format!(
                    "{call} got no answer {tries} times in a row, though the engine is there: \
                     {message}"
                )
            }
            Self::CannotBeKilled { message } => format!("it cannot be ended: {message}"),
            Self::OtherNamespace { namespace } => {
                format!("its container belongs to the namespace `{namespace}`")
            }
            Self::OtherEngine { engine } => format!(
                "its container is on the engine {engine}, and docket talks to another one now"
            ),
            Self::EngineNotConfigured { engine } => format!(
                "its engine `{engine}` is not configured any more: if its container is there, its end \
                 is recorded once the engine is configured again"
            ),
            Self::StoreRestored { copied_at } => {
                let at = style.moment(*copied_at);
                format!("not known: the store was restored from a copy of {at}")
            }
            Self::NamespaceChanged { from } => {
                format!("not known: the store was served in the namespace `{from}` before")
            }
            Self::TooFewNodes { wanted, fit } => too_few_nodes(*wanted, *fit),
            Self::Overlap { .. }
            | Self::OverlapUnconfirmed { .. }
            | Self::QueueTaken { .. }
            | Self::QueueFull { .. } => self.skip_words(style),
            Self::DeadlinePassed { outage } => match outage {
                Some(outage) => outage.words(style),
                None => "docket came too late to it: its deadline had passed".to_owned(),
            },
            Self::NotStartedInTime { outage } => {
                let outage = outage.as_ref().map(|outage| format!(": {}", outage.words(style)));
                let outage = outage.unwrap_or_default();
                format!("claimed in time, and not started before its deadline{outage}")
            }
            Self::Suspended(hold) => hold_words("suspended by", hold),
            Self::Paused(hold) => hold_words("docket was paused by", hold),
            Self::Edited(edited) => edited.words(style),
            Self::ServerStopped
            | Self::AllocationDeleted
            | Self::NoEngineFits
            | Self::NoNodeFits
            | Self::ContainerRemoved
            | Self::RemovedBeforeStart
            | Self::ContainerGone
            | Self::OtherRun
            | Self::LabelsRemoved
            | Self::CopyOfStore
            | Self::SuspendedBySpecification => self.fixed_words().to_owned(),
        }
    }

    /// The words of reasons without values.
    pub(super) fn fixed_words(&self) -> &'static str {
        match self {
            Self::ServerStopped => "the server was stopped with `--stop-runs`",
            Self::AllocationDeleted => "its allocation was deleted",
            Self::NoEngineFits => "no engine of the server fits its `Placement`",
            Self::NoNodeFits => "no node fits its `Placement`",
            Self::ContainerRemoved => "its container was removed by someone else",
            Self::RemovedBeforeStart => {
                "its container was removed by someone else before it was started"
            }
            Self::ContainerGone => {
                "its container was removed by someone else, and whether it ran is not known"
            }
            Self::OtherRun => "its container belongs to another run, by its labels",
            Self::LabelsRemoved => "its container no longer has docket's labels",
            Self::CopyOfStore => "a server with a copy of the store created its container",
            Self::SuspendedBySpecification => "suspended by its specification",
            // The callers pass only reasons without values; an empty text never equals stored
            // words.
            _ => "",
        }
    }

    fn image_words(&self) -> String {
        match self {
            Self::ImageNotFound { image } => format!("image {image} not found"),
            Self::PullForbidden { image } => {
                format!("image {image} is not on the engine, and `Pull: Never` forbids pulling it")
            }
            Self::PullFailed(error) => {
                let ImageError { image, message } = &**error;
                format!("cannot pull image {image}: {message}")
            }
            Self::WrongPlatform(error) => {
                let ImageError { image, message } = &**error;
                format!("image {image} on the engine is for another platform: {message}")
            }
            _ => String::new(),
        }
    }

    /// The words of what the policies for runs at once skip.
    fn skip_words(&self, style: &dyn TimeStyle) -> String {
        match self {
            Self::Overlap { older } => {
                format!("{} is still under way (`Overlap: Forbid`)", style.run(*older))
            }
            Self::OverlapUnconfirmed { older } => format!(
                "the engine has not reported whether {} has ended (`Overlap: Forbid`)",
                style.run(*older)
            ),
            Self::QueueTaken { waiting, older } => format!(
                "{} is already waiting for {} to end (`Overlap: Queue`)",
                style.run(*waiting),
                style.run(*older)
            ),
            Self::QueueFull { max_running, queue } => {
                let running = if *max_running == 1 { "container runs" } else { "containers run" };
                let waiting = if *queue == 1 { "run is" } else { "runs are" };
                format!(
                    "{max_running} {running} (`--max-running`) and {queue} {waiting} already waiting \
                     (`--queue`)"
                )
            }
            _ => String::new(),
        }
    }
}

/// `2 of 5 parts failed: part 1 on web1 (exit code 3), part 4 on web4 (lost: …)`.
fn parts_failed(
    style: &dyn TimeStyle,
    failed: u32,
    parts: u32,
    described: &[FailedPart],
) -> String {
    let each = described.iter().map(|FailedPart { part, engine, node, state, reason }| {
        let place = match (engine, node) {
            (None, None) => String::new(),
            (Some(engine), None) => format!(" on {engine}"),
            (Some(engine), Some(node)) if **engine != *DEFAULT_ENGINE => {
                format!(" on {engine}, node {node}")
            }
            (_, Some(node)) => format!(" on node {node}"),
        };
        // The reason of a failure says that it is one.
        let state = match state {
            StateWord::Failed | StateWord::TimedOut => String::new(),
            state => format!("{}: ", state.shown()),
        };
        format!("part {part}{place} ({state}{})", reason.words(style))
    });
    let each: Vec<_> = each.collect();
    let others = usize::try_from(failed).unwrap_or(usize::MAX).saturating_sub(each.len());
    let more = if others > 0 { format!(", and {others} more") } else { String::new() };
    format!("{failed} of {parts} parts failed: {}{more}", each.join(", "))
}

/// `exit code 3`, or that the engine reports none.
fn code(exit_code: Option<i64>) -> String {
    match exit_code {
        Some(code) => format!("exit code {code}"),
        None => "no exit code reported".to_owned(),
    }
}

/// Says that a run for several nodes found too few of them.
fn too_few_nodes(wanted: u32, fit: u32) -> String {
    let verb = if fit == 1 { "fits" } else { "fit" };
    format!("too few nodes for `On: {wanted}`: {fit} {verb}")
}

fn hold_words(verb: &str, hold: &Hold) -> String {
    let why = hold.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let late = if hold.is_late { ", before it started" } else { "" };
    format!("{verb} {}{why}{late}", hold.by)
}

impl Edited {
    fn words(&self, style: &dyn TimeStyle) -> String {
        let what = self.what.clause();
        match &self.outage {
            Some(outage) => format!("{}, and {what} before it could start", outage.words(style)),
            None => format!("{what} before it started"),
        }
    }
}

impl Edit {
    /// The change as a clause, such as `its schedule was changed`.
    #[must_use]
    pub fn clause(&self) -> String {
        match self {
            Self::ServerZone(zone) => {
                let ServerZone { from, to } = &**zone;
                format!("the time zone of the server was changed from {from} to {to}")
            }
            fixed => fixed.fixed_clause().to_owned(),
        }
    }

    pub(super) fn fixed_clause(&self) -> &'static str {
        match self {
            Self::Schedule => "its schedule was changed",
            Self::TimeZone => "its time zone was changed",
            Self::Bounds => "its `NotBefore` or `NotAfter` was changed",
            Self::Suspended => "it was suspended by its specification",
            Self::ZoneData => "newer time zone data changed when it is due",
            Self::ServerZone(_) => "",
        }
    }
}

impl Pause {
    /// The pause as a clause, with moments in a style.
    #[must_use]
    pub fn words(&self, style: &dyn TimeStyle) -> String {
        Outage::from(self.clone()).words(style)
    }
}

impl Outage {
    /// The outage as a clause, with moments in a style.
    #[must_use]
    pub fn words(&self, style: &dyn TimeStyle) -> String {
        let (from, clause) =
            (style.moment(self.from), self.cause.clause_of(self.engine.as_deref()));
        match (self.cause, self.to) {
            (_, Some(to)) => format!("{clause} from {from} to {}", style.moment(to)),
            (Cause::EngineAway, None) => {
                let name = self.engine.as_ref().map(|name| format!(" `{name}`"));
                format!("the engine{} has not answered since {from}", name.unwrap_or_default())
            }
            (_, None) => format!("{clause} since {from}"),
        }
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(&InUtc))
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(&InUtc))
    }
}
