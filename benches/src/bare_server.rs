//! A bare actix-web server that makes the same checks: what docket's HTTP is held against.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    sync::{Arc, PoisonError, RwLock},
    thread::{self, JoinHandle},
};

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::header::ContentType,
    web::{Bytes, Data, Path, get, post},
};
use anyhow::{Context, Result};
use docket_model::{FieldPath, Specification, StrictJson, container::UnknownOptions};
use serde_json::Value;
use tokio::sync::oneshot;

type Stored = RwLock<BTreeMap<Box<str>, Arc<str>>>;

/// A bare server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    address: SocketAddr,
    server: ServerHandle,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Peer {
    /// Starts it with allocations already stored.
    pub(crate) fn start(allocations: impl Iterator<Item = Value>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let stored = allocations
            // Stored as text: a response is a copy of bytes, the least that any server has to do.
            .map(|allocation| (name(&allocation), Arc::from(allocation.to_string())))
            .collect();
        let stored: Data<Stored> = Data::new(RwLock::new(stored));
        // The handle is only known on the thread of the server, and the port answers only once it
        // runs.
        let (ready, starting) = oneshot::channel();
        let thread = thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let application = move || {
                    App::new()
                        .app_data(stored.clone())
                        .route("/", get().to(all))
                        .route("/", post().to(push))
                        .route("/{name}", get().to(one))
                };
                // Signals belong to the benches, which stop the server with its value.
                let server = HttpServer::new(application).disable_signals().listen(listener)?.run();
                // The other end waits below.
                let _ = ready.send(server.handle());
                server.await
            })
        });
        let server = starting.blocking_recv().context("the bare server does not start")?;
        Ok(Self { address, server, thread: Some(thread) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The order to stop is sent by the call; what it returns only waits for the end.
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed when it happened.
            let _ = thread.join();
        }
    }
}

async fn all(stored: Data<Stored>) -> HttpResponse {
    let mut body = String::from("[");
    for allocation in stored.read().unwrap_or_else(PoisonError::into_inner).values() {
        if body.len() > 1 {
            body.push(',');
        }
        body.push_str(allocation);
    }
    body.push(']');
    json(body)
}

async fn one(stored: Data<Stored>, name: Path<String>) -> HttpResponse {
    let stored = stored.read().unwrap_or_else(PoisonError::into_inner);
    match stored.get(name.as_str()) {
        Some(allocation) => json(allocation.to_string()),
        None => HttpResponse::NotFound().finish(),
    }
}

async fn push(stored: Data<Stored>, body: Bytes) -> HttpResponse {
    // The same types and checks as docket's, so that the difference is the server and not the
    // parsing.
    let Ok(StrictJson(posted)) = serde_json::from_slice(&body) else {
        return HttpResponse::BadRequest().finish();
    };
    let name = name(&posted);
    let read = Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse);
    let Ok(text) = read
        .map_err(drop)
        .and_then(|read| serde_json::to_string(&read.specification).map_err(drop))
    else {
        return HttpResponse::UnprocessableEntity().finish();
    };
    let mut stored = stored.write().unwrap_or_else(PoisonError::into_inner);
    let created = stored.insert(name, text.into()).is_none();
    json(format!("{{\"created\":{created}}}"))
}

fn name(allocation: &Value) -> Box<str> {
    allocation["Name"].as_str().unwrap_or_default().into()
}

fn json(body: String) -> HttpResponse {
    HttpResponse::Ok().insert_header(ContentType::json()).body(body)
}
