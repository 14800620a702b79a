//! The author of a change, for the journal: the name in the request, or the address of the client.

use actix_web::HttpRequest;

use super::{error::ApiError, handler_state::Allocations, if_match};
use crate::store::ChangeContext;

/// The maximum length of the name of an author, in bytes: it is kept in the journal.
const MAX_NAME: usize = 256;

/// The author, time and condition of a change that is made now.
pub(super) fn context(
    allocations: &Allocations,
    request: &HttpRequest,
    by: Option<String>,
) -> Result<ChangeContext, ApiError> {
    let (by, only_if) = (author(request, by)?.into(), if_match::read(request)?);
    Ok(ChangeContext { at: allocations.clock.now(), by, only_if })
}

/// The author as named in the request, or else the address of the client.
pub(super) fn author(request: &HttpRequest, by: Option<String>) -> Result<String, ApiError> {
    let by = by.unwrap_or_else(|| sender(request));
    check_text("By", &by, MAX_NAME)?;
    Ok(by)
}

/// The address of the client.
pub(super) fn sender(request: &HttpRequest) -> String {
    match request.peer_addr() {
        Some(address) => address.ip().to_string(),
        None => "a local user".to_owned(),
    }
}

/// Rejects a text that is too long, or would not fit on one line of a log or terminal.
pub(super) fn check_text(key: &str, text: &str, most: usize) -> Result<(), ApiError> {
    let length = text.len();
    if length > most {
        return Err(ApiError::BadRequest(format!("{key}: {length} bytes; the maximum is {most}")));
    }
    // U+2028 and U+2029 are no control characters, but some programs break lines there.
    match text.chars().find(|char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}')) {
        Some(char) => Err(ApiError::BadRequest(format!(
            "{key}: line breaks and other control characters are not allowed: U+{:04X}",
            u32::from(char)
        ))),
        None => Ok(()),
    }
}
