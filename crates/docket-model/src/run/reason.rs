//! Why a run is in its state, as values. All surfaces show the words of [`Reason`]'s `Display`; none
//! of them reads these words again.
//!
//! 1. A reason is stored as its code and its values.
//! 2. Words that an older version stored are read by `older_versions`; what it cannot read stays as it is.

mod older_versions;
mod stored;
#[cfg(test)]
mod tests;
mod wording;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Instant, StateWord};
use crate::{
    duration::Duration,
    journal::{Outage, Suspension},
};

pub use self::wording::TimeStyle;

/// Why a run is in its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
// `remote` leaves serde's traits to `stored`, which also reads the words of older versions.
#[serde(remote = "Self", tag = "Code", rename_all = "kebab-case", rename_all_fields = "PascalCase")]
pub enum Reason {
    /// The container ended with an exit code other than 0.
    ExitCode {
        /// The exit code.
        exit_code: i64,
    },
    /// The container ended, and the engine reports neither its exit code nor a cause.
    EndNotReported,
    /// The kernel killed the container because it used too much memory.
    OutOfMemory {
        /// The exit code, if the engine reports it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i64>,
    },
    /// The container ended by SIGKILL, and docket did not send it.
    Killed {
        /// The exit code, if the engine reports it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i64>,
    },
    /// The engine, or the host, stopped while the container ran.
    EngineWentDown {
        /// The exit code, if the engine reports it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i64>,
    },
    /// The container ended, and the engine reports an error with it.
    ContainerError {
        /// The engine's message.
        message: Box<str>,
        /// The exit code, if the engine reports it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i64>,
    },
    /// Some parts of the run did not succeed.
    PartsFailed {
        /// How many.
        failed: u32,
        /// How many parts the run has.
        parts: u32,
        /// What became of the first of those that did not succeed.
        described: Box<[FailedPart]>,
    },
    /// It ran longer than its `Timeout`, so docket stopped the container.
    Timeout {
        /// The limit.
        limit: Duration,
        /// The exit code, if the engine reports it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i64>,
    },
    /// The run, which has several parts, took longer than its `Timeout`, so docket stopped the container of
    /// this part.
    RunTimeout {
        /// The limit.
        limit: Duration,
        // Without one, a record of a version that was never released may also mean that it had not started.
        /// The exit code, if the engine reports it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i64>,
    },
    /// The run, which has several parts, took longer than its `Timeout` before this part had started.
    RunTimeoutBeforeStart {
        /// The limit.
        limit: Duration,
    },
    /// A user, or a client, cancelled it.
    CancelledBy {
        /// Who.
        by: Box<str>,
    },
    /// A newer run replaced it (`Overlap: Replace`).
    Replaced {
        /// The newer run.
        newer: Instant,
    },
    /// The server was stopped with `--stop-runs`.
    ServerStopped,
    /// The allocation was deleted before a container ran.
    AllocationDeleted,
    /// The registry, or the engine, does not have the image.
    ImageNotFound {
        /// The image, as it is written in the specification.
        image: Box<str>,
    },
    /// The image could not be pulled, and the engine does not have it.
    // Boxed, as every record has the size of the largest variant, and few have this one.
    PullFailed(Box<ImageError>),
    /// The engine does not have the image, and `Pull: Never` forbids pulling it.
    PullForbidden {
        /// The image, as it is written in the specification.
        image: Box<str>,
    },
    /// The image on the engine is for another platform.
    WrongPlatform(Box<ImageError>),
    /// Another container has the name.
    NameHeld {
        /// The container and what it is.
        holder: Box<str>,
    },
    /// The engine reported an error for a call.
    EngineRefused {
        /// The engine's message.
        message: Box<str>,
    },
    /// The container was created, and the engine could not start it.
    NotStartable {
        /// The engine's message.
        message: Box<str>,
    },
    /// The engine could not be reached.
    EngineUnreachable {
        /// The error.
        message: Box<str>,
    },
    /// The engine is up, and did not answer a call that was repeated.
    NoAnswer(Box<NoAnswer>),
    /// The container does not end, not even by SIGKILL.
    CannotBeKilled {
        /// The engine's message.
        message: Box<str>,
    },
    /// A file of `EnvFiles` cannot be used.
    EnvFiles {
        /// What is wrong with it.
        message: Box<str>,
    },
    /// The store refused a write of the run.
    StoreRefused {
        /// The store's message.
        message: Box<str>,
    },
    /// docket itself failed, again and again, while it carried out the run.
    InternalError {
        /// What went wrong, as the server's log has it.
        message: Box<str>,
    },
    /// No engine of the server fits `Placement`, whose parts go to all that do.
    NoEngineFits,
    /// No node of the engines that fit fits `Placement`, whose parts go to all that do.
    NoNodeFits,
    /// Fewer nodes fitted than `Placement.On` asks for, until the deadline passed.
    TooFewNodes {
        /// How many different ones are needed.
        wanted: u32,
        /// How many fitted.
        fit: u32,
    },
    /// Someone else removed the container.
    ContainerRemoved,
    /// Someone else removed the container before it was started.
    RemovedBeforeStart,
    /// The node of the container is gone, and with it what became of the container.
    NodeLost {
        /// The engine's message.
        message: Box<str>,
    },
    /// The container is gone, and it is not known whether it ran.
    ContainerGone,
    /// The container of the run has the labels of another namespace.
    OtherNamespace {
        /// That namespace.
        namespace: Box<str>,
    },
    /// The container of the run has the labels of another run.
    OtherRun,
    /// The container of the run has no labels of docket.
    LabelsRemoved,
    /// The container is on an engine that the server is not connected to.
    OtherEngine {
        /// The id of that engine.
        engine: Box<str>,
    },
    /// The record names an engine that the server is not configured with any more.
    EngineNotConfigured {
        /// The name of that engine.
        engine: Box<str>,
    },
    /// A server with a copy of the store created the container.
    CopyOfStore,
    /// The store was restored from a copy, which does not know what happened since.
    StoreRestored {
        /// When the copy was made.
        copied_at: DateTime<Utc>,
    },
    /// The store was served in another namespace, whose containers do not belong to its server.
    NamespaceChanged {
        /// That namespace.
        from: Box<str>,
    },
    /// An older run was under way (`Overlap: Forbid`).
    Overlap {
        /// The older run.
        older: Instant,
    },
    /// The engine had not reported whether an older run has ended (`Overlap: Forbid`).
    OverlapUnconfirmed {
        /// The older run.
        older: Instant,
    },
    /// Another run was in the queue already (`Overlap: Queue`).
    QueueTaken {
        /// The run in the queue.
        waiting: Instant,
        /// The run that it waits for.
        older: Instant,
    },
    /// All slots and all places in the queue of the server were taken.
    QueueFull {
        /// `--max-running`.
        max_running: usize,
        /// `--queue`.
        queue: usize,
    },
    /// The deadline passed before a decision was made.
    DeadlinePassed {
        /// What kept docket from deciding, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outage: Option<Box<Outage>>,
    },
    /// It was claimed in time, and its container was not started before its deadline.
    NotStartedInTime {
        /// What kept docket from starting it, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outage: Option<Box<Outage>>,
    },
    /// `Suspended` in its specification.
    SuspendedBySpecification,
    /// A suspension of the allocation.
    Suspended(Box<Hold>),
    /// A pause of the whole server.
    Paused(Box<Hold>),
    /// A change of when the allocation is due, made after the instant and before the decision.
    Edited(Box<Edited>),
    /// Words of an older version of docket that have no code.
    Text {
        /// The words.
        text: Box<str>,
    },
}

