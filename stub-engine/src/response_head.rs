//! The head of an answer, and the framing of its body, as HTTP/1.1 writes them.

use crate::answer_bodies::API_VERSION;

/// Writes the head of an answer whose body is `length` bytes, or chunks where there is none.
pub(crate) fn push_head(
    buffer: &mut Vec<u8>,
    status: u16,
    content_type: &str,
    length: Option<usize>,
) {
    let reason = match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        409 => "Conflict",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unspecified",
    };
    let framing = match length {
        // An answer of these two has no body and may not give a length.
        _ if status == 204 || status == 304 => String::new(),
        Some(length) => format!("Content-Type: {content_type}\r\nContent-Length: {length}\r\n"),
        None => format!("Content-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n"),
    };
    let head = format!("HTTP/1.1 {status} {reason}\r\nApi-Version: {API_VERSION}\r\n{framing}\r\n");
    buffer.extend_from_slice(head.as_bytes());
}

/// Writes a chunk; nothing for an empty one, which would end the body.
pub(crate) fn push_chunk(buffer: &mut Vec<u8>, body: &[u8]) {
    if !body.is_empty() {
        buffer.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
        buffer.extend_from_slice(body);
        buffer.extend_from_slice(b"\r\n");
    }
}

/// Writes a chunk and the end of the body.
pub(crate) fn push_last_chunk(buffer: &mut Vec<u8>, body: &[u8]) {
    push_chunk(buffer, body);
    buffer.extend_from_slice(b"0\r\n\r\n");
}
