//! The query of a request, read so that what is wrong in it is told with its key and value.

use std::{
    fmt::Display,
    future::{Ready, ready},
    ops::RangeInclusive,
    str::FromStr,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use docket_model::finding::nearest;
use serde::{Deserialize, Deserializer, de::Error};
use utoipa::IntoParams;

use super::error::ApiError;

/// What a query asks for.
pub(super) struct Query<T>(pub(super) T);

impl<T> FromRequest for Query<T>
where
    T: for<'de> Deserialize<'de> + IntoParams,
{
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = request.query_string();
        let read = serde_urlencoded::from_str(query).map(Self);
        ready(
            read.map_err(|error| {
                unreadable::<T>(query).unwrap_or_else(|| wrong(error.to_string()))
            }),
        )
    }
}

/// What is wrong in a query; nothing where only the whole of it is.
fn unreadable<T>(query: &str) -> Option<ApiError>
where
    T: for<'de> Deserialize<'de> + IntoParams,
{
    let parameters = T::into_params(|| None);
    let keys: Vec<_> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).ok()?;
    for (index, (key, value)) in pairs.iter().enumerate() {
        if !keys.contains(&key.as_str()) {
            return Some(unknown(key, &keys));
        }
        if pairs.iter().take(index).any(|(before, _)| before == key) {
            return Some(wrong(format!("`{key}` stands twice in this query")));
        }
        // The reader of a whole query does not tell where it stopped, but each key can do alone.
        let alone = serde_urlencoded::to_string([(key, value)]).ok()?;
        if let Err(error) = serde_urlencoded::from_str::<T>(&alone) {
            return Some(wrong(format!("{key}: {error}")));
        }
    }
    None
}

/// A key that means nothing, with the nearest one or all that there are.
pub(super) fn unknown(key: &str, keys: &[&str]) -> ApiError {
    let near = nearest(key, keys.iter().copied()).map(|near| format!(": did you mean `{near}`?"));
    let rest = near.unwrap_or_else(|| format!(": write {}", keys.join(", ")));
    wrong(format!("`{key}` does not stand in this query{rest}"))
}

fn wrong(message: String) -> ApiError {
    ApiError::BadQuery(message)
}

/// Reads `true` or `false`.
pub(super) fn flag<'de, D, B>(deserializer: D) -> Result<B, D::Error>
where
    D: Deserializer<'de>,
    B: From<bool>,
{
    let text = String::deserialize(deserializer)?;
    let flag = text.parse::<bool>().map(B::from);
    flag.map_err(|_| D::Error::custom(format!("`{text}` is neither `true` nor `false`")))
}

/// Reads a number of a query, and names it where it is none of the range.
pub(super) fn number<N>(name: &str, text: &str, range: RangeInclusive<N>) -> Result<N, ApiError>
where
    N: FromStr + PartialOrd + Display,
{
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let (least, most) = range.into_inner();
        ApiError::BadQuery(format!("{name}: `{text}` is no number from {least} to {most}"))
    })
}
