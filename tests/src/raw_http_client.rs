//! A client for HTTP/1.1 that sends exactly what a test says, and shows exactly what came back.

use std::{
    fmt,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::Value;

/// No answer takes longer.
const BOUND: Duration = Duration::from_secs(180);

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A host and a port.
    Tcp(String),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl Address {
    /// Reads an address as the server announces it.
    pub fn parse(url: &str) -> Self {
        match url.strip_prefix("unix:") {
            Some(path) => Self::Unix(path.into()),
            None => Self::Tcp(url.split_once("://").map_or(url, |(_, host)| host).to_owned()),
        }
    }

    /// What a request names as its `Host`.
    pub fn host(&self) -> &str {
        match self {
            Self::Tcp(host) => host,
            Self::Unix(_) => "localhost",
        }
    }
}

/// A request that is being put together.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers, their names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without a body.
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.into(), path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// A `GET`.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A `POST` of JSON to `/`.
    pub fn post(body: impl fmt::Display) -> Self {
        Self::post_to("/", body)
    }

    /// A `POST` of JSON.
    pub fn post_to(path: &str, body: impl fmt::Display) -> Self {
        Self::new("POST", path).header("Content-Type", "application/json").body(body.to_string())
    }

    /// Adds a header; a `Host` takes the place of the address's.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the request and reads the answer to its end.
    pub fn send(&self, address: &Address) -> Reply {
        match address {
            Address::Tcp(host) => {
                let stream = TcpStream::connect(host).unwrap();
                stream.set_read_timeout(Some(BOUND)).unwrap();
                self.exchange(stream, address.host())
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path).unwrap();
                stream.set_read_timeout(Some(BOUND)).unwrap();
                self.exchange(stream, address.host())
            }
        }
    }

    /// Sends the request over TLS to a server that an authority vouches for.
    pub fn send_over_tls(&self, host: &str, authority: &Path) -> Reply {
        let mut trusted = RootCertStore::empty();
        trusted.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
        // Named, because the default depends on what other crates of the build enable.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(trusted).with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        self.exchange(StreamOwned::new(session, stream), host)
    }

    /// The head of the request as it is sent.
    pub fn head(&self, host: &str) -> Vec<u8> {
        let mut head = Vec::new();
        // The end of the connection is then the end of the answer.
        write!(head, "{} {} HTTP/1.1\r\nConnection: close\r\n", self.method, self.path).unwrap();
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            write!(head, "Host: {host}\r\n").unwrap();
        }
        if !self.body.is_empty() || self.method == "POST" {
            write!(head, "Content-Length: {}\r\n", self.body.len()).unwrap();
        }
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    fn exchange(&self, mut stream: impl Read + Write, host: &str) -> Reply {
        stream.write_all(&self.head(host)).unwrap();
        // A server may refuse a large body before it has read all of it.
        let _ = stream.write_all(&self.body);
        let mut bytes = Vec::new();
        match stream.read_to_end(&mut bytes) {
            // Whoever closes a connection over TLS may do without a word.
            Err(error)
                if ![ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof]
                    .contains(&error.kind()) =>
            {
                panic!("{error}")
            }
            _ => Reply::parse(&bytes, self.method == "HEAD"),
        }
    }
}

impl Reply {
    fn parse(bytes: &[u8], without_body: bool) -> Self {
        let end = find(bytes, b"\r\n\r\n").expect("an answer has a head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut reply = Self { status, headers, body: bytes[end + 4..].to_vec() };
        if !without_body && reply.header("transfer-encoding") == Some("chunked") {
            reply.body = joined_chunks(&reply.body);
        }
        reply
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body of an RFC 9457 problem: what went wrong in words.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        problem["detail"].as_str().expect("a problem has a detail").to_owned()
    }
}

fn find(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    bytes.windows(sought.len()).position(|window| window == sought)
}

fn joined_chunks(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = find(bytes, b"\r\n").expect("a chunk has a size");
        let size = std::str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 2 + size + 2..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_in_chunks_is_put_together() {
        let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";

        let reply = Reply::parse(bytes, false);

        assert_eq!((reply.status, reply.text().as_str()), (200, "abc0123456789"));
    }
}
