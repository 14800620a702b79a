//! Watches a run to its end, and tells what becomes of the server meanwhile.

use anyhow::Result;
use docket_model::{RunId, output::Stream, wire::RunRecord};

use crate::{
    client::{Client, Event, Follow},
    output,
};

/// What is done with what happens to a run.
pub(super) trait Watcher {
    /// The run wrote these bytes to one of its streams.
    fn bytes(&mut self, stream: Stream, bytes: &[u8]) -> Result<()>;

    /// The run is in another state, and goes on.
    async fn state(&mut self, client: &Client, record: &RunRecord);
}

/// Passes on what a run writes, byte for byte, and returns its record when it is over.
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
                output::warning(format_args!("{error:#}; going on when it is back"));
            }
            Event::Back => output::note(format_args!("{} is back", client.url(""))),
            Event::Over(record) => return Ok(*record),
        }
    }
}
