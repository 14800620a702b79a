//! `GET /-/events`: a stream of changes.
//!
//! 1. A client that sends the id of its last event misses none, or gets a `gap` first. The id is the number
//!    of the event in the store.
//! 2. A client that reads too slowly gets a `gap`, and its stream ends.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use docket_model::{
    AllocationName,
    journal::shown,
    run::StateWord,
    wire::{EventKind, GAP, Gap, RunEvent, RunRecord},
};

use super::{
    authentication::Authentication,
    error::ApiError,
    handler_state::{Allocations, ServerStatus},
    list_filter,
    openapi::{
        error_responses::{Asked, Crowded, Usual},
        parameters::{EventsQuery, LastEventId},
        stream_event::StreamEvent,
    },
    query, runs,
    sse::{self, Came, Feed, Pulse},
};
use crate::store::{Event, MOST_READERS, Missed, News, Reader};

/// The parameters of the query.
const KEYS: [&str; 5] = ["allocation", "label", "kind", "state", "since"];

/// The maximum number of parameters: they are compared with each event for each client.
const MAX_PARAMETERS: usize = 100;

/// `GET /-/events`: changes of runs, of allocations, and of the server.
#[utoipa::path(
    get, path = "/-/events", operation_id = "events", tag = "events",
    params(EventsQuery, LastEventId),
    responses(
        (
            status = 200,
            description = "Events without end: each of the type `run` with a run's record, `allocation` \
                           or `server` with an entry of the journal, or `gap` with a reason",
            body = StreamEvent, content_type = "text/event-stream",
        ),
        Asked, Crowded, Usual,
    ),
)]
pub(super) async fn follow(
    allocations: Data<Allocations>,
    status: Data<ServerStatus>,
    authentication: Data<Authentication>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let (filter, since) = Filter::read(request.query_string())?;
    let since = sse::last_id(&request).map(str::to_owned).or(since);
    let since = since.map(|id| id.parse::<u64>());
    // What is no number counts as one that no event has, so that its client gets a gap.
    let after = since.clone().map(|id| id.unwrap_or(u64::MAX));
    // Subscribed before anything is sent, so that no event falls between the client's last one and
    // the first of the stream.
    let read = allocations.store.subscribe().events(after);
    let (reader, missed) = read.map_err(|_| {
        ApiError::NotReady(format!("{MOST_READERS} clients follow events already: try again later"))
    })?;
    let reason = match (since, missed) {
        (Some(Err(_)), _) => Some("the id is not a number: reload everything".to_owned()),
        (_, Some(missed)) => Some(in_words(missed, status.started)),
        _ => None,
    };
    let mut following = Following {
        pulse: Pulse::new(authentication.end_of(request.headers())),
        reader,
        filter,
        is_over: false,
        opening: None,
    };
    let beginning = match reason {
        Some(reason) => following.gap(reason),
        None => sse::heartbeat(following.reader.last()),
    };
    following.opening = Some([sse::opening(), beginning].concat().into());
    Ok(sse::answer(following))
}

fn in_words(missed: Missed, started: DateTime<Utc>) -> String {
    match missed {
        Missed::Some(count) => {
            format!("not all of the {count} events since your last one are kept: reload everything")
        }
        Missed::BeforeStart => {
            format!("docket was restarted at {}: reload everything", shown(started))
        }
        Missed::NotYet => "this event has not happened yet: reload everything".to_owned(),
    }
}

/// The events that a client requested. An empty list matches all.
#[derive(Debug, Default)]
struct Filter {
    /// Events of one of these allocations.
    allocations: Vec<AllocationName>,
    /// Events of allocations with all of these labels.
    labels: Vec<String>,
    /// Events of one of these kinds.
    kinds: Vec<EventKind>,
    /// Events of runs that entered one of these states.
    states: Vec<StateWord>,
}