/// A part of a run that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FailedPart {
    /// Its number, from 1.
    pub part: u32,
    /// The name of its engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Box<str>>,
    /// The name of its node, where its engine has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Box<str>>,
    /// How it ended.
    pub state: StateWord,
    /// Why.
    pub reason: Reason,
}

/// An image and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageError {
    /// The image, as it is written in the specification.
    pub image: Box<str>,
    /// The message of the registry, of the network or of the engine.
    pub message: Box<str>,
}

/// A call that the engine did not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NoAnswer {
    /// The call, such as `the pull`.
    pub call: Box<str>,
    /// How often it was made.
    pub tries: u32,
    /// The error of the last time.
    pub message: Box<str>,
}

/// A suspension, or a pause, as the reason of what it kept from starting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Hold {
    /// Who suspended it.
    pub by: Box<str>,
    /// Why, if a reason was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Box<str>>,
    /// Since when. Records of older versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// True where it began after the instant, and before the decision about it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_late: bool,
}

/// A change of when an allocation is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Edited {
    /// What was changed.
    pub what: Edit,
    /// What kept docket from deciding before the change, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outage: Option<Outage>,
}

/// What can change when an allocation is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Edit {
    /// `Cron` or `After`.
    Schedule,
    /// `TimeZone`.
    TimeZone,
    /// `NotBefore` or `NotAfter`.
    Bounds,
    /// `Suspended`.
    Suspended,
    /// Newer time zone data.
    ZoneData,
    /// The zone of the server.
    ServerZone(Box<ServerZone>),
}

