//! Watches a run to its end, and tells what becomes of the server meanwhile.

use anyhow::Result;
use docket_model::{RunId, wire::RunRecord};

use crate::{
    client::{Client, Event, Follow},
    output,
};

/// Passes on what a run writes, byte for byte, and returns its record when it is over.
pub(super) async fn to_the_end(
    client: &Client,
    run: RunId,
    is_known: bool,
    mut pass_on: impl FnMut(&[u8]) -> Result<()>,
) -> Result<RunRecord> {
    let mut follow = Follow::new(client, run, is_known);
    loop {
        match follow.next().await? {
            Event::Bytes(bytes) => pass_on(&bytes)?,
            Event::Lost(error) => {
                output::warning(format_args!("{error:#}; going on when it is back"));
            }
            Event::Back => output::note(format_args!("{} is back", client.url(""))),
            Event::Over(record) => return Ok(*record),
        }
    }
}
