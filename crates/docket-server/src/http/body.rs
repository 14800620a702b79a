//! Reads a posted body within its bounds: one specification, or an array of them.

use std::{collections::HashMap, fmt, time::Duration};

use actix_web::{
    HttpRequest,
    http::header,
    web::{self, Bytes, BytesMut},
};
use docket_model::{
    AllocationName, FieldPath, Finding, Reported, Specification, StrictJson, Within,
    allocation::Read, container::UnknownOptions, finding::Step, text,
};
use futures_util::StreamExt;
use serde::de::{DeserializeOwned, DeserializeSeed as _, Deserializer as _, SeqAccess, Visitor};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};

use super::{
    error::{ApiError, SizeLimit},
    limits::{LimitError, Limits, Reservation, on_own_thread},
};

/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(300);
/// How long a body may stop arriving: what came of it takes room that others need.
const STALL: Duration = Duration::from_secs(30);
/// The maximum size of the body of [`read_json`], in bytes.
const MAX_OBJECT: usize = 1 << 20;
/// Bodies larger than this are read beside the threads that answer requests.
const LARGE: usize = 64 << 10;

/// A body that arrived.
pub(super) struct Body {
    pub(super) bytes: Bytes,
    /// What it takes of the budget of all bodies.
    room: Reservation,
}

/// What was posted.
pub(super) struct Posted {
    pub(super) read: Vec<Read>,
    /// True where an array was posted.
    pub(super) several: bool,
    /// What it takes of the budget of all bodies, and a large one of those that are parsed at once.
    _held: (Reservation, Option<OwnedSemaphorePermit>),
}

/// Reads what was posted, if it says that it is JSON. A large body waits for the `turn` that its
/// request gives it, and has it until all that was posted is dropped.
pub(super) async fn read(
    request: &HttpRequest,
    payload: web::Payload,
    limits: &Limits,
    most_bytes: usize,
    options: UnknownOptions,
    turn: impl Future<Output = Result<OwnedSemaphorePermit, LimitError>>,
) -> Result<Posted, ApiError> {
    let body = bytes(request, payload, limits, SizeLimit::MaxBody(most_bytes)).await?;
    if body.bytes.len() <= LARGE {
        return parse(body, None, options);
    }
    let turn = turn.await?;
    // What a request takes is given back when the parser is done, also where nobody waits for it.
    on_own_thread(move || parse(body, Some(turn), options)).await?
}

/// Takes in a body that says that it is JSON, or is empty, within its bounds.
pub(super) async fn bytes(
    request: &HttpRequest,
    payload: web::Payload,
    limits: &Limits,
    limit: SizeLimit,
) -> Result<Body, ApiError> {
    if !says_one_of(request, &["application/json"]) {
        return Err(ApiError::NotJson);
    }
    arrived(request, payload, limits, limit).await
}

/// Reads a JSON object with the fields of `T`. An empty body is an empty object.
pub(super) async fn read_json<T: DeserializeOwned + Default>(
    limits: &Limits,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<T, ApiError> {
    let body = bytes(request, payload, limits, SizeLimit::Endpoint(MAX_OBJECT)).await?;
    let text = body.text()?;
    match text.bytes().find(|byte| !byte.is_ascii_whitespace()) {
        None => return Ok(T::default()),
        Some(b'{') => {}
        // Its fields could be read from an array too, in their order.
        Some(_) => return Err(ApiError::BadRequest("the body is not a JSON object".to_owned())),
    }
    serde_json::from_str(text).map_err(|error| ApiError::BadRequest(error.to_string()))
}

/// Takes in a body that says that it is YAML or JSON, within its bounds.
pub(super) async fn document(
    request: &HttpRequest,
    payload: web::Payload,
    limits: &Limits,
    limit: SizeLimit,
) -> Result<Body, ApiError> {
    if !says_one_of(request, &["application/yaml", "application/json"]) {
        return Err(ApiError::NotYaml);
    }
    arrived(request, payload, limits, limit).await
}

impl Body {
    /// The body as text, without a byte order mark.
    pub(super) fn text(&self) -> Result<&str, ApiError> {
        text::decode(&self.bytes)
            .map_err(|error| ApiError::BadRequest(format!("the body has an error in {error}")))
    }
}

/// A page of another origin cannot send these kinds without being asked about first.
fn says_one_of(request: &HttpRequest, kinds: &[&str]) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    kinds.iter().any(|kind| essence.eq_ignore_ascii_case(kind))
}

