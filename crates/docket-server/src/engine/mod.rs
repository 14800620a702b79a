//! Engines run a container to its end. Stores, schedules and HTTP are not known here.
//!
//! 1. Preparing is idempotent by name: a second call joins the container that the first one made.
//! 2. Starting is not: an engine runs an ended container again, and a start request can arrive late.
//!    So each container is started once, by the means that [`Engine::starts`] names.
//! 3. A container that does not carry every label of ours is never touched.
//! 4. Each call is one attempt. Whether it is repeated is decided in `runner/engine_call_retry.rs` alone.

mod container_check;
mod container_logs;
mod container_plan;
mod container_reports;
pub mod docker;
mod docker_api;
mod engine_description;
pub(crate) mod engine_registry;
mod error;
mod login_command;
mod measured_engine;
#[cfg(any(test, feature = "simulation"))]
pub(crate) mod scripted_engine;
mod short_name;
mod stop_settings;
pub mod swarm;
mod take_over_pending_starts;

use std::fmt;

use async_trait::async_trait;
use docket_model::{
    Specification,
    allocation::{Placement, Pull},
    run::Node,
};
use futures_util::stream::BoxStream;

#[cfg(test)]
pub(crate) use self::error::LONGEST_MESSAGE;
pub use self::{
    container_check::{EngineCheck, Finding, Trial, only_a_swarm_gives},
    container_logs::{Captured, Chunk, Follow, Log, LogCursor},
    container_plan::{Identity, Plan},
    container_reports::{Condition, Found, Handle, Launch, Observation, Owner, Past, Prepared},
    engine_description::{EngineStatus, Pulled, Starts},
    error::{EngineError, Refusal, bounded},
    login_command::{LoginAnswer, run_login_command},
    short_name::short_name,
    stop_settings::{Grace, Stop},
    take_over_pending_starts::{Disarmed, Guard, LATEST_REQUEST, TakeOver, Takeover, Target},
};
pub(crate) use self::{
    error::{bounded_beginning, bounded_list},
    measured_engine::{CallObserver, MeasuredEngine},
};

/// What an engine reports of a container, in order.
pub type Observations = BoxStream<'static, Result<Observation, EngineError>>;

/// Runs containers. The order of calls for one container is the order of the methods.
#[async_trait]
pub trait Engine: Containers + Takeover {
    /// Asks whether the engine answers and is not about to go away, and nothing else.
    async fn ping(&self) -> Result<(), EngineError>;

    /// True where each attempt to reach it takes much, such as a process of its own: while it is away, the
    /// pauses between pings grow.
    fn is_costly_to_reach(&self) -> bool {
        false
    }

    /// Asks what the engine is, which may take a while.
    async fn status(&self) -> Result<EngineStatus, EngineError>;

    /// By what means a container is started at most once.
    fn starts(&self) -> Starts;

    /// True where it chooses among nodes, whose labels are asked for by what a placement says beside the
    /// engine's own labels.
    fn has_nodes(&self) -> bool {
        false
    }

    /// True where containers are pods, which have options of their own in a placement.
    fn has_pods(&self) -> bool {
        false
    }

    /// Lists the nodes that take new containers now and fulfil what a placement leaves to them; none where the
    /// engine has no nodes.
    async fn nodes(&self, on_nodes: &Placement) -> Result<Vec<Node>, EngineError> {
        // Used here, so that the documentation shows the names of the parameters.
        let _ = on_nodes;
        Ok(Vec::new())
    }

    /// What the engine cannot do of a specification, without asking it: findings at fields of the
    /// specification, such as `Container.HostConfig.Privileged`. `on_nodes` is what its placement leaves to
    /// the engine's nodes.
    fn check(&self, specification: &Specification, on_nodes: &Placement) -> Vec<Finding> {
        // Used here, so that the documentation shows the names of the parameters.
        let _ = on_nodes;
        let of_swarm = only_a_swarm_gives(&specification.container.parts());
        of_swarm.map(Finding::below_container).into_iter().collect()
    }

