//! An engine that does as a test says, for answers that a real one gives too rarely.
//!
//! Its connections are pipes in memory: a paused clock goes on while nothing but time is waited for,
//! and bytes that are under way through the system would not count.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{
    io::{
        AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
        DuplexStream, ReadBuf, duplex,
    },
    sync::mpsc::{UnboundedSender, unbounded_channel},
};
use tower_service::Service;

use super::super::{DockerEngine, pull_image::Pulls};
use crate::engine::docker_api::{
    engine_client::Client,
    transport::{self, Transports},
};
use crate::engine::{Plan, container_plan::tests::plan as plan_of};

/// What the engine does about a request.
pub(crate) enum Reply {
    /// Answers with a status and a JSON body.
    Json(u16, String),
    /// Promises ten bytes more than these, and closes the connection.
    Broken(Vec<u8>),
    /// Answers with these bytes.
    Bytes(Vec<u8>),
    /// Closes the connection without an answer.
    Lost,
    /// Never answers.
    Silence,
    /// Answers so much later.
    Later(Duration, Box<Reply>),
}

type Script = dyn FnMut(&str) -> Reply + Send;

/// How many bytes a pipe holds.
const PIPE: usize = 1 << 16;

/// An engine at the other end of pipes.
pub(crate) struct Stub {
    door: Door,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    /// Answers each request, such as `GET /info`, as `script` says.
    pub(crate) fn start(script: impl FnMut(&str) -> Reply + Send + 'static) -> Self {
        let (connections, mut accepted) = unbounded_channel();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let (script, noted) = (Arc::new(Mutex::new(script)), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Some(connection) = accepted.recv().await {
                tokio::spawn(serve(connection, script.clone(), noted.clone()));
            }
        });
        Self { door: Door(connections), seen }
    }

    /// A client of this engine.
    pub(in crate::engine) fn client(&self) -> Client {
        let Transports { docker, keeping, afresh } =
            transport::over(&self.door, "http://docker").unwrap();
        let endpoint = "stub".into();
        Client { docker, keeping, afresh, endpoint, is_local: true, is_by_process: false }
    }

    /// An engine that sends its requests here.
    pub(crate) fn engine(&self) -> DockerEngine {
        DockerEngine {
            client: self.client(),
            pulls: Pulls::new(None, 1, Duration::from_secs(600)),
            platform: None,
            notes: Arc::default(),
            id: Mutex::default(),
        }
    }

    /// How many requests began so.
    pub(crate) fn count(&self, start: &str) -> usize {
        self.seen.lock().iter().filter(|request| request.starts_with(start)).count()
    }
}

/// Opens pipes to a stub.
#[derive(Clone)]
struct Door(UnboundedSender<DuplexStream>);

impl Service<Uri> for Door {
    type Response = TokioIo<Pipe>;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let (near, far) = duplex(PIPE);
        let opened = self.0.send(far).map(|()| TokioIo::new(Pipe(near)));
        std::future::ready(opened.map_err(|_| io::ErrorKind::ConnectionRefused.into()))
    }
}

/// The client's end of a pipe.
struct Pipe(DuplexStream);

impl Connection for Pipe {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Answers the requests of one connection.
async fn serve(
    connection: DuplexStream,
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Vec<String>>>,
) {
    let mut connection = BufReader::new(connection);
    while let Some(request) = read(&mut connection).await {
        seen.lock().push(request.clone());
        let mut reply = script.lock()(&request);
        while let Reply::Later(pause, later) = reply {
            tokio::time::sleep(pause).await;
            reply = *later;
        }
        let (status, body, missing) = match reply {
            Reply::Json(status, body) => (status, body.into_bytes(), 0),
            Reply::Bytes(body) => (200, body, 0),
            Reply::Broken(body) => (200, body, 10),
            Reply::Lost => return,
            Reply::Silence | Reply::Later(..) => std::future::pending().await,
        };
        let length = body.len() + missing;
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n");
        let written = connection.write_all(&[head.as_bytes(), &body].concat()).await;
        if written.is_err() || missing > 0 {
            return;
        }
    }
}

/// Reads a request; returns its method and address.
async fn read(connection: &mut BufReader<DuplexStream>) -> Option<String> {
    let mut request = String::new();
    connection.read_line(&mut request).await.ok().filter(|length| *length > 0)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        connection.read_line(&mut header).await.ok()?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    connection.read_exact(&mut vec![0; length]).await.ok()?;
    Some(request.trim_end().trim_end_matches(" HTTP/1.1").to_owned())
}

/// A plan for a container of busybox.
pub(crate) fn plan() -> Plan {
    plan_of(&json!({"Image": "busybox"}))
}

/// An inspection of the plan's container, in this state.
pub(crate) fn inspection(state: &str) -> Reply {
    inspection_with(state, &json!({}))
}

/// An inspection of the plan's container with these options beside its own.
pub(crate) fn inspection_with(state: &str, options: &Value) -> Reply {
    let (status, started, running) = match state {
        "created" => ("created", "0001-01-01T00:00:00Z", false),
        "running" => ("running", "2026-11-21T09:00:00Z", true),
        other => (other, "2026-11-21T09:00:00Z", false),
    };
    let labels: serde_json::Map<_, _> =
        plan().identity.labels().map(|(key, value)| (key.to_owned(), value.into())).collect();
    let mut inspection = json!({
        "Id": "c1", "Name": "/docket.report.20261121T090000Z", "Image": "sha256:0a",
        "State": {"Status": status, "Running": running, "ExitCode": 0, "StartedAt": started},
        "Config": {"Image": "busybox", "Labels": labels, "Tty": false},
    });
    if let (Some(config), Some(options)) =
        (inspection["Config"].as_object_mut(), options.as_object())
    {
        config.extend(options.clone());
    }
    Reply::Json(200, inspection.to_string())
}
