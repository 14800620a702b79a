//! A server that answers what a test wants, and notes what it was asked.

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

/// A request as it came in: `GET /foo`, its headers in lower case, its body.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

/// What to answer.
pub(crate) struct Answer {
    status: &'static str,
    headers: Vec<String>,
    body: Vec<u8>,
    ending: Ending,
}

/// What becomes of the connection after an answer.
enum Ending {
    /// The answer is whole.
    Whole,
    /// The connection breaks in the middle of the body.
    Cut,
    /// The body goes on, but nothing more comes as long as the server lives.
    Held,
    /// Nothing is answered at all.
    Silent,
}

/// An allocation as a server shows it.
pub(crate) const ALLOCATION: &str = r#"{"Name":"foo","Cron":"0 9 * * *","TimeZone":"Europe/Berlin",
    "Container":{"Config":{"Image":"busybox","Cmd":["echo","hello"]}},
    "Logs":["2026-11-20 09:00:00.000000000 +0100 CET, [Pulled busybox latest foo]"],
    "Status":{"Next":null,"TimeZone":"Europe/Berlin","Running":0,"LastRun":null,"Revision":7,
    "Origin":"api","Created":"2026-11-20T08:00:00Z"}}"#;

/// A server at an address of its own.
pub(crate) struct Stub {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// An answer of status 200.
pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Answer {
    answer("200 OK", None, body)
}

/// An answer of any status.
pub(crate) fn answer(
    status: &'static str,
    headers: impl IntoIterator<Item = String>,
    body: impl Into<Vec<u8>>,
) -> Answer {
    let headers = headers.into_iter().collect();
    Answer { status, headers, body: body.into(), ending: Ending::Whole }
}

/// An error as RFC 9457 has it.
pub(crate) fn problem(status: &'static str, detail: &str) -> Answer {
    let (code, title) = status.split_once(' ').unwrap();
    let body = format!(r#"{{"status":{code},"title":"{title}","detail":"{detail}"}}"#);
    answer(status, ["content-type: application/problem+json".to_owned()], body)
}

/// A follow of an output in frames.
pub(crate) fn frames(frames: &[(FrameKind, &str)]) -> Answer {
    let mut end = 0;
    let mut bytes = Vec::new();
    for (kind, text) in frames {
        end += if *kind == FrameKind::Record { 0 } else { text.len() as u64 };
        bytes.extend(output_frame(*kind, end, text.as_bytes()));
    }
    answer("200 OK", [format!("content-type: {OUTPUT_FRAMES}")], bytes)
}

/// An answer that breaks off behind these bytes.
pub(crate) fn cut(body: impl Into<Vec<u8>>) -> Answer {
    Answer { ending: Ending::Cut, ..ok(body) }
}

/// An answer that has these bytes so far.
pub(crate) fn held(body: impl Into<Vec<u8>>) -> Answer {
    Answer { ending: Ending::Held, ..ok(body) }
}

/// A server that is on its way down.
pub(crate) fn silent() -> Answer {
    Answer { ending: Ending::Silent, ..ok("") }
}

/// Gives answers in turn, and none to what is asked after them.
pub(crate) fn in_turn(
    answers: impl IntoIterator<Item = Answer>,
) -> impl Fn(&Request) -> Answer + Send + 'static {
    let answers = Mutex::new(answers.into_iter().collect::<VecDeque<_>>());
    move |request| match answers.lock().unwrap().pop_front() {
        Some(answer) => answer,
        None => panic!("{} was not expected", request.line),
    }
}

/// The run `foo/20261121T090000.123Z` as a server shows it, in some state.
pub(crate) fn record(state: &str, more: &str) -> String {
    format!(
        r#"{{"Run":"20261121T090000.123Z","Allocation":"foo","Instant":"2026-11-21T09:00:00.123Z",
        "Trigger":"ByHand","By":"ann@db","State":"{state}","Decided":"2026-11-21T09:00:00.123Z",
        {more}}}"#
    )
}

/// That run while its container runs.
pub(crate) fn running() -> String {
    let attempt = r#"{"Attempt":1,"Container":"abc","Started":"2026-11-21T09:00:00.5Z",
        "OutOfMemory":false}"#;
    record("running", &format!(r#""Attempts":[{attempt}]"#))
}

/// That run when it is over, with the exit code and the number of bytes that were written.
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
    /// Answers over TCP.
    pub(crate) fn tcp(answer: impl Fn(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        Self::serve(address, answer, move || listener.accept().unwrap().0)
    }

    /// Answers over a socket in the file system.
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
                // A client that has seen enough may be gone.
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

    /// All that a command says to this server, whose address is left out.
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
