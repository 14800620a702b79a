//! What the server answers and the client reads, beyond allocations themselves.

mod coming;

use std::fmt;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    journal::Suspension,
    mistake::Mistake,
    name::AllocationName,
    run::{Demand, Instant, Run, RunState, Trigger},
};

pub use self::coming::{CheckFinding, Checked, CheckedAllocation, Coming, Forecast, Instants};

/// The longest run history a request may ask for at once.
pub const MAX_PAGE: usize = 1000;

/// Answers a push of one allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Created {
    /// True where the name was new.
    pub created: bool,
}

/// Answers a push of several allocations.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Pushed {
    /// Names that are new.
    pub created: usize,
    /// Names whose specification changed.
    pub updated: usize,
    /// Names that stay as they were.
    pub unchanged: usize,
    /// What became of each, in their order; only where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<PushedName>>,
}

/// What a push did about one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct PushedName {
    /// The name.
    pub name: AllocationName,
    /// One word: `created`, `updated`, `unchanged`.
    #[schema(pattern = "^(created|updated|unchanged)$")]
    pub result: String,
}

/// Answers a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deleted {
    /// Always true: anything else is an error.
    pub deleted: bool,
}

/// The original's body for a push that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Refused {
    /// What is wrong with the whole request.
    pub overall: IndexMap<String, String>,
    /// What is wrong with each field, by its path.
    pub fields: IndexMap<String, String>,
}

impl Refused {
    /// The body for a request that could not be read at all.
    #[must_use]
    pub fn undecodable(message: String) -> Self {
        let overall = IndexMap::from([("DeserializationError".to_owned(), message)]);
        Self { overall, fields: IndexMap::new() }
    }

    /// The body for these mistakes; several in one field stand behind one another.
    #[must_use]
    pub fn because_of(mistakes: &[Mistake]) -> Self {
        let mut fields = IndexMap::<String, String>::new();
        for mistake in mistakes {
            let text = fields.entry(mistake.field.to_string()).or_default();
            if !text.is_empty() {
                text.push_str("; ");
            }
            text.push_str(&mistake.message);
        }
        Self { overall: IndexMap::new(), fields }
    }
}

/// An error as RFC 9457 has it: `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The status in words.
    pub title: String,
    /// What went wrong with this request, and how to mend it.
    pub detail: String,
    /// The present revision of an allocation that is of another one than was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Each mistake in a push, where the sender accepts `application/problem+json`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// One mistake in a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// The way to the field, such as `Container.Config.Image`.
    pub field: String,
    /// What is wrong and how to mend it.
    pub message: String,
    /// Of a schedule: each mistake in it with part, text, offset and length in bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub schedule: Vec<serde_json::Value>,
}

impl From<&Mistake> for FieldError {
    fn from(mistake: &Mistake) -> Self {
        let places = mistake.schedule.iter().map(serde_json::to_value);
        Self {
            field: mistake.field.to_string(),
            message: mistake.message.clone(),
            // They are plain structs of texts and numbers, which JSON can always hold.
            schedule: places.filter_map(Result::ok).collect(),
        }
    }
}

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
    /// The least instant that is still to come; absent where there is none.
    pub next: Option<DateTime<Utc>>,
    /// When it is due, in words; absent where it runs after others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The zone in force.
    pub time_zone: String,
    /// How many of its runs are under way.
    pub running: usize,
    /// A suspension by hand that holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Suspension>,
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

/// Asks for a run by hand: the body of `POST /{name}/runs`, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RunRequest {
    /// The command in place of the container's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// Variables as `KEY=VALUE`, beside or in place of the container's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// A past instant to make up for: RFC 3339, or wall time in the allocation's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Who asks; the address it comes from where nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Asks for the end of a run: the body of `POST /{name}/runs/{run}/cancel`, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CancelRequest {
    /// True to give the container no time to end by itself.
    #[serde(default)]
    pub kill: bool,
    /// Who asks; the address it comes from where nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Asks that nothing starts by itself: the body of `POST /{name}/suspend`, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SuspendRequest {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Until when: RFC 3339, or wall time in the allocation's zone; until resumed where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Who asks; the address it comes from where nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Asks that it goes on: the body of `POST /{name}/resume` and `/reset`, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ResumeRequest {
    /// Who asks; the address it comes from where nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
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
    pub findings: Vec<Finding>,
}

/// One thing that the engine has to say about a specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Finding {
    /// The way to the field, such as `Container.Config.Image`.
    pub field: String,
    /// What is wrong and how to mend it.
    pub message: String,
    /// True where no run could start.
    pub fatal: bool,
}

/// What an event of `GET /-/events` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A record of a run was made or changed; its data is a [`RunEvent`].
    Run,
    /// Something happened to an allocation; its data is an entry of the journal.
    Allocation,
    /// Something happened to the server; its data is an entry of the journal.
    Server,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Run, Self::Allocation, Self::Server];

    /// All words that [`EventKind::word`] may be.
    pub const WORDS: [&str; 3] = ["run", "allocation", "server"];

    /// The kind as one word, which is the type of the event.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Allocation => "allocation",
            Self::Server => "server",
        }
    }
}

/// The type of the event that tells a reader that it missed others; its data is a [`Gap`].
pub const GAP: &str = "gap";

/// The type of the event that ends a followed output; its data is the run's record.
pub const END: &str = "end";

/// The data of an event about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct RunEvent {
    /// The allocation.
    pub allocation: AllocationName,
    /// The record as it is now.
    pub run: RunRecord,
}