impl Filter {
    /// Reads a query: the filter, and the id of the last event that the client got.
    fn read(query: &str) -> Result<(Self, Option<String>), ApiError> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query)
            .map_err(|error| ApiError::BadQuery(error.to_string()))?;
        if pairs.len() > MAX_PARAMETERS {
            let message = format!("{} parameters are more than {MAX_PARAMETERS}", pairs.len());
            return Err(ApiError::BadQuery(message));
        }
        let (mut filter, mut since) = (Self::default(), None);
        for (key, value) in pairs {
            match key.as_str() {
                "allocation" => filter.allocations.push(allocation(&value)?),
                "label" => filter.labels.push(list_filter::label(value)?),
                "kind" => {
                    for word in value.split(',') {
                        filter.kinds.push(kind(word)?);
                    }
                }
                "state" => {
                    for word in value.split(',') {
                        filter.states.push(runs::state_word(word)?);
                    }
                }
                "since" => since = Some(value).filter(|id| !id.is_empty()),
                _ => return Err(query::unknown(&key, &KEYS)),
            }
        }
        Ok((filter, since))
    }

    fn matches(&self, event: &Event) -> bool {
        let is_kind = self.kinds.is_empty() || self.kinds.contains(&event.kind());
        let is_state = event.state().is_some_and(|state| self.states.contains(state));
        // Only runs have states, so the filter excludes all other events.
        if !self.states.is_empty() && !is_state {
            return false;
        }
        // An event of the whole server concerns each allocation.
        let Some(allocation) = event.allocation() else { return is_kind };
        let is_allocation = self.allocations.is_empty() || self.allocations.contains(allocation);
        let is_labelled = self.labels.is_empty()
            || event.has_labels(|labels| {
                self.labels.iter().all(|label| list_filter::is_labelled(labels, label))
            });
        is_kind && is_allocation && is_labelled
    }
}

fn allocation(value: &str) -> Result<AllocationName, ApiError> {
    AllocationName::parse(value).map_err(|error| ApiError::BadQuery(format!("allocation: {error}")))
}

fn kind(word: &str) -> Result<EventKind, ApiError> {
    let kind = EventKind::ALL.into_iter().find(|kind| kind.word() == word);
    kind.ok_or_else(|| {
        let words = EventKind::WORDS.join(", ");
        ApiError::BadQuery(format!("kind: `{word}` is not one of {words}"))
    })
}

/// A client and its filter.
struct Following {
    reader: Reader,
    filter: Filter,
    pulse: Pulse,
    opening: Option<Bytes>,
    is_over: bool,
}

impl Following {
    fn gap(&self, reason: String) -> Bytes {
        sse::event(Some(GAP), self.reader.last(), &Gap { reason })
    }

    /// An event, written once for all clients.
    fn event(event: &Event) -> Bytes {
        let (kind, id) = (event.kind().word(), event.number());
        event.bytes(|news| match news {
            News::Run(run, at) => {
                let (allocation, run) = (run.id.allocation.clone(), RunRecord::from(run.as_ref()));
                sse::event(Some(kind), id, &RunEvent { at: Some(*at), allocation, run })
            }
            News::Entry(entry) => sse::event(Some(kind), id, &**entry),
        })
    }

    /// The next bytes of the stream.
    async fn piece(&mut self) -> Option<Bytes> {
        if let Some(opening) = self.opening.take() {
            return Some(opening);
        }
        if self.is_over {
            return None;
        }
        // A client that is behind gets its events at once; one that has all lets some collect.
        if self.reader.has_all() {
            self.pulse.pace().await;
        }
        loop {
            match self.pulse.wait(self.reader.next()).await {
                Came::Some(Ok(event)) if self.filter.matches(&event) => {
                    return Some(Self::event(&event));
                }
                Came::Some(Ok(_)) => {}
                Came::Some(Err(_)) => {
                    self.is_over = true;
                    let reason = "the client reads too slowly and missed events: reconnect and reload \
                                  everything";
                    return Some(self.gap(reason.to_owned()));
                }
                Came::Nothing => return Some(sse::heartbeat(self.reader.last())),
                Came::TheEnd => return None,
            }
        }
    }
}

impl Feed for Following {
    async fn next(&mut self) -> Option<Bytes> {
        let piece = self.piece().await;
        self.pulse.beat();
        piece
    }
}
