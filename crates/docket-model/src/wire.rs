//! What the server answers and the client reads, beyond allocations themselves.

mod background;
mod by_hand;
mod coming;
mod event;
mod output_frames;
mod push;
mod record;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{journal::Suspension, name::AllocationName};

pub use self::{
    background::BackgroundTask,
    by_hand::{CancelRequest, ResumeRequest, RunRequest, SuspendRequest},
    coming::{CheckFinding, Checked, CheckedAllocation, Coming, Forecast, Frequent, Instants},
    event::{END, EventKind, GAP, Gap, RunEvent},
    output_frames::{FrameKind, OUTPUT_FRAMES, OutputFrame, OutputFrames, output_frame},
    push::{Created, Deleted, FieldError, Problem, Pushed, PushedName, Refused},
    record::{AttemptRecord, Demanded, RunPage, RunRecord, RunSummary, Span},
};

/// The longest run history a request may ask for at once.
pub const MAX_PAGE: usize = 1000;

/// Asks to be signed in: the body of `POST /-/session`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SignIn {
    /// The server's token.
    pub token: String,
}

/// Secrets are not shown.
impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").finish_non_exhaustive()
    }
}

/// Whether one has to sign in, and did: `GET /-/session`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Session {
    /// True where the server asks for a token.
    pub guarded: bool,
    /// True where the one who asks is known by a session or a token.
    pub signed_in: bool,
}

/// What the server knows of an allocation, under the key `Status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Status {
    /// The least instant that is still to come and starts, if nothing changes: one after the end of a
    /// suspension or a pause. Absent where there is none.
    pub next: Option<DateTime<Utc>>,
    /// When it is due, in words; absent where it runs after others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The zone in force.
    pub time_zone: String,
    /// How many of its runs have a container that runs.
    pub running: usize,
    /// How many of its runs are starting: claimed, and their containers do not run yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub starting: usize,
    /// How many of its runs wait in the queue for an older run to end.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub waiting: usize,
    /// How many of its runs wait for their next attempt.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub retrying: usize,
    /// A suspension by hand that holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Suspension>,
    /// A pause of the whole server that holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Suspension>,
    /// The newest run that has ended, or else the newest.
    pub last_run: Option<RunSummary>,
    /// Greater with every change; the `ETag`.
    pub revision: u64,
    /// Where it came from: `api`, or the file that has it.
    pub origin: String,
    /// When the name was created.
    pub created: DateTime<Utc>,
    /// What should be known about the schedule, such as that it never runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Status {
    /// How many of its runs are not over.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.running + self.starting + self.waiting + self.retrying
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Answers why an allocation ran or did not, in sentences: `GET /{name}/why`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Why {
    /// The allocation.
    pub allocation: String,
    /// The sentences, about the newest first.
    pub sentences: Vec<Sentence>,
}

/// What happened at one moment, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Sentence {
    /// The moment it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// In words.
    pub text: String,
}

/// What the engine would make of a specification, without running it: `POST /-/rehearsal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Rehearsal {
    /// The allocation.
    pub name: AllocationName,
    /// What was found; nothing where it can run.
    #[serde(default)]
    pub findings: Vec<EngineFinding>,
}

/// One thing that the engine has to say about a specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct EngineFinding {
    /// The way to the field, such as `Container.Config.Image`.
    pub field: String,
    /// What is wrong and how to mend it.
    pub message: String,
    /// True where no run could start.
    pub fatal: bool,
}
