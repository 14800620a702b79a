//! The framing of HTTP/1.1: where a message ends. What a message means is not known here.
//!
//! Shared by the stub engine, which reads requests, and the load, which reads answers. Both stand
//! beside the server under test on the same cores, so only what the framing needs is read.

use std::borrow::Cow;

use thiserror::Error;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";
const END_OF_LINE: &[u8] = b"\r\n";

/// Bytes that are no HTTP/1.1 message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an HTTP/1.1 message")]
pub struct Malformed;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
}

/// One whole message at the beginning of a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// The request line, or the status line of an answer.
    pub start_line: &'a str,
    /// How many bytes of the buffer it takes.
    pub length: usize,
    /// Whether its sender closes the connection after it.
    pub closes: bool,
    framed: &'a [u8],
    framing: Framing,
}

impl<'a> Message<'a> {
    /// Reads the message at the beginning of `buffer`; `None` if it is not all there yet.
    ///
    /// A message that gives no length has no body.
    pub fn read(buffer: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let Some(end) = position(buffer, END_OF_HEAD) else {
            return Ok(None);
        };
        let (head, rest) = buffer.split_at(end);
        let rest = rest.get(END_OF_HEAD.len()..).unwrap_or_default();
        let head = std::str::from_utf8(head).map_err(|_| Malformed)?;
        let mut lines = head.split("\r\n");
        let start_line = lines.next().unwrap_or_default();
        let (framing, closes) = framing(lines)?;
        let body_length = match framing {
            Framing::Length(length) => (rest.len() >= length).then_some(length),
            Framing::Chunked => Chunks(rest).end()?,
        };
        Ok(body_length.map(|body_length| Self {
            start_line,
            length: end + END_OF_HEAD.len() + body_length,
            closes,
            framed: rest.get(..body_length).unwrap_or_default(),
            framing,
        }))
    }

    /// The body, its chunks joined.
    #[must_use]
    pub fn body(&self) -> Cow<'a, [u8]> {
        match self.framing {
            Framing::Length(_) => Cow::Borrowed(self.framed),
            Framing::Chunked => {
                // `read` has already seen each chunk to its end.
                let chunks = Chunks(self.framed).map_while(Result::ok).flatten();
                Cow::Owned(chunks.collect::<Vec<_>>().concat())
            }
        }
    }

    /// The status of an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.start_line.split(' ').nth(1)?.parse().ok()
    }
}

fn framing<'a>(lines: impl Iterator<Item = &'a str>) -> Result<(Framing, bool), Malformed> {
    let mut framing = Framing::Length(0);
    let mut closes = false;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(Malformed)?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            framing = Framing::Length(value.parse().map_err(|_| Malformed)?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            // A later header replaces an earlier one; no sender here sends both.
            framing = Framing::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.eq_ignore_ascii_case("close");
        }
    }
    Ok((framing, closes))
}

/// The chunks of a chunked body. `None` is a chunk that is not all there yet.
struct Chunks<'a>(&'a [u8]);

impl Chunks<'_> {
    /// How long the body is with its last chunk; `None` if it is not all there yet.
    fn end(mut self) -> Result<Option<usize>, Malformed> {
        let whole = self.0.len();
        while let Some(chunk) = self.next() {
            match chunk? {
                None => return Ok(None),
                Some([]) => return Ok(Some(whole - self.0.len())),
                Some(_) => {}
            }
        }
        Ok(None)
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Option<&'a [u8]>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(end) = position(self.0, END_OF_LINE) else {
            return (!self.0.is_empty()).then_some(Ok(None));
        };
        let size = std::str::from_utf8(&self.0[..end])
            .ok()
            .and_then(|line| line.split(';').next())
            .and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let Some(size) = size else {
            return Some(Err(Malformed));
        };
        let start = end + END_OF_LINE.len();
        let chunk = self.0.get(start..).and_then(|rest| rest.get(..size));
        // The line break after a chunk belongs to it: without it the chunk is not complete.
        let rest = chunk.and_then(|_| self.0.get(start + size + END_OF_LINE.len()..));
        match (chunk, rest) {
            (Some(chunk), Some(rest)) => {
                self.0 = rest;
                Some(Ok(Some(chunk)))
            }
            _ => Some(Ok(None)),
        }
    }
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_where_its_length_says() {
        let buffer = b"POST / HTTP/1.1\r\ncontent-LENGTH: 4\r\n\r\nbodyGET / HTTP/1.1\r\n\r\n";

        let message = Message::read(buffer).unwrap().unwrap();

        assert_eq!(message.start_line, "POST / HTTP/1.1");
        assert_eq!(message.body().as_ref(), b"body");
        assert!(buffer[message.length..].starts_with(b"GET"));
    }

    #[test]
    fn chunks_are_joined_and_end_with_the_empty_one() {
        let buffer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\nnext";

        let message = Message::read(buffer).unwrap().unwrap();

        assert_eq!(message.status(), Some(200));
        assert_eq!(message.body().as_ref(), b"abc0123456789");
        assert_eq!(&buffer[message.length..], b"next");
    }

    #[test]
    fn no_beginning_of_a_message_is_a_message() {
        for whole in [
            &b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ] {
            for end in 0..whole.len() {
                assert_eq!(Message::read(&whole[..end]), Ok(None), "{end}");
            }
            assert!(Message::read(whole).unwrap().is_some());
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for buffer in [
            &b"GET / HTTP/1.1\r\nno colon\r\n\r\n"[..],
            b"GET / HTTP/1.1\r\nContent-Length: four\r\n\r\n",
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        ] {
            assert_eq!(Message::read(buffer), Err(Malformed));
        }
    }
}