/// A change of the zone of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServerZone {
    /// The zone before, by its name.
    pub from: Box<str>,
    /// The zone now.
    pub to: Box<str>,
}

/// Gives each variant its code, for programs: the one that serde writes.
macro_rules! codes {
    ($count:literal: $($variant:ident $code:literal,)+) => {
        /// All codes that [`Reason::code`] returns.
        pub const CODES: [&str; $count] = [$($code),+];

        /// The code of the reason, for programs.
        #[must_use]
        pub fn code(&self) -> &'static str {
            match self {
                $(Self::$variant { .. } => $code,)+
            }
        }
    };
}

impl Reason {
    codes! { 53:
        ExitCode "exit-code",
        EndNotReported "end-not-reported",
        OutOfMemory "out-of-memory",
        Killed "killed",
        EngineWentDown "engine-went-down",
        ContainerError "container-error",
        PartsFailed "parts-failed",
        Timeout "timeout",
        RunTimeout "run-timeout",
        RunTimeoutBeforeStart "run-timeout-before-start",
        CancelledBy "cancelled-by",
        Replaced "replaced",
        ServerStopped "server-stopped",
        AllocationDeleted "allocation-deleted",
        ImageNotFound "image-not-found",
        PullFailed "pull-failed",
        PullForbidden "pull-forbidden",
        WrongPlatform "wrong-platform",
        NameHeld "name-held",
        EngineRefused "engine-refused",
        NotStartable "not-startable",
        EngineUnreachable "engine-unreachable",
        NoAnswer "no-answer",
        CannotBeKilled "cannot-be-killed",
        EnvFiles "env-files",
        StoreRefused "store-refused",
        InternalError "internal-error",
        NoEngineFits "no-engine-fits",
        NoNodeFits "no-node-fits",
        TooFewNodes "too-few-nodes",
        ContainerRemoved "container-removed",
        RemovedBeforeStart "removed-before-start",
        NodeLost "node-lost",
        ContainerGone "container-gone",
        OtherNamespace "other-namespace",
        OtherRun "other-run",
        LabelsRemoved "labels-removed",
        OtherEngine "other-engine",
        EngineNotConfigured "engine-not-configured",
        CopyOfStore "copy-of-store",
        StoreRestored "store-restored",
        NamespaceChanged "namespace-changed",
        Overlap "overlap",
        OverlapUnconfirmed "overlap-unconfirmed",
        QueueTaken "queue-taken",
        QueueFull "queue-full",
        DeadlinePassed "deadline-passed",
        NotStartedInTime "not-started-in-time",
        SuspendedBySpecification "suspended-by-specification",
        Suspended "suspended",
        Paused "paused",
        Edited "edited",
        Text "text",
    }

    /// A reason that has no code.
    pub fn text(text: impl Into<Box<str>>) -> Self {
        Self::Text { text: text.into() }
    }

    /// The reason of what a suspension of an allocation keeps from starting.
    #[must_use]
    pub fn suspended(suspension: &Suspension) -> Self {
        Self::Suspended(Box::new(suspension.into()))
    }

