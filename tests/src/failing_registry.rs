//! What answers where a registry should be: each repository fails in its own way.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
};

/// How a pull of a repository goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The registry allows no more pulls for now.
    RateLimit,
    /// The registry wants a login.
    LoginRequired,
    /// The registry denies access.
    Denied,
    /// The registry is out of order.
    Unavailable,
    /// The registry has no such image.
    NoSuchImage,
    /// A login page for people answers in place of a registry.
    LoginPage,
    /// The image exists for s390x alone.
    OtherPlatform,
}

const IMAGE_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

impl Failure {
    /// The name of the repository that fails so.
    fn repository(self) -> &'static str {
        match self {
            Self::RateLimit => "limited",
            Self::LoginRequired => "private",
            Self::Denied => "secret",
            Self::Unavailable => "down",
            Self::NoSuchImage => "missing",
            Self::LoginPage => "page",
            Self::OtherPlatform => "mainframe",
        }
    }

    fn all() -> [Self; 7] {
        use Failure as F;
        [
            F::RateLimit,
            F::LoginRequired,
            F::Denied,
            F::Unavailable,
            F::NoSuchImage,
            F::LoginPage,
            F::OtherPlatform,
        ]
    }

    /// Status, content type and body of an answer.
    fn answer(self) -> (&'static str, &'static str, String) {
        let error = |code: &str, message: &str| {
            format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#)
        };
        let json = "application/json";
        match self {
            Self::RateLimit => (
                "429 Too Many Requests",
                json,
                error("TOOMANYREQUESTS", "You have reached your pull rate limit."),
            ),
            Self::LoginRequired => {
                ("401 Unauthorized", json, error("UNAUTHORIZED", "authentication required"))
            }
            Self::Denied => ("403 Forbidden", json, error("DENIED", "requested access is denied")),
            Self::Unavailable => {
                ("503 Service Unavailable", json, error("UNAVAILABLE", "maintenance"))
            }
            Self::NoSuchImage => {
                ("404 Not Found", json, error("MANIFEST_UNKNOWN", "manifest unknown"))
            }
            Self::LoginPage => ("200 OK", "text/html", "<html>Welcome! Log in.</html>".to_owned()),
            Self::OtherPlatform => {
                let digest = "0".repeat(64);
                let manifest = format!(
                    r#"{{"mediaType":"application/vnd.docker.distribution.manifest.v2+json",
                    "size":100,"digest":"sha256:{digest}",
                    "platform":{{"architecture":"s390x","os":"linux"}}}}"#
                );
                let index = format!(
                    r#"{{"schemaVersion":2,"mediaType":"{IMAGE_INDEX}","manifests":[{manifest}]}}"#
                );
                ("200 OK", IMAGE_INDEX, index)
            }
        }
    }
}

/// A registry on loopback, where Docker needs no TLS, from which nothing can be pulled.
pub struct FakeRegistry {
    port: u16,
}

impl FakeRegistry {
    /// Starts one, which ends with this process.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A thread for each connection, because Docker keeps them open.
                thread::spawn(move || serve(&stream.unwrap()));
            }
        });
        Self { port }
    }

    /// Its host and port, as in an image's name.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// An image whose pull fails so.
    pub fn image(&self, failure: Failure) -> String {
        format!("{}/{}/job:1", self.host(), failure.repository())
    }
}

/// Answers the requests of one connection.
fn serve(mut stream: &TcpStream) {
    let mut requests = BufReader::new(stream);
    while let Some(request) = read(&mut requests) {
        let is_head = request.starts_with("HEAD ");
        let failure = Failure::all()
            .into_iter()
            .find(|failure| request.contains(&format!(" /v2/{}/", failure.repository())));
        let (status, kind, body) = failure
            // Docker first requests `/v2/`, to see whether a registry is there at all.
            .map_or_else(|| ("200 OK", "application/json", "{}".to_owned()), Failure::answer);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        );
        // Docker asks for the digest of a manifest by HEAD, before it asks for the manifest.
        let body = if is_head { "" } else { &body };
        if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

/// The first line of the next request, none of which has a body.
fn read(requests: &mut impl BufRead) -> Option<String> {
    let mut first = String::new();
    requests.read_line(&mut first).ok().filter(|length| *length > 0)?;
    let mut line = first.clone();
    while !line.trim_end().is_empty() {
        line.clear();
        requests.read_line(&mut line).ok().filter(|length| *length > 0)?;
    }
    Some(first)
}