    /// Tries containers out without starting them, where the engine can do that.
    fn trials(&self) -> Option<&dyn EngineCheck> {
        None
    }

    /// Makes sure that the image is there; nothing where the engine pulls on the node that starts it.
    ///
    /// Callers that want one image at the same moment share one pull. Where the registry cannot be
    /// reached or refuses and the image is on the engine already, that one serves.
    /// It is the image for `platform` (`linux/arm64`), or else for the engine's default platform.
    async fn pull(
        &self,
        image: &str,
        platform: Option<&str>,
        pull: Pull,
    ) -> Result<Option<Pulled>, EngineError>;

    /// Creates the container, or joins the one of this name if its labels are all the plan's.
    async fn prepare(&self, plan: &Plan) -> Result<Prepared, EngineError>;

    /// Sends one request to start a container that was prepared.
    ///
    /// # Errors
    /// [`EngineError::NotStartable`] where the engine cannot start it. A missing answer is no error but
    /// [`Launch::Unknown`].
    async fn launch(&self, handle: &Handle) -> Result<Launch, EngineError>;

    /// Ends the container; returns once it has ended, or at once where it does not run.
    ///
    /// One request. It may be made again, and while another one is under way: one at once cuts a gentle
    /// one short.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where the engine refuses it and the container runs on;
    /// [`EngineError::WillNotDie`] where it runs on after its grace, the kill and half a minute.
    async fn stop(&self, handle: &Handle, how: Stop) -> Result<(), EngineError>;

    /// Removes a container, with its anonymous volumes. One that is gone already is fine.
    async fn remove(&self, handle: &Handle, condition: Condition) -> Result<(), EngineError>;
}

/// Reads what containers do, and leaves them as they are.
#[async_trait]
pub trait Containers: fmt::Debug + Send + Sync {
    /// Reports where the container is in its life.
    ///
    /// # Errors
    /// [`EngineError::Unreachable`] also for a refusal, which says nothing about the container.
    async fn inspect(&self, handle: &Handle) -> Result<Observation, EngineError>;

    /// Reads from the labels of a container whose it is; nothing where they do not say so.
    ///
    /// # Errors
    /// [`EngineError::Gone`] where the container is; else those of [`Containers::inspect`].
    async fn identify(&self, handle: &Handle) -> Result<Option<Found>, EngineError>;

    /// Watches a started container: reports that it runs, now and then, and at last how it ended.
    ///
    /// [`Observation::Ended`] and [`Observation::Gone`] are the last item, as is an error:
    /// [`EngineError::Unreachable`] where the watch broke off, so that the container has to be watched
    /// again; [`EngineError::NotStartable`] where it was never started.
    fn watch(&self, handle: &Handle) -> Observations;

    /// Reads what the container wrote, from a position on.
    ///
    /// An error is the last item: [`EngineError::Unreachable`] where the read broke off,
    /// [`EngineError::Gone`] where the container is gone, [`EngineError::Refused`] where its log cannot
    /// be read, [`EngineError::OutputMissing`] where the engine does not have the next bytes any more:
    /// what it has goes on behind so many. A log up to now that cannot be read at all is empty.
    fn logs(&self, handle: &Handle, from: LogCursor, follow: Follow) -> Log;

    /// Reads what a container that has ended wrote, from the beginning; keeps at most `limit` bytes.
    ///
    /// # Errors
    /// [`EngineError::NodeAway`] where only the container's node has the log, and is out of reach.
    async fn read_log(&self, handle: &Handle, limit: usize) -> Result<Captured, EngineError>;

    /// Lists the containers whose labels say that they belong to this owner.
    ///
    /// They may run or not. One whose labels cannot be read is logged and left out.
    async fn list_owned(&self, owner: &Owner) -> Result<Vec<Found>, EngineError>;

    /// Lists the running containers of the owner's namespace whose labels name another store.
    async fn list_of_other_stores(&self, owner: &Owner) -> Result<Vec<Found>, EngineError>;
}
