//! What changes the model, and what the model asks for.

use chrono::{DateTime, Utc};
use docket_model::{AllocationName, RunId, Zone, journal::Suspension, wire::RunRecord};
use serde_json::Value;

use super::{
    engine_line::EngineLine,
    key_bindings::Key,
    run_details::{Details, Subject},
};

/// An input of the model.
#[derive(Debug)]
pub(super) enum Message {
    /// All is loaded anew.
    Loaded {
        /// All allocations.
        allocations: Vec<Value>,
        /// The runs that are under way or failed.
        runs: Vec<RunRecord>,
        /// The newest runs of all states.
        newest: Vec<RunRecord>,
    },
    /// An allocation changed; `None` if it was deleted.
    Allocation(AllocationName, Option<Value>),
    /// A run changed.
    Run(Box<RunRecord>),
    /// The connection to the server, or why there is none.
    Link(Result<(), String>),
    /// The state of the engines.
    Engines(EngineLine),
    /// The pause of the whole server, if it is paused, and the time zone of the server.
    Pause(Option<Suspension>, Zone),
    /// A run wrote these bytes.
    // With the run, because bytes of the previous one may still be on their way after a change.
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
