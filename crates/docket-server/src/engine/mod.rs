//! Engines run a container to its end. Stores, schedules and HTTP are not known here.
//!
//! 1. Creating is idempotent by name: a second call joins the container that the first one made.
//! 2. Starting is not: an engine runs an ended container again, and a start request can arrive late.
//!    So each container gets one start request, ever; without an answer, it is replaced.
//! 3. A container that does not carry every label of ours is never touched.
//! 4. Each call is one attempt. Whether it is repeated is decided in `runner/retry.rs` alone.

pub mod docker;
mod error;
mod plan;
#[cfg(test)]
pub(crate) mod scripted;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use docket_model::{
    Life, Output,
    allocation::Pull,
    output::Stream,
    run::{ContainerId, Exit},
};
use futures_util::stream::BoxStream;
use uuid::Uuid;

#[cfg(test)]
pub(crate) use self::error::LONGEST_MESSAGE;
pub(crate) use self::error::{bounded, bounded_beginning, bounded_list};
pub use self::{
    error::{EngineError, Refusal},
    plan::{Identity, Plan},
};

/// What is known of an engine that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineInfo {
    /// The id that the engine gave itself; none where its answers do not agree on one.
    pub id: Option<Arc<str>>,
    /// Its version, such as `20.10.24`.
    pub version: String,
    /// The newest version of the API that it speaks, such as `1.41`.
    pub api_version: String,
    /// How many processor cores it has.
    pub cores: usize,
    /// What its clock showed while it answered, where it reports that.
    pub time: Option<DateTime<Utc>>,
}

/// An image that is there to make containers from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The image's repository, as it was written.
    pub repository: String,
    /// Its tag or digest; `latest` where none was written.
    pub tag: String,
    /// Why the image could not be pulled, where an older one on the engine serves in its place.
    pub stale: Option<String>,
    /// True where a registry was asked and had it; false where the engine's own image serves.
    pub was_pulled: bool,
}

/// How to end a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// By its own `StopSignal`, and by a kill once its grace is over.
    Gently(Grace),
    /// By a kill.
    AtOnce,
}

/// How long a container may run after its stop signal before it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grace {
    /// It is killed after so long.
    Within(Duration),
    /// It is never killed.
    Unlimited,
}

/// Docker's own grace for a container without a `StopTimeout`; other engines have other defaults.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
/// The longest grace that every engine accepts, in seconds: 68 years.
const LONGEST_GRACE: u64 = i32::MAX as u64;

impl Grace {
    /// The grace of a container with this `StopTimeout`: seconds, or no limit below 0.
    #[must_use]
    pub fn of(stop_timeout: Option<i64>) -> Self {
        stop_timeout.map_or(Self::Within(DEFAULT_GRACE), |seconds| match u64::try_from(seconds) {
            Ok(seconds) => Self::Within(Duration::from_secs(seconds.min(LONGEST_GRACE))),
            Err(_) => Self::Unlimited,
        })
    }

    /// The grace as a length of time: as long as engines can count where it has no limit.
    #[must_use]
    pub(crate) fn length(self) -> Duration {
        match self {
            Self::Within(length) => length,
            Self::Unlimited => Duration::from_secs(LONGEST_GRACE),
        }
    }
}

/// Where a container is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerState {
    /// It was made and never ran; it may be one that the engine could not start.
    Created,
    /// It runs, or is paused.
    Runs {
        /// Since when, by the engine's clock.
        started_at: Option<DateTime<Utc>>,
    },
    /// It ran and has ended. Whether its engine went down meanwhile cannot be seen any more.
    Ended(Exit),
}

/// What an engine reports of a container, in order.
pub type Observations = BoxStream<'static, Result<ContainerState, EngineError>>;

/// A container that an engine made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its id.
    pub id: ContainerId,
    /// The id of its image, where the engine tells it.
    pub image: Option<Arc<str>>,
    /// What the engine had to say about the options.
    pub warnings: Vec<String>,
    /// True where the container was there already under this name.
    pub joined: bool,
}

/// What happened to a container, as the engine's events report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifeEvent {
    /// It was created.
    Created,
    /// It was started.
    Started {
        /// When, by the engine's clock.
        at: Option<DateTime<Utc>>,
    },
    /// Its main process ended.
    Exited {
        /// The exit code, where the event has it.
        code: Option<i64>,
        /// When, by the engine's clock.
        at: Option<DateTime<Utc>>,
    },
    /// It was removed.
    Removed,
}

/// The events of one container: first those that the engine remembers, then new ones as they come.
pub type LifeEvents = BoxStream<'static, Result<LifeEvent, EngineError>>;

/// A container that carries a server's labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: ContainerId,
    /// Whose it is, read from its labels.
    pub identity: Identity,
    /// The life of the server that created it; older versions of docket did not note that.
    pub life: Option<Life>,
    /// When it was created, by the engine's clock, where the engine reports that.
    pub created_at: Option<DateTime<Utc>>,
}

/// What a rehearsal found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where, below `Container`: `HostConfig.Binds[0]`; empty where the engine does not say.
    pub field: String,
    /// What, in words: the engine's own where it refused or warned.
    pub message: String,
    /// True where no run would start; otherwise it would go otherwise than may be meant.
    pub is_fatal: bool,
}

/// What could be read of what a container wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// The output; empty where the engine keeps none that can be read.
    pub output: Output,
    /// Why there is no output, or less than there was.
    pub remark: Option<String>,
}

