//! The schema of a Server-Sent Event.

use utoipa::ToSchema;

/// An event of a stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description: events are written as bytes")]
pub(in crate::http) struct StreamEvent {
    /// Send it as `Last-Event-ID` to continue after this event.
    id: Option<String>,
    /// The type: `run`, `allocation`, `server` or `gap`; in an output `end`, or absent for a piece of it.
    event: Option<String>,
    /// JSON in one line: `{At, Allocation, Run}` for a run, an entry of the journal, `{Reason}` for a gap; in
    /// an output a text, and the run's record at the end.
    data: Option<String>,
}
