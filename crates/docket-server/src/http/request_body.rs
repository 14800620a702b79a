//! Reads the body of a request within bounds of size, time and memory.

use std::{collections::HashMap, fmt, time::Duration};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header,
    web::{self, Bytes, BytesMut, Data},
};
use docket_model::{
    AllocationName, FieldPath, Finding, Reported, Specification, StrictJson, Within,
    allocation::Read, container::UnknownOptions, finding::Step, utf8_text,
};
use futures_util::{FutureExt as _, StreamExt, future::LocalBoxFuture};
use serde::de::{DeserializeOwned, DeserializeSeed as _, Deserializer as _, SeqAccess, Visitor};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};

use super::{
    error::{ApiError, SizeLimit},
    request_memory::{LimitError, Limits, Reservation, on_own_thread},
};

/// The maximum time until the whole body has arrived.
const ARRIVAL: Duration = Duration::from_secs(300);
/// The maximum time without progress: the part that has arrived uses memory that others need.
const STALL: Duration = Duration::from_secs(30);
/// The maximum size of a [`JsonBody`], in bytes.
const MAX_OBJECT: usize = 1 << 20;
/// Larger bodies are parsed on a thread of their own.
const LARGE: usize = 64 << 10;

/// A body that arrived.
pub(super) struct Body {
    pub(super) bytes: Bytes,
    reservation: Reservation,
}

/// The posted specifications.
pub(super) struct Posted {
    pub(super) read: Vec<Read>,
    /// True for an array.
    pub(super) several: bool,
    /// The memory of the body, and the permit to parse a large one.
    _held: (Reservation, Option<OwnedSemaphorePermit>),
}

/// Reads specifications in JSON. A large body waits for `turn`, and holds it until the result is dropped.
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
    // Memory and permit are released when the parser is done, even if the request has ended before.
    on_own_thread(move || parse(body, Some(turn), options)).await?
}

/// Receives a body with the content type JSON.
pub(super) async fn bytes(
    request: &HttpRequest,
    payload: web::Payload,
    limits: &Limits,
    limit: SizeLimit,
) -> Result<Body, ApiError> {
    if !has_content_type(request, &["application/json"]) {
        return Err(ApiError::NotJson);
    }
    receive(request, payload, limits, limit).await
}

/// A JSON object in the body of a request. An empty body is an empty object.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned + Default + 'static> FromRequest for JsonBody<T> {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let parts = <(Data<Limits>, web::Payload)>::from_request(request, payload);
        let request = request.clone();
        async move {
            let (limits, payload) = parts.await?;
            let body = bytes(&request, payload, &limits, SizeLimit::Endpoint(MAX_OBJECT)).await?;
            Ok(Self(parse_object(body.text()?)?))
        }
        .boxed_local()
    }
}

fn parse_object<T: DeserializeOwned + Default>(text: &str) -> Result<T, ApiError> {
    match text.bytes().find(|byte| !byte.is_ascii_whitespace()) {
        None => Ok(T::default()),
        Some(b'{') => {
            serde_json::from_str(text).map_err(|error| ApiError::BadRequest(error.to_string()))
        }
        // serde would read the fields from an array too, in their order.
        Some(_) => Err(ApiError::BadRequest("the body is not a JSON object".to_owned())),
    }
}

/// Receives a body with the content type YAML or JSON.
pub(super) async fn document(
    request: &HttpRequest,
    payload: web::Payload,
    limits: &Limits,
    limit: SizeLimit,
) -> Result<Body, ApiError> {
    if !has_content_type(request, &["application/yaml", "application/json"]) {
        return Err(ApiError::NotYaml);
    }
    receive(request, payload, limits, limit).await
}

impl Body {
    /// The body as text, without a byte order mark.
    pub(super) fn text(&self) -> Result<&str, ApiError> {
        utf8_text::decode(&self.bytes)
            .map_err(|error| ApiError::BadRequest(format!("the body has an error in {error}")))
    }
}

/// True if the request has one of these content types. A browser sends them from a page of another origin
/// only if the server allows it.
fn has_content_type(request: &HttpRequest, kinds: &[&str]) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    kinds.iter().any(|kind| essence.eq_ignore_ascii_case(kind))
}

async fn receive(
    request: &HttpRequest,
    mut payload: web::Payload,
    limits: &Limits,
    limit: SizeLimit,
) -> Result<Body, ApiError> {
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    // Saves the upload. The length may also be absent or wrong, so the loop checks it too.
    if declared.is_some_and(|length| length > limit.bytes()) {
        return Err(ApiError::TooLarge(limit));
    }
    let mut reservation = limits.body()?;
    let mut bytes = BytesMut::new();
    let end = Instant::now() + ARRIVAL;
    loop {
        // Both limits: a client that sends a byte in each 29 s would otherwise hold its memory
        // forever.
        let next = timeout_at(end.min(Instant::now() + STALL), payload.next()).await;
        let Some(piece) = next.map_err(|_| ApiError::TooSlow)? else { break };
        let piece = piece.map_err(|error| ApiError::Undecodable(error.to_string()))?;
        if bytes.len() + piece.len() > limit.bytes() {
            return Err(ApiError::TooLarge(limit));
        }
        // Reserved as it arrives: a body that is only announced takes no memory from others.
        reservation.grow(piece.len())?;
        bytes.extend_from_slice(&piece);
    }
    Ok(Body { bytes: bytes.freeze(), reservation })
}

fn parse(
    Body { bytes, reservation }: Body,
    turn: Option<OwnedSemaphorePermit>,
    options: UnknownOptions,
) -> Result<Posted, ApiError> {
    let text =
        utf8_text::decode(&bytes).map_err(|error| ApiError::Undecodable(error.to_string()))?;
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
    // Rejects whatever follows the first value.
    let ended = read.and_then(|()| deserializer.end());
    ended.map_err(|error| ApiError::Undecodable(error.to_string()))?;
    let Collected { read, errors, .. } = collected;
    if errors.is_empty() {
        Ok(Posted { read, several, _held: (reservation, turn) })
    } else {
        Err(ApiError::Invalid(errors))
    }
}

/// Reads each element of an array at once, so that only one tree of values is in memory.
#[derive(Default)]
struct Collected {
    options: UnknownOptions,
    /// Empty after an error in any element.
    read: Vec<Read>,
    /// The index of each name.
    names: HashMap<AllocationName, usize>,
    errors: Reported<Finding>,
}

impl Collected {
    fn add(&mut self, index: usize, value: serde_json::Value, at: &FieldPath) {
        match Specification::read(value, at, self.options) {
            Ok(read) => {
                self.check_duplicate(index, &read.specification.name);
                self.read.push(read);
            }
            Err(errors) => self.errors.extend(errors),
        }
        if !self.errors.is_empty() {
            // Nothing will be stored, so only the names still matter.
            self.read = Vec::new();
        }
    }

    /// Reports a name that an earlier element has.
    fn check_duplicate(&mut self, index: usize, name: &AllocationName) {
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