    /// The reason of what a pause of the whole server keeps from starting.
    #[must_use]
    pub fn paused(pause: &Suspension) -> Self {
        Self::Paused(Box::new(pause.into()))
    }

    /// The same suspension, or pause, where it began after the instant and before the decision.
    #[must_use]
    pub fn late(mut self) -> Self {
        if let Self::Suspended(hold) | Self::Paused(hold) = &mut self {
            hold.is_late = true;
        }
        self
    }

    /// What kept docket from deciding or starting, where the reason names it.
    #[must_use]
    pub fn outage(&self) -> Option<&Outage> {
        match self {
            Self::DeadlinePassed { outage } | Self::NotStartedInTime { outage } => {
                outage.as_deref()
            }
            Self::Edited(edited) => edited.outage.as_ref(),
            _ => None,
        }
    }

    /// True of a suspension, or a pause, that was in force at the instant or began after it.
    #[must_use]
    pub fn is_suspension(&self) -> bool {
        matches!(self, Self::SuspendedBySpecification | Self::Suspended(_) | Self::Paused(_))
    }

    /// True where both are the same reason. Records of older versions lack the beginning of a
    /// suspension, so that does not count where one of them lacks it.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Suspended(one), Self::Suspended(other))
            | (Self::Paused(one), Self::Paused(other)) => one.is_same_as(other),
            (one, other) => one == other,
        }
    }

    /// How many bytes it takes in memory besides its own size, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::ContainerError { message: text, .. }
            | Self::CancelledBy { by: text }
            | Self::ImageNotFound { image: text }
            | Self::PullForbidden { image: text }
            | Self::NameHeld { holder: text }
            | Self::EngineRefused { message: text }
            | Self::NotStartable { message: text }
            | Self::NodeLost { message: text }
            | Self::EngineUnreachable { message: text }
            | Self::CannotBeKilled { message: text }
            | Self::EnvFiles { message: text }
            | Self::StoreRefused { message: text }
            | Self::InternalError { message: text }
            | Self::OtherNamespace { namespace: text }
            | Self::OtherEngine { engine: text }
            | Self::EngineNotConfigured { engine: text }
            | Self::NamespaceChanged { from: text }
            | Self::Text { text } => text.len(),
            Self::PullFailed(error) | Self::WrongPlatform(error) => {
                size_of_val(&**error) + error.image.len() + error.message.len()
            }
            Self::NoAnswer(error) => size_of_val(&**error) + error.call.len() + error.message.len(),
            Self::Suspended(hold) | Self::Paused(hold) => {
                // Boxed variants count their box, which `size_of::<Run>` does not have.
                size_of_val(&**hold) + hold.by.len() + hold.why.as_ref().map_or(0, |why| why.len())
            }
            Self::Edited(edited) => size_of_val(&**edited) + edited.what.weight(),
            Self::PartsFailed { described, .. } => {
                let parts = described.iter().map(|part| {
                    let names = [&part.engine, &part.node].into_iter().flatten();
                    let names: usize = names.map(|name| name.len()).sum();
                    size_of_val(part) + names + part.reason.weight()
                });
                parts.sum()
            }
            Self::DeadlinePassed { outage } | Self::NotStartedInTime { outage } => {
                outage.as_deref().map_or(0, size_of_val)
            }
            _ => 0,
        }
    }
}

impl Edit {
    fn weight(&self) -> usize {
        match self {
            Self::ServerZone(zones) => size_of_val(&**zones) + zones.from.len() + zones.to.len(),
            _ => 0,
        }
    }
}

impl Hold {
    fn is_same_as(&self, other: &Self) -> bool {
        // A record of an older version has no beginning, and must fold into newer ones of one
        // suspension.
        let known = self.since.zip(other.since);
        let words = |hold: &Self| (hold.by.clone(), hold.why.clone(), hold.is_late);
        words(self) == words(other) && known.is_none_or(|(one, other)| one == other)
    }
}

impl From<&Suspension> for Hold {
    fn from(suspension: &Suspension) -> Self {
        Self {
            by: suspension.by.as_str().into(),
            why: suspension.reason.as_deref().map(Into::into),
            since: Some(suspension.since),
            is_late: false,
        }
    }
}
