//! Sends one request at a time, each over a new connection: for requests that are not measured.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use docket_stub_engine::http_framing::Message;

/// Longer than any single request of the benches takes.
const LIMIT: Duration = Duration::from_secs(60);

/// Asks, and returns the status of the answer.
pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Result<u16> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    // The server closes the connection, so the end of the answer is the end of the stream.
    stream.write_all(&request(method, path, address, body, "Connection: close\r\n"))?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let message = Message::read(&answer)?.context("the answer ended before its end")?;
    message.status().context("the answer has no status")
}

/// Posts a body, and fails unless it was accepted.
pub(crate) fn post(address: SocketAddr, body: &str) -> Result<()> {
    match ask(address, "POST", "/", body).context("cannot post")? {
        200 => Ok(()),
        status => bail!("the server refused the allocations with status {status}"),
    }
}

/// A request as it goes over the wire.
pub(crate) fn request(
    method: &str,
    path: &str,
    host: impl std::fmt::Display,
    body: &str,
    headers: &str,
) -> Vec<u8> {
    let length = body.len();
    // Without a body there is no length: a GET has neither.
    let framing = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Type: application/json\r\nContent-Length: {length}\r\n")
    };
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{framing}{headers}\r\n{body}").into_bytes()
}
