//! Bodies of requests and responses, except allocations.

mod change_responses;
mod engine_report;
mod event;
mod forecast_and_check;
mod manual_requests;
mod notify_test;
mod output_frames;
mod run_record;
mod server_health;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{journal::Suspension, name::AllocationName};

pub use self::{
    change_responses::{Created, Deleted, FieldError, Problem, Pushed, PushedName, Refused},
    engine_report::{EngineReport, EngineStateWord},
    event::{END, EntryInWords, EventKind, GAP, Gap, RunEvent},
    forecast_and_check::{
        CheckFinding, Checked, CheckedAllocation, Coming, Forecast, Frequent, Instants,
    },
    manual_requests::{CancelRequest, ResumeRequest, RunRequest, SuspendRequest},
    notify_test::{NotifyTestRequest, NotifyTestResult, Outbox},
    output_frames::{
        FrameKind, FrameTooLong, OUTPUT_FRAMES, OutputFrame, OutputFrames, output_frame,
    },
    run_record::{
        AllRunsPage, AttemptRecord, ManualRequestRecord, PartRecord, RunPage, RunRecord,
        RunSummary, Span,
    },
    server_health::{BackgroundTask, Health, ZoneData},
};

/// The most runs in one response.
pub const MAX_PAGE: usize = 1000;

/// The body of `POST /-/session`, to sign in.
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

/// Whether a token is required, and whether the client has signed in: `GET /-/session`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Session {
    /// True if the server requires a token.
    pub guarded: bool,
    /// True if the request has a session or a token.
    pub signed_in: bool,
}

/// What the server knows of an allocation, under the key `Status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Status {
    /// The next instant that starts if nothing changes, thus after the end of a suspension or a pause;
    /// absent if there is none.
    pub next: Option<DateTime<Utc>>,
    /// When it is due, in words; absent if it runs after others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The time zone in force.
    pub time_zone: String,
    /// The number of runs whose container runs.
    pub running: usize,
    /// The number of runs that are claimed, and whose container does not run yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub starting: usize,
    /// The number of runs in the queue, until an older run ends.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub waiting: usize,
    /// The number of runs between two attempts.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub retrying: usize,
    /// The manual suspension in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Suspension>,
    /// The pause of the whole server in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Suspension>,
    /// The newest run that has ended, or else the newest.
    pub last_run: Option<RunSummary>,
    /// Greater with every change; the `ETag`.
    pub revision: u64,
    /// Where it comes from: `api`, or the path of its file.
    pub origin: String,
    /// When the name was created.
    pub created: DateTime<Utc>,
    /// Warnings about the schedule, such as that it never runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Status {
    /// The number of runs that are not over.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.running + self.starting + self.waiting + self.retrying
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Why an allocation did or did not run: `GET /{name}/why`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Why {
    /// The allocation.
    pub allocation: String,
    /// Sentences, the newest event first.
    pub sentences: Vec<Sentence>,
}

/// What happened, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Sentence {
    /// When it happened, if it happened at one time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// The sentence.
    pub text: String,
}

/// What an engine reports about a specification without running it: `POST /-/check?engine=NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct EngineCheck {
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
