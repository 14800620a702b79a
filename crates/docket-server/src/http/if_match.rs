//! Revisions as entity tags, which guard against lost updates.
//!
//! The tag identifies the specification: it changes with each push that changes anything, but not with
//! runs or manual suspensions, which are in `Status` and `Logs`.

use actix_web::{
    HttpRequest,
    http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH},
};

use super::error::ApiError;
use crate::store::Condition;

/// True if the client has this revision already.
pub(super) fn is_known(request: &HttpRequest, revision: u64) -> Result<bool, ApiError> {
    Ok(match tags(request, &IF_NONE_MATCH)? {
        None => false,
        Some(Tags::Any) => true,
        Some(Tags::Some(revisions)) => revisions.contains(&revision),
    })
}

/// The condition of a change.
pub(super) fn read(request: &HttpRequest) -> Result<Condition, ApiError> {
    match (tags(request, &IF_MATCH)?, tags(request, &IF_NONE_MATCH)?) {
        (None, None) => Ok(Condition::Nothing),
        (Some(Tags::Any), None) => Ok(Condition::Present),
        (Some(Tags::Some(revisions)), None) => Ok(Condition::Revision(revisions)),
        (None, Some(Tags::Any)) => Ok(Condition::Absent),
        (None, Some(Tags::Some(_))) => Err(ApiError::BadCondition(
            "If-None-Match: a change accepts only `*`, which creates and does not replace"
                .to_owned(),
        )),
        (Some(_), Some(_)) => Err(ApiError::BadCondition(
            "send either `If-Match` to change a known revision or `If-None-Match: *` to create"
                .to_owned(),
        )),
    }
}

/// The tags in a header.
#[derive(Debug, PartialEq, Eq)]
enum Tags {
    Any,
    Some(Vec<u64>),
}

/// Reads the tags of a header, if it is present. A tag that is not a number matches nothing. A tag that a
/// proxy made weak counts too, because it means the specification.
fn tags(request: &HttpRequest, name: &HeaderName) -> Result<Option<Tags>, ApiError> {
    let mut revisions = None;
    // A list may come in several headers of the name.
    for value in request.headers().get_all(name) {
        // Not skipped: the condition must not become weaker than the client meant it.
        let value = value.to_str().unwrap_or("?");
        if value.trim() == "*" {
            return Ok(Some(Tags::Any));
        }
        let revisions = revisions.get_or_insert_with(Vec::new);
        for tag in value.split(',').map(str::trim) {
            let opaque = tag.strip_prefix("W/").unwrap_or(tag);
            let inner = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            let inner = inner.ok_or_else(|| {
                let name = if *name == IF_MATCH { "If-Match" } else { "If-None-Match" };
                ApiError::BadCondition(format!(
                    "{name}: `{tag}` is not an entity tag: send the value of `ETag` with its quotes, \
                     such as `\"7\"`"
                ))
            })?;
            // If no tag is a number the list stays empty: the condition fails instead of being
            // ignored.
            revisions.extend(inner.parse::<u64>());
        }
    }
    Ok(revisions.map(Tags::Some))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request(headers: &[(&'static str, &'static str)]) -> HttpRequest {
        let request = headers
            .iter()
            .fold(TestRequest::default(), |request, header| request.append_header(*header));
        request.to_http_request()
    }

    #[test]
    fn conditions_are_read() {
        let cases = [
            (vec![], Condition::Nothing),
            (vec![("if-match", "*")], Condition::Present),
            (vec![("if-match", "\"7\"")], Condition::Revision(vec![7])),
            (vec![("if-match", "\"7\", W/\"8\", \"x\"")], Condition::Revision(vec![7, 8])),
            (vec![("if-match", "\"7\""), ("if-match", "\"9\"")], Condition::Revision(vec![7, 9])),
            (vec![("if-none-match", "*")], Condition::Absent),
        ];
        for (headers, expected) in cases {
            assert_eq!(read(&request(&headers)).unwrap(), expected, "{headers:?}");
        }
    }

    #[test]
    fn invalid_conditions_are_rejected_with_a_remedy() {
        let cases = [
            (vec![("if-match", "7")], "If-Match: `7` is not an entity tag"),
            (vec![("if-none-match", "\"7\"")], "If-None-Match: a change accepts only `*`"),
            (vec![("if-match", "*"), ("if-none-match", "*")], "send either `If-Match` to change"),
        ];
        for (headers, expected) in cases {
            let error = read(&request(&headers)).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