/// The data of an event that tells of others that are not to be had: what is known is to be loaded
/// again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Gap {
    /// Why, in words.
    pub reason: String,
}

/// A run in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct RunSummary {
    /// Its instant, as it is named.
    pub run: Instant,
    /// How far it is, or how it ended.
    #[schema(value_type = RunState)]
    pub state: String,
    /// The exit code of the newest attempt.
    pub exit_code: Option<i64>,
    /// Why, where a reason belongs to the state.
    pub reason: Option<String>,
    /// When it ended.
    pub ended: Option<DateTime<Utc>>,
}

/// A page of the history of an allocation, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<RunRecord>,
    /// What to send as `cursor` to get the next page; absent on the last.
    pub cursor: Option<Instant>,
}

/// A run in full, but for its output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct RunRecord {
    /// The run's name below its allocation.
    pub run: Instant,
    /// The allocation.
    pub allocation: String,
    /// The instant it accounts for.
    pub instant: DateTime<Utc>,
    /// What made it: `Schedule`, `CatchUp`, `ByHand` or `AfterParent`.
    #[schema(value_type = Trigger)]
    pub trigger: String,
    /// Of a run by hand, who wanted it and what.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Demanded)]
    pub demand: Option<Demanded>,
    /// One word for how far it is or how it ended.
    #[schema(value_type = RunState)]
    pub state: String,
    /// Why, where a reason belongs to the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of a record of missed instants: the last one and how many.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Span)]
    pub span: Option<Span>,
    /// When the decision to start, or not to, fell.
    pub decided: DateTime<Utc>,
    /// When the next attempt begins, between two of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<DateTime<Utc>>,
    /// When nothing more was to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<DateTime<Utc>>,
    /// How many milliseconds after its instant the first container started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lateness_milliseconds: Option<i64>,
    /// The tries, the first one first.
    pub attempts: Vec<AttemptRecord>,
}

/// What was wanted of a run by hand. Values of variables may be secrets, so they are not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Demanded {
    /// Who asked.
    #[schema(required = false)]
    pub by: String,
    /// The command in place of the container's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// The names of the variables that were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_names: Vec<String>,
}

impl From<&Demand> for Demanded {
    fn from(demand: &Demand) -> Self {
        Self {
            by: demand.by.clone(),
            cmd: demand.command.clone(),
            env_names: demand.variables().map(str::to_owned).collect(),
        }
    }
}

/// The instants that a record of missed ones spans, beyond its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Span {
    /// The last instant.
    #[schema(required = false)]
    pub last: Instant,
    /// How many there are.
    #[schema(required = false)]
    pub count: u64,
}

/// One try to carry out a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct AttemptRecord {
    /// Counted from 1.
    pub attempt: u32,
    /// The container's id at the engine.
    pub container: Option<String>,
    /// The id of the engine that has it.
    pub engine: Option<String>,
    /// The id of the image that it was made from.
    pub image: Option<String>,
    /// When the container started, by the engine's clock.
    pub started: Option<DateTime<Utc>>,
    /// When it ended, by the engine's clock.
    pub ended: Option<DateTime<Utc>>,
    /// Its exit code.
    pub exit_code: Option<i64>,
    /// True where the kernel ended it for want of memory.
    pub out_of_memory: bool,
    /// How many bytes it wrote; absent until that is known.
    pub output_bytes: Option<u64>,
    /// How many of them are not kept.
    pub output_omitted: Option<u64>,
    /// What went well enough but not as asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

impl From<&Run> for RunRecord {
    fn from(run: &Run) -> Self {
        let span = match &run.state {
            RunState::Missed { last, count, .. } => Some(Span { last: *last, count: *count }),
            _ => None,
        };
        let next_attempt = match &run.state {
            RunState::BetweenAttempts { until, .. } => Some(*until),
            _ => None,
        };
        let attempts = run.attempts.iter().map(|attempt| AttemptRecord {
            attempt: attempt.number,
            container: attempt.container.as_ref().map(ToString::to_string),
            engine: attempt.engine.as_deref().map(str::to_owned),
            image: attempt.image.as_deref().map(str::to_owned),
            started: attempt.started_at,
            ended: attempt.exit.as_ref().and_then(|exit| exit.ended_at),
            exit_code: attempt.exit.as_ref().map(|exit| exit.code),
            out_of_memory: attempt.exit.as_ref().is_some_and(|exit| exit.out_of_memory),
            output_bytes: attempt.output.as_ref().map(|output| output.written()),
            output_omitted: attempt.output.as_ref().map(|output| output.omitted()),
            remarks: attempt.remarks.clone(),
        });
        Self {
            run: run.id.instant,
            allocation: run.id.allocation.to_string(),
            instant: run.id.instant.moment(),
            trigger: run.trigger.word().to_owned(),
            demand: run.trigger.demand().map(|demand| Demanded::from(&**demand)),
            state: run.state.word().to_owned(),
            reason: run.state.reason().map(str::to_owned),
            span,
            decided: run.decided_at,
            next_attempt,
            ended: run.ended_at,
            lateness_milliseconds: run.lateness().map(|late| late.num_milliseconds()),
            attempts: attempts.collect(),
        }
    }
}

impl RunRecord {
    /// True once nothing more happens to the run.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.ended.is_some()
    }
}

impl From<&Run> for RunSummary {
    fn from(run: &Run) -> Self {
        Self {
            run: run.id.instant,
            state: run.state.word().to_owned(),
            exit_code: run.attempt().and_then(|attempt| Some(attempt.exit.as_ref()?.code)),
            reason: run.state.reason().map(str::to_owned),
            ended: run.ended_at,
        }
    }
}
