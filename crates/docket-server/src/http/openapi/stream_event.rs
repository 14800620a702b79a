//! One of the Server-Sent Events of a stream, by its fields.

use utoipa::ToSchema;

/// One event of a stream, as its lines say.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description: events are written as bytes")]
pub(in crate::http) struct StreamEvent {
    /// What to send as `Last-Event-ID` to go on behind it.
    id: Option<String>,
    /// Its type: `run`, `allocation`, `server`, `gap`; of an output `end`, or none for a piece of it.
    event: Option<String>,
    /// JSON in one line: `{At, Allocation, Run}` of a run, an entry of the journal, `{Reason}` of a gap; of
    /// an output a text, and the run's record at the end.
    data: Option<String>,
}
