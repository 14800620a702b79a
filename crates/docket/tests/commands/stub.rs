//! A server that answers what a test wants, and notes what it was asked.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::net::UnixListener,
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use assert_cmd::Command;

/// A request as it came in: `GET /foo`, its headers in lower case, its body.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

/// What to answer: status line, header lines, body.
pub(crate) type Answer = (&'static str, Vec<String>, Vec<u8>);

/// A server at an address of its own.
pub(crate) struct Stub {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// An answer of status 200.
pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Answer {
    ("200 OK", Vec::new(), body.into())
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

    fn serve<S: Write>(
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
            loop {
                let mut stream = accept();
                let Some(request) = read(BufReader::new(&stream)) else { continue };
                let (status, headers, body) = answer(&request);
                noted.lock().unwrap().push(request);
                let headers = headers.into_iter().map(|line| line + "\r\n").collect::<String>();
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\
                     connection: close\r\n\r\n"
                );
                // A client that has seen enough may be gone.
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
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
