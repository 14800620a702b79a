//! Follows a run to its end, and reports when the connection to the server is lost and restored.

use std::collections::BTreeSet;

use anyhow::Result;
use docket_model::{
    output::Stream,
    wire::{PartRecord, RunRecord},
};
use futures_util::{StreamExt, stream};

use super::mark_lines_by_part::PartLines;
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
    mut follow: Follow<'_>,
    watcher: &mut impl Watcher,
) -> Result<RunRecord> {
    let client = follow.client();
    loop {
        match follow.next().await? {
            Event::Bytes(stream, bytes) => watcher.bytes(stream, &bytes)?,
            Event::State(record) => watcher.state(client, &record).await,
            Event::Lost(error) => report_loss(&error),
            Event::Back => report_return(client),
            Event::Over(record) => return Ok(*record),
        }
    }
}

/// Passes the output of all parts of a run to the watcher as it is written, each line marked by its part; returns
/// the record when the run is over.
pub(super) async fn parts_to_the_end(
    whole: &Follow<'_>,
    parts: &[PartRecord],
    watcher: &mut impl Watcher,
) -> Result<RunRecord> {
    let client = whole.client();
    let mut lines = PartLines::of(parts);
    let follows = parts.iter().enumerate().map(|(index, part)| {
        let follow = whole.part(part.part);
        // An event in progress is kept while those of other parts are handled.
        stream::unfold(Some(follow), move |follow| async move {
            let mut follow = follow?;
            let event = follow.next().await;
            let goes_on = event.as_ref().is_ok_and(|event| !matches!(event, Event::Over(_)));
            Some(((index, event), goes_on.then_some(follow)))
        })
        .boxed_local()
    });
    let mut events = stream::select_all(follows);
    let (mut lost, mut over) = (BTreeSet::new(), None);
    while let Some((index, event)) = events.next().await {
        let Some(lines) = lines.get_mut(index) else { continue };
        match event? {
            Event::Bytes(stream, bytes) => watcher.bytes(stream, &lines.take(stream, &bytes))?,
            Event::State(record) => watcher.state(client, &record).await,
            Event::Lost(error) => {
                // The server is lost for all of them, and reported once.
                if lost.is_empty() {
                    report_loss(&error);
                }
                lost.insert(index);
            }
            Event::Back => {
                lost.remove(&index);
                if lost.is_empty() {
                    report_return(client);
                }
            }
            Event::Over(record) => {
                for stream in [Stream::Out, Stream::Error] {
                    watcher.bytes(stream, &lines.rest(stream))?;
                }
                over = Some(*record);
            }
        }
    }
    match over {
        Some(record) => Ok(record),
        None => client.record(whole.run()).await,
    }
}

fn report_loss(error: &anyhow::Error) {
    print::warning(format_args!("{error:#}; reconnecting"));
}

fn report_return(client: &Client) {
    print::note(format_args!("{} is back", client.url("")));
}
