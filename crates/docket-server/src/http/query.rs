//! Reads the query of a request. Errors name the key and the value.

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{HeaderName, LINK},
};
use docket_model::finding::nearest;
use serde::{Deserialize, Deserializer, de::Error};
use utoipa::IntoParams;

use super::error::ApiError;

/// The parameters of a query.
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
        // Only after an error: parameters of valid requests are read once.
        ready(read.map_err(|error| invalid::<T>(query).unwrap_or_else(|| wrong(error.to_string()))))
    }
}

/// The error of one parameter, if one is invalid by itself.
fn invalid<T>(query: &str) -> Option<ApiError>
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
            return Some(wrong(format!("`{key}` is given twice")));
        }
        // The error for a whole query does not name the key, so each parameter is read alone.
        let alone = serde_urlencoded::to_string([(key, value)]).ok()?;
        if let Err(error) = serde_urlencoded::from_str::<T>(&alone) {
            return Some(wrong(format!("{key}: {error}")));
        }
    }
    None
}

/// The error for an unknown key, with the nearest key or all keys.
pub(super) fn unknown(key: &str, keys: &[&str]) -> ApiError {
    let near = nearest(key, keys.iter().copied()).map(|near| format!(": did you mean `{near}`?"));
    let rest = near.unwrap_or_else(|| format!(": write {}", keys.join(", ")));
    wrong(format!("unknown parameter `{key}`{rest}"))
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

/// Reads a number from `LEAST` to `MOST`.
// Constants, because `deserialize_with` takes the path of a function and no values.
pub(super) fn number<'de, D, N, const LEAST: u64, const MOST: u64>(
    deserializer: D,
) -> Result<Option<N>, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<u64>,
{
    let text = String::deserialize(deserializer)?;
    within(&text, LEAST, MOST).map(Some).map_err(D::Error::custom)
}

/// A number in a text, or what is wrong with it.
pub(super) fn within<N: TryFrom<u64>>(text: &str, least: u64, most: u64) -> Result<N, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    let number = number.and_then(|number| number.try_into().ok());
    number.ok_or_else(|| format!("`{text}` is not a number from {least} to {most}"))
}

/// The header that leads to the next page.
pub(super) fn next_page(
    path: &str,
    query: impl Iterator<Item = (&'static str, String)>,
) -> Result<(HeaderName, String), ApiError> {
    let query = serde_urlencoded::to_string(query.collect::<Vec<_>>());
    let query = query.map_err(ApiError::internal)?;
    // Relative: the server does not know the address that a proxy shows to clients.
    Ok((LINK, format!("<{path}?{query}>; rel=\"next\"")))
}