async fn arrived(
    request: &HttpRequest,
    mut payload: web::Payload,
    limits: &Limits,
    limit: SizeLimit,
) -> Result<Body, ApiError> {
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit.bytes()) {
        return Err(ApiError::TooLarge(limit));
    }
    let mut room = limits.body()?;
    let mut bytes = BytesMut::new();
    let end = Instant::now() + ARRIVAL;
    loop {
        let next = timeout_at(end.min(Instant::now() + STALL), payload.next()).await;
        let Some(piece) = next.map_err(|_| ApiError::TooSlow)? else { break };
        let piece = piece.map_err(|error| ApiError::Undecodable(error.to_string()))?;
        if bytes.len() + piece.len() > limit.bytes() {
            return Err(ApiError::TooLarge(limit));
        }
        // Counted as it arrives: what is only announced takes no room from others.
        room.grow(piece.len())?;
        bytes.extend_from_slice(&piece);
    }
    Ok(Body { bytes: bytes.freeze(), room })
}

fn parse(
    Body { bytes, room }: Body,
    turn: Option<OwnedSemaphorePermit>,
    options: UnknownOptions,
) -> Result<Posted, ApiError> {
    let text = text::decode(&bytes).map_err(|error| ApiError::Undecodable(format!("{error}")))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let first = text.bytes().find(|byte| !byte.is_ascii_whitespace());
    let mut collected = Collected { options, ..Collected::default() };
    let several = first == Some(b'[');
    let read = if several {
        deserializer.deserialize_seq(&mut collected)
    } else {
        Within::ALLOCATION
            .deserialize(&mut deserializer)
            .map(|StrictJson(value)| collected.add(0, value, &FieldPath::default()))
    };
    let ended = read.and_then(|()| deserializer.end());
    ended.map_err(|error| ApiError::Undecodable(error.to_string()))?;
    let Collected { read, errors, .. } = collected;
    if errors.is_empty() {
        Ok(Posted { read, several, _held: (room, turn) })
    } else {
        Err(ApiError::Invalid(errors))
    }
}

/// Makes each element a specification as it comes, so that never two trees of values are in memory.
#[derive(Default)]
struct Collected {
    options: UnknownOptions,
    /// Those without an error, while there is none in any.
    read: Vec<Read>,
    /// Where each name stands in the array.
    names: HashMap<AllocationName, usize>,
    errors: Reported<Finding>,
}

impl Collected {
    fn add(&mut self, index: usize, value: serde_json::Value, at: &FieldPath) {
        match Specification::read(value, at, self.options) {
            Ok(read) => {
                self.note_twice(index, &read.specification.name);
                self.read.push(read);
            }
            Err(errors) => self.errors.extend(errors),
        }
        if !self.errors.is_empty() {
            // Nothing will be stored, so only the names still matter.
            self.read = Vec::new();
        }
    }

    /// Notes a name that stands in the array already.
    fn note_twice(&mut self, index: usize, name: &AllocationName) {
        let first = *self.names.entry(name.clone()).or_insert(index);
        if first != index {
            let field = FieldPath(vec![Step::Index(index), Step::Key("Name".to_owned())]);
            let message = format!("duplicate name `{name}`, which [{first}] has as well");
            self.errors.add(Finding::new(field, message));
        }
    }
}

impl<'de> Visitor<'de> for &mut Collected {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of allocations")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(StrictJson(value)) = elements.next_element_seed(Within::ALLOCATION)? {
            self.add(index, value, &FieldPath(vec![Step::Index(index)]));
            index += 1;
        }
        Ok(())
    }
}
