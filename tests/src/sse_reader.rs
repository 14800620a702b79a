//! A reader of Server-Sent Events over its own connection, which reads only when a test asks it to.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::{
    Server,
    raw_http_client::{Address, Request},
};

/// The read timeout: keep-alive messages come more often.
const BOUND: Duration = Duration::from_secs(60);

/// An event as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Names it.
    pub id: String,
    /// Its type; empty if it has none.
    pub kind: String,
    /// Its data, in JSON.
    pub data: String,
}

impl Received {
    /// The id of an event of `/-/events`, which is a number.
    pub fn number(&self) -> u64 {
        self.id.parse().unwrap()
    }

    /// A text in its data, by its key; nested ones are found too.
    pub fn text(&self, key: &str) -> Option<&str> {
        let (_, rest) = self.data.split_once(&format!("\"{key}\":\""))?;
        rest.split('"').next()
    }
}

/// A connection on which events come.
pub struct EventReader {
    stream: BufReader<TcpStream>,
    bytes: Vec<u8>,
    last_id: String,
}

impl EventReader {
    /// Asks for events and reads nothing but the head of the answer.
    pub fn open(server: &Server, path: &str) -> Self {
        Self::ask(server, &Request::get(path))
    }

    /// Asks for what came after an event.
    pub fn open_after(server: &Server, path: &str, last_id: &str) -> Self {
        Self::ask(server, &Request::get(path).header("Last-Event-ID", last_id))
    }

    /// Asks with other headers too.
    pub fn ask(server: &Server, request: &Request) -> Self {
        let Address::Tcp(host) = server.address() else { panic!("no port to connect to") };
        let mut stream = TcpStream::connect(&host).unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        let request = request.clone().header("Accept", "text/event-stream");
        stream.write_all(&request.head(&host)).unwrap();
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).unwrap() > 0, "no answer: {head}");
        }
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        Self { stream, bytes: Vec::new(), last_id: String::new() }
    }

    /// The id after which it would go on.
    pub fn last_id(&self) -> &str {
        &self.last_id
    }

    /// Reads events up to one that is as it is wanted, and returns all of them.
    pub fn up_to(&mut self, is_wanted: impl Fn(&Received) -> bool) -> Vec<Received> {
        let mut events = Vec::new();
        loop {
            let event = self.next().unwrap_or_else(|| panic!("the end after {events:?}"));
            events.push(event);
            if is_wanted(&events[events.len() - 1]) {
                return events;
            }
        }
    }

    /// All events up to the end of the answer.
    pub fn rest(&mut self) -> Vec<Received> {
        self.collect()
    }

    fn chunk(&mut self) -> Vec<u8> {
        let mut size = String::new();
        self.stream.read_line(&mut size).unwrap();
        // A connection that ends without its last chunk has an empty line here.
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else { return Vec::new() };
        // A chunk ends with a line break that does not belong to it.
        let mut chunk = vec![0; size + 2];
        self.stream.read_exact(&mut chunk).unwrap();
        chunk.truncate(size);
        chunk
    }

    fn read(&mut self, block: &str) -> Option<Received> {
        let (mut kind, mut data) = (String::new(), None);
        for line in block.lines() {
            match line.split_once(": ") {
                Some(("id", id)) => id.clone_into(&mut self.last_id),
                Some(("event", event)) => event.clone_into(&mut kind),
                Some(("data", text)) => data = Some(text.to_owned()),
                _ => {}
            }
        }
        Some(Received { id: self.last_id.clone(), kind, data: data? })
    }
}

/// The next event; nothing once the server has ended the answer.
impl Iterator for EventReader {
    type Item = Received;

    fn next(&mut self) -> Option<Received> {
        loop {
            // A chunk may have several events, or a part of one.
            while let Some(end) = self.bytes.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.bytes.drain(..end + 2).collect();
                let event = self.read(&String::from_utf8(block).unwrap());
                if event.is_some() {
                    return event;
                }
            }
            let chunk = self.chunk();
            if chunk.is_empty() {
                return None;
            }
            self.bytes.extend(chunk);
        }
    }
}