/// Runs containers. The order of calls for one container is the order of the methods.
#[async_trait]
pub trait Engine: Observation {
    /// Asks whether the engine answers and is not about to go away, and nothing else.
    async fn ping(&self) -> Result<(), EngineError>;

    /// Asks what the engine is; it may take a while to tell.
    async fn info(&self) -> Result<EngineInfo, EngineError>;

    /// Makes sure that the image is there.
    ///
    /// Callers that want one image at the same moment share one pull. Where the registry cannot be
    /// reached or refuses and the image is on the engine already, that one serves.
    /// It is the image for `platform` (`linux/arm64`), or else for the engine's default platform.
    async fn pull(
        &self,
        image: &str,
        platform: Option<&str>,
        pull: Pull,
    ) -> Result<Pulled, EngineError>;

    /// Creates the container, or joins the one of this name if its labels are all the plan's.
    async fn create(&self, plan: &Plan) -> Result<Created, EngineError>;

    /// Sends the one start request that this container ever gets.
    ///
    /// [`EngineError::Unreachable`] where there was no answer: the request may still be carried out,
    /// also much later. [`EngineError::NeverStarted`] where the container is gone and was not started:
    /// it may be created anew. [`EngineError::Gone`] where that is not sure.
    async fn start(&self, container: &ContainerId) -> Result<(), EngineError>;

    /// Watches a started container: reports that it runs, now and then, and at last how it ended.
    ///
    /// One attempt: an error is the last item. [`EngineError::Unreachable`] where the watch broke off,
    /// so that the container has to be watched again; [`EngineError::NotStartable`] where it was never
    /// started.
    fn watch(&self, container: &ContainerId) -> Observations;

    /// Ends the container; returns once it has ended, or at once where it does not run.
    ///
    /// One request. It may be made again, and while another one is under way: one at once cuts a gentle
    /// one short. [`EngineError::Refused`] where the engine refuses it and the container runs on.
    /// [`EngineError::WillNotDie`] where it runs on after its grace, the kill and half a minute.
    async fn stop(&self, container: &ContainerId, how: Stop) -> Result<(), EngineError>;

    /// Removes an ended container by id, with its anonymous volumes. One that is gone already is fine.
    async fn remove(&self, container: &ContainerId) -> Result<(), EngineError>;
}

/// Looks at containers and leaves them as they are.
#[async_trait]
pub trait Observation: fmt::Debug + Send + Sync {
    /// Tells where the container is in its life. One that is gone is [`EngineError::Gone`]; a refusal
    /// tells nothing about it, so that is [`EngineError::Unreachable`].
    async fn inspect(&self, container: &ContainerId) -> Result<ContainerState, EngineError>;

    /// Reads from the labels of a container whose it is; nothing where they do not say so.
    ///
    /// Errors are those of [`Observation::look`].
    async fn labels(&self, container: &ContainerId) -> Result<Option<Found>, EngineError>;

    /// Reports what happened to the container, and goes on with what happens to it.
    ///
    /// An engine remembers a bounded number of events of all its containers, and none over its own
    /// restart, so that a start is missing proves nothing unless the creation is there. The stream ends
    /// when the engine ends it.
    fn life_events(&self, container: &ContainerId) -> LifeEvents;

    /// Reads what the container has written so far, from the beginning; keeps at most `limit` bytes.
    async fn output(&self, container: &ContainerId, limit: usize) -> Result<Captured, EngineError>;

    /// Hands out what the container writes, live and from its beginning, without the first `skip` bytes.
    ///
    /// It is what [`Observation::output`] reads, to the end of the run. One attempt: an error is the last
    /// item: [`EngineError::Unreachable`] where it broke off, [`EngineError::Gone`] where the container
    /// is gone, [`EngineError::Refused`] where its log cannot be read, [`EngineError::OutputMissing`] where the
    /// engine does not have the next bytes any more: what it has goes on behind so many.
    fn live_output(&self, container: &ContainerId, skip: u64) -> LiveOutput;

    /// Hands out what the container has written by now, from its beginning, without the first `skip`
    /// bytes; errors as of [`Observation::live_output`]. A log that cannot be read at all is empty.
    fn output_so_far(&self, container: &ContainerId, skip: u64) -> LiveOutput;

    /// Finds the containers whose labels say that they belong to this namespace and this store.
    ///
    /// They may run or not. One whose labels cannot be read is logged and left out.
    async fn list_owned(&self, namespace: &str, store: Uuid) -> Result<Vec<Found>, EngineError>;

    /// Finds the running containers of this namespace whose labels name another store.
    async fn list_of_other_stores(
        &self,
        namespace: &str,
        store: Uuid,
    ) -> Result<Vec<Found>, EngineError>;

    /// Pulls, creates and removes the container without starting it; tells what would surprise.
    ///
    /// What it makes is gone when it returns, but for the image. Whether a program is there cannot be
    /// told without a start.
    async fn rehearse(&self, plan: &Plan, pull: Pull) -> Result<Vec<Finding>, EngineError>;
}

/// What a container writes, as it comes.
pub type LiveOutput = BoxStream<'static, Result<Chunk, EngineError>>;

/// What a container wrote next to one of its streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The stream.
    pub stream: Stream,
    /// The bytes.
    pub bytes: Bytes,
}
