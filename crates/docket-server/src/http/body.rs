//! Reads a posted body within its bounds: one specification, or an array of them.

use std::{collections::HashMap, fmt, time::Duration};

use actix_web::{
    HttpRequest,
    http::header,
    web::{self, Bytes},
};
use docket_model::{
    FieldPath, Mistake, Specification, StrictJson, allocation::Read, container::UnknownOptions,
    mistake::Step,
};
use serde::de::{Deserializer as _, SeqAccess, Visitor};

use super::error::ApiError;

/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(300);
/// Bodies larger than this are read beside the threads that answer requests.
const LARGE: usize = 64 << 10;

/// What was posted.
pub(super) struct Posted {
    pub(super) read: Vec<Read>,
    /// True where an array was posted.
    pub(super) several: bool,
}

/// Reads what was posted, if it says that it is JSON.
pub(super) async fn read(
    request: &HttpRequest,
    payload: web::Payload,
    most_bytes: usize,
    options: UnknownOptions,
) -> Result<Posted, ApiError> {
    let bytes = bytes(request, payload, most_bytes).await?;
    if bytes.len() <= LARGE {
        return parse(&bytes, options);
    }
    let parsed = web::block(move || parse(&bytes, options)).await;
    parsed.map_err(|error| ApiError::Internal(error.to_string()))?
}

/// Takes in a body that says that it is JSON, or is empty, within its bounds.
pub(super) async fn bytes(
    request: &HttpRequest,
    payload: web::Payload,
    most_bytes: usize,
) -> Result<Bytes, ApiError> {
    if !says_one_of(request, &["application/json"]) {
        return Err(ApiError::NotJson);
    }
    arrived(request, payload, most_bytes).await
}

/// Takes in a text that says that it is YAML or JSON, within its bounds.
pub(super) async fn text(
    request: &HttpRequest,
    payload: web::Payload,
    most_bytes: usize,
) -> Result<String, ApiError> {
    if !says_one_of(request, &["application/yaml", "application/json"]) {
        return Err(ApiError::NotYaml);
    }
    let bytes = arrived(request, payload, most_bytes).await?;
    String::from_utf8(bytes.into()).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        ApiError::BadRequest(format!("the body is no UTF-8 text from byte {place} on"))
    })
}

/// A page of another origin cannot send these kinds without being asked about first.
fn says_one_of(request: &HttpRequest, kinds: &[&str]) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    kinds.iter().any(|kind| essence.eq_ignore_ascii_case(kind))
}

async fn arrived(
    request: &HttpRequest,
    payload: web::Payload,
    most_bytes: usize,
) -> Result<Bytes, ApiError> {
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > most_bytes) {
        return Err(ApiError::TooLarge(most_bytes));
    }
    let arrived = tokio::time::timeout(ARRIVAL, payload.to_bytes_limited(most_bytes)).await;
    match arrived {
        Err(_) => Err(ApiError::TooSlow),
        Ok(Err(_)) => Err(ApiError::TooLarge(most_bytes)),
        Ok(Ok(Err(error))) => Err(ApiError::Undecodable(error.to_string())),
        Ok(Ok(Ok(bytes))) => Ok(bytes),
    }
}

fn parse(bytes: &Bytes, options: UnknownOptions) -> Result<Posted, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let mut collected = Collected { options, ..Collected::default() };
    let several = first == Some(&b'[');
    let read = if several {
        deserializer.deserialize_seq(&mut collected)
    } else {
        serde::Deserialize::deserialize(&mut deserializer)
            .map(|StrictJson(value)| collected.add(0, value, &FieldPath::default()))
    };
    let ended = read.and_then(|()| deserializer.end());
    ended.map_err(|error| ApiError::Undecodable(error.to_string()))?;
    let Collected { read, mut mistakes, .. } = collected;
    mistakes.extend(twice(&read));
    if mistakes.is_empty() {
        let read = read.into_iter().map(|(_, read)| read).collect();
        Ok(Posted { read, several })
    } else {
        Err(ApiError::Mistaken(mistakes))
    }
}

/// Names that stand in an array more than once.
fn twice(read: &[(usize, Read)]) -> Vec<Mistake> {
    let mut seen = HashMap::new();
    let mut mistakes = Vec::new();
    for (index, Read { specification: Specification { name, .. }, .. }) in read {
        let first = *seen.entry(name).or_insert(*index);
        if first != *index {
            let field = FieldPath(vec![Step::Index(*index), Step::Key("Name".to_owned())]);
            let message = format!("`{name}` is given twice: it stands at [{first}] already");
            mistakes.push(Mistake::new(field, message));
        }
    }
    mistakes
}

/// Makes each element a specification as it comes, so that never two trees of values are in memory.
#[derive(Default)]
struct Collected {
    options: UnknownOptions,
    /// Each with its place in the array.
    read: Vec<(usize, Read)>,
    mistakes: Vec<Mistake>,
}

impl Collected {
    fn add(&mut self, index: usize, value: serde_json::Value, at: &FieldPath) {
        match Specification::read(value, at, self.options) {
            Ok(read) => self.read.push((index, read)),
            Err(mistakes) => self.mistakes.extend(mistakes),
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
        while let Some(StrictJson(value)) = elements.next_element()? {
            self.add(index, value, &FieldPath(vec![Step::Index(index)]));
            index += 1;
        }
        Ok(())
    }
}
