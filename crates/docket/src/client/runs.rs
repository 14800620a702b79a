//! Requests about runs.

use anyhow::Result;
use docket_model::{
    AllocationName, RunId,
    run::StateWord,
    wire::{
        CancelRequest, FrameKind, OUTPUT_FRAMES, OutputFrame, OutputFrames, RunRecord, RunRequest,
    },
};
use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Client, Lines, Listing, PAGE, Pieces, response};

/// The server's response to a request for a run.
pub(crate) enum RunResponse {
    /// The run starts or waits.
    Accepted(RunRecord),
    /// A policy does not allow it; the record of the skipped run has the reason.
    Skipped(RunRecord),
}

/// Which runs to list; by default all.
#[derive(Debug, Default)]
pub(crate) struct RunSelection {
    /// Only runs in these states, if any is named.
    pub(crate) states: Vec<StateWord>,
    /// Only runs of instants from this time on.
    pub(crate) since: Option<String>,
    /// Only runs of allocations with this label.
    pub(crate) label: Option<String>,
}

/// A page of runs.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page<T> {
    runs: Vec<T>,
    /// Passed on as it is: its form is the server's own.
    cursor: Option<String>,
}

impl Client {
    /// Requests a manual run.
    pub(crate) async fn run(
        &self,
        name: &AllocationName,
        request: &RunRequest,
    ) -> Result<RunResponse> {
        let request = self.request(Method::POST, &format!("/{name}/runs")).json(request);
        let response = self.answer(request).await?;
        // Other conflicts are problems, which have a media type of their own. Only a skipped run
        // has its record as the body.
        if response.status() == StatusCode::CONFLICT && is_record(&response) {
            return Ok(RunResponse::Skipped(response::read(&self.shown, response).await?));
        }
        let response = self.expect_success(response).await?;
        Ok(RunResponse::Accepted(response::read(&self.shown, response).await?))
    }

    /// Cancels a run.
    pub(crate) async fn cancel(&self, run: &RunId, request: &CancelRequest) -> Result<RunRecord> {
        let path = format!("{}/cancel", path(run));
        self.ask(self.request(Method::POST, &path).json(request)).await
    }

    /// The record of a run.
    pub(crate) async fn record(&self, run: &RunId) -> Result<RunRecord> {
        self.ask(self.request(Method::GET, &path(run))).await
    }

    /// The newest runs of an allocation, up to a limit.
    pub(crate) async fn newest_runs<T: DeserializeOwned>(
        &self,
        name: &AllocationName,
        limit: usize,
    ) -> Result<Listing<T>> {
        self.runs(Some(name), &RunSelection::default(), limit).await
    }

    /// The newest runs of an allocation, or of all of them, up to a limit.
    pub(crate) async fn runs<T: DeserializeOwned>(
        &self,
        name: Option<&AllocationName>,
        selection: &RunSelection,
        limit: usize,
    ) -> Result<Listing<T>> {
        let path = name.map_or_else(|| "/-/runs".to_owned(), |name| format!("/{name}/runs"));
        let states = selection.states.iter().map(StateWord::as_str).collect::<Vec<_>>().join(",");
        let states = (!states.is_empty()).then_some(states.as_str());
        let (since, label) = (selection.since.as_deref(), selection.label.as_deref());
        let mut listing = Listing::default();
        let mut cursor: Option<String> = None;
        loop {
            let filters = [("state", states), ("since", since), ("label", label)];
            let request = self
                .request(Method::GET, &path)
                .query(&[("limit", limit.min(PAGE))])
                .query(&[("cursor", cursor.as_deref())])
                .query(&filters);
            let page: Page<T> = self.ask(request).await?;
            // A page of all runs may be empty, but it never ends where it began.
            let is_last = page.cursor.is_none() || page.cursor == cursor;
            if listing.add(page.runs, limit, is_last) {
                return Ok(listing);
            }
            cursor = page.cursor;
        }
    }

    /// The output so far of an attempt at a part of a run (default: the newest attempt), to be read in
    /// pieces.
    pub(crate) async fn output(
        &self,
        run: &RunId,
        part: Option<u32>,
        attempt: Option<u32>,
        lines: &Lines,
    ) -> Result<FramedOutput<'_>> {
        let request = self.request(Method::GET, &format!("{}/output", path(run)));
        let request = request.query(&[("part", part), ("attempt", attempt)]).query(&lines.query());
        // Frames also here, because only they separate standard error.
        self.framed(request, 0).await
    }

    /// The output of a run, or of one part of it, after the first `skip` bytes, followed to its end.
    pub(super) async fn live_output(
        &self,
        run: &RunId,
        part: Option<u32>,
        skip: u64,
        lines: &Lines,
    ) -> Result<FramedOutput<'_>> {
        let request = self.request(Method::GET, &format!("{}/output?follow=true", path(run)));
        let request = request.query(&part.map(|part| [("part", part)]));
        let mut request = request.query(&lines.query());
        if skip > 0 {
            request = request.query(&[("skip", skip)]);
        }
        self.framed(request, skip).await
    }

    async fn framed(&self, request: RequestBuilder, skip: u64) -> Result<FramedOutput<'_>> {
        let output = self.stream(request.header(ACCEPT, OUTPUT_FRAMES)).await?;
        // Servers of earlier versions do not send frames.
        let frames = (content_type(&output.response) == OUTPUT_FRAMES).then(OutputFrames::default);
        Ok(FramedOutput { output, frames, position: skip })
    }
}

fn path(run: &RunId) -> String {
    format!("/{}/runs/{}", run.allocation, run.instant)
}

fn content_type(response: &Response) -> &str {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.unwrap_or_default()
}

/// True if a response is a record and not an `application/problem+json`.
fn is_record(response: &Response) -> bool {
    content_type(response).starts_with("application/json")
}

/// The output of a run, in frames with their streams.
pub(crate) struct FramedOutput<'a> {
    output: Pieces<'a>,
    frames: Option<OutputFrames>,
    position: u64,
}

impl FramedOutput<'_> {
    /// The next frame; `None` at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<OutputFrame>> {
        loop {
            if let Some(frames) = &mut self.frames
                && let Some(frame) = frames.next_frame()?
            {
                return Ok(Some(frame));
            }
            let Some(piece) = self.output.next().await? else { return Ok(None) };
            let Some(frames) = &mut self.frames else {
                let bytes = piece.as_ref().to_vec();
                self.position += bytes.len() as u64;
                let (kind, end) = (FrameKind::Output, self.position);
                return Ok(Some(OutputFrame { kind, end, bytes }));
            };
            // Pieces end anywhere, so a piece may complete no frame or several.
            frames.push(piece.as_ref());
        }
    }
}
