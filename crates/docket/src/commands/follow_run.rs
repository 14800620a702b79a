//! Follows a run to its end, and reports when the connection to the server is lost and restored.

use anyhow::Result;
use docket_model::{RunId, output::Stream, wire::RunRecord};

use crate::{
    client::{Client, Event, Follow},
    print,
};

/// Receives what happens to a run.
pub(super) trait Watcher {
    /// The run wrote these bytes to one of its streams.
    fn bytes(&mut self, stream: Stream, bytes: &[u8]) -> Result<()>;

    /// The run has changed its state and is not over.
    async fn state(&mut self, client: &Client, record: &RunRecord);
}

/// Passes a run's output to the watcher, unaltered; returns the record when the run is over.
pub(super) async fn to_the_end(
    client: &Client,
    run: RunId,
    is_known: bool,
    watcher: &mut impl Watcher,
) -> Result<RunRecord> {
    let mut follow = Follow::new(client, run, is_known);
    loop {
        match follow.next().await? {
            Event::Bytes(stream, bytes) => watcher.bytes(stream, &bytes)?,
            Event::State(record) => watcher.state(client, &record).await,
            Event::Lost(error) => {
                print::warning(format_args!("{error:#}; reconnecting"));
            }
            Event::Back => print::note(format_args!("{} is back", client.url(""))),
            Event::Over(record) => return Ok(*record),
        }
    }
}
