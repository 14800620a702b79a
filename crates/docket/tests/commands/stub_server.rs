//! A stub server with responses of the test, which records requests.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::net::UnixListener,
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use assert_cmd::Command;
use docket_model::wire::{FrameKind, OUTPUT_FRAMES, output_frame};

/// A received request: `GET /foo`, its headers in lower case, its body.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

/// A response.
pub(crate) struct Answer {
    status: &'static str,
    headers: Vec<String>,
    body: Vec<u8>,
    ending: Ending,
}

/// What happens to the connection after a response.
enum Ending {
    /// The response is complete.
    Whole,
    /// The connection is closed in the middle of the body.
    Cut,
    /// The body does not end, but nothing more is sent.
    Held,
    /// There is no response.
    Silent,
}

/// An allocation as a server returns it.
pub(crate) const ALLOCATION: &str = r#"{"Name":"foo","Cron":"0 9 * * *","TimeZone":"Europe/Berlin",
    "Container":{"Config":{"Image":"busybox","Cmd":["echo","hello"]}},
    "Logs":["2026-11-20 09:00:00.000000000 +0100 CET, [Pulled busybox latest foo]"],
    "Status":{"Next":null,"TimeZone":"Europe/Berlin","Running":0,"LastRun":null,"Revision":7,
    "Origin":"api","Created":"2026-11-20T08:00:00Z"}}"#;

/// A stub server with its own address.
pub(crate) struct Stub {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// A response with status 200.
pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Answer {
    answer("200 OK", None, body)
}

/// A response with any status.
pub(crate) fn answer(
    status: &'static str,
    headers: impl IntoIterator<Item = String>,
    body: impl Into<Vec<u8>>,
) -> Answer {
    let headers = headers.into_iter().collect();
    Answer { status, headers, body: body.into(), ending: Ending::Whole }
}

/// An error in the form of RFC 9457.
pub(crate) fn problem(status: &'static str, detail: &str) -> Answer {
    let (code, title) = status.split_once(' ').unwrap();
    let body = format!(r#"{{"status":{code},"title":"{title}","detail":"{detail}"}}"#);
    answer(status, ["content-type: application/problem+json".to_owned()], body)
}

/// A followed output in frames.
pub(crate) fn frames(frames: &[(FrameKind, &str)]) -> Answer {
    let mut end = 0;
    let mut bytes = Vec::new();
    for (kind, text) in frames {
        end += if *kind == FrameKind::Record { 0 } else { text.len() as u64 };
        bytes.extend(output_frame(*kind, end, text.as_bytes()));
    }
    answer("200 OK", [format!("content-type: {OUTPUT_FRAMES}")], bytes)
}

/// A response that is cut off after these bytes.
pub(crate) fn cut(body: impl Into<Vec<u8>>) -> Answer {
    Answer { ending: Ending::Cut, ..ok(body) }
}

/// A response that has sent these bytes and continues.
pub(crate) fn held(body: impl Into<Vec<u8>>) -> Answer {
    Answer { ending: Ending::Held, ..ok(body) }
}

/// No response, as of a server that is stopping.
pub(crate) fn silent() -> Answer {
    Answer { ending: Ending::Silent, ..ok("") }
}

/// Sends responses in turn, and none after the last.
pub(crate) fn in_turn(
    answers: impl IntoIterator<Item = Answer>,
) -> impl Fn(&Request) -> Answer + Send + 'static {
    let answers = Mutex::new(answers.into_iter().collect::<VecDeque<_>>());
    move |request| match answers.lock().unwrap().pop_front() {
        Some(answer) => answer,
        None => panic!("{} was not expected", request.line),
    }
}

/// The run `foo/20261121T090000.123Z` in a state.
pub(crate) fn record(state: &str, more: &str) -> String {
    format!(
        r#"{{"Run":"20261121T090000.123Z","Allocation":"foo","Instant":"2026-11-21T09:00:00.123Z",
        "Trigger":"ByHand","By":"ann@db","State":"{state}","Decided":"2026-11-21T09:00:00.123Z",
        {more}}}"#
    )
}

/// That run while it is running.
pub(crate) fn running() -> String {
    let attempt = r#"{"Attempt":1,"Container":"abc","Started":"2026-11-21T09:00:00.5Z",
        "OutOfMemory":false}"#;
    record("running", &format!(r#""Attempts":[{attempt}]"#))
}

/// That run after its end, with its exit code and the length of its output.
pub(crate) fn over(state: &str, code: i32, written: usize) -> String {
    let attempt = format!(
        r#"{{"Attempt":1,"Container":"abc","Started":"2026-11-21T09:00:00.5Z",
        "Ended":"2026-11-21T09:00:03Z","ExitCode":{code},"OutOfMemory":false,
        "OutputBytes":{written},"OutputOmitted":0}}"#
    );
    let ended = r#""Ended":"2026-11-21T09:00:03Z","DurationMilliseconds":2345"#;
    record(state, &format!(r#"{ended},"Attempts":[{attempt}]"#))
}

impl Answer {
    fn to_bytes(&self) -> Vec<u8> {
        let Self { status, headers, body, ending } = self;
        let promised = match ending {
            Ending::Silent => return Vec::new(),
            Ending::Whole => body.len(),
            Ending::Cut | Ending::Held => body.len() + 1000,
        };
        let headers = headers.iter().flat_map(|line| [line, "\r\n"]).collect::<String>();
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {promised}\r\nconnection: close\r\n\r\n"
        );
        [head.as_bytes(), body].concat()
    }
}

impl Stub {
    /// Listens on TCP.
    pub(crate) fn tcp(answer: impl Fn(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        Self::serve(address, answer, move || listener.accept().unwrap().0)
    }

    /// Listens on a Unix socket.
    pub(crate) fn unix(path: &Path, answer: impl Fn(&Request) -> Answer + Send + 'static) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let address = format!("unix:{}", path.display());
        Self::serve(address, answer, move || listener.accept().unwrap().0)
    }

    fn serve<S: Write + Send + 'static>(
        address: String,
        answer: impl Fn(&Request) -> Answer + Send + 'static,
        accept: impl Fn() -> S + Send + 'static,
    ) -> Self
    where
        for<'a> &'a S: Read,
    {
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let noted = Arc::clone(&requests);
        thread::spawn(move || {
            let mut held = Vec::new();
            loop {
                let mut stream = accept();
                let Some(request) = read(BufReader::new(&stream)) else { continue };
                noted.lock().unwrap().push(request.clone());
                let answer = answer(&request);
                // The client may have closed the connection.
                let _ = stream.write_all(&answer.to_bytes());
                if let Ending::Held = answer.ending {
                    held.push(stream);
                }
            }
        });
        Self { address, requests }
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The first lines of the requests so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.line).collect()
    }

    /// Runs a command against this server; returns its output without the address.
    pub(crate) fn transcript(&self, command: &mut Command) -> String {
        let transcript = crate::transcript(command.env("DOCKET_SERVER", &self.address));
        transcript.replace(&self.address, "<server>")
    }
}

fn read(mut stream: impl BufRead) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let line = lines.first()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<String> = lines.into_iter().skip(1).collect();
    let length = headers.iter().find_map(|header| header.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    Some(Request { line, headers, body: String::from_utf8(body).unwrap() })
}
