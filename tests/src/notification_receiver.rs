//! A receiver of notifications on loopback: it keeps what is posted to it, and answers as a test says.

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

use crate::eventually;

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// With this status and a short body.
    Status(u16),
    /// With a redirect to `/elsewhere` of the same receiver.
    Redirect,
    /// With status 500 and a body that does not end.
    Huge,
    /// Not at all.
    Never,
}

/// A message as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// The path of the URL.
    pub path: String,
    /// The headers, their names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Value,
}

impl Received {
    /// The value of a header; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The event of the message.
    pub fn event(&self) -> &str {
        self.body["Event"].as_str().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct State {
    received: Vec<Received>,
    answers: VecDeque<Answer>,
    unanswered: Vec<TcpStream>,
}

/// A receiver that runs as long as the test's process.
#[derive(Debug)]
pub struct NotificationReceiver {
    authority: String,
    state: Arc<Mutex<State>>,
}

impl NotificationReceiver {
    /// Starts a receiver that accepts every message.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                // A client that gives up is no fault of the receiver.
                thread::spawn(move || drop(serve(stream, &state)));
            }
        });
        Self { authority, state }
    }

    /// Its URL with a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    /// Answers the next requests like this, one by one.
    pub fn answer_next(&self, answers: &[Answer]) {
        self.state.lock().unwrap().answers.extend(answers);
    }

    /// What has arrived so far.
    pub fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }

    /// Waits until so many messages have arrived.
    pub fn await_messages(&self, count: usize) -> Vec<Received> {
        eventually(&format!("{count} messages"), || {
            Some(self.received()).filter(|received| received.len() >= count)
        })
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let received = read(&stream)?;
    let answer = {
        let mut state = state.lock().unwrap();
        state.received.push(received);
        let answer = state.answers.pop_front().unwrap_or(Answer::Status(200));
        if answer == Answer::Never {
            state.unanswered.push(stream.try_clone()?);
        }
        answer
    };
    match answer {
        Answer::Status(status) => {
            write!(
                stream,
                "HTTP/1.1 {status} Said\r\nContent-Length: 8\r\nConnection: close\r\n\r\nreceived"
            )
        }
        Answer::Redirect => write!(
            stream,
            "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
        Answer::Huge => {
            write!(stream, "HTTP/1.1 500 Said\r\nConnection: close\r\n\r\n")?;
            // Ends when the client does not read any more.
            loop {
                stream.write_all(&[b'x'; 4096])?;
            }
        }
        Answer::Never => Ok(()),
    }
}

fn read(stream: &TcpStream) -> std::io::Result<Received> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, length)| length.parse().ok()).unwrap_or_default();
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = serde_json::from_slice(&body).map_err(std::io::Error::other)?;
    Ok(Received { path, headers, body })
}
