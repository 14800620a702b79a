//! The way to the engine: a client for each kind of endpoint, its connections kept for reuse.

use std::{
    fs, io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker, errors::Error};
use futures_util::FutureExt;
use http::{Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{
        self,
        connect::{Connect, HttpConnector},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde::Deserialize;
use tokio::net::UnixStream;
use tower_service::Service;

use super::{
    endpoint::{Address, Endpoint},
    endpoint_error::ConnectError,
    endpoint_error::Origin,
    engine_client::{ANSWER_LIMIT, Client},
    http_client::Connection,
    ssh::SshConnector,
    tls,
};

/// How many connections wait for the next request; the runs under way hold one each beside them.
const IDLE_CONNECTIONS: usize = 64;
/// How long one waits: short, so that an engine at rest is not held by connections.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// How often, and after what pause, a socket whose queue is full is tried again: a second in all.
const FULL_QUEUE: (u32, Duration) = (200, Duration::from_millis(5));

/// How much of a refusal is read, in bytes; few engines write a kilobyte.
const LONGEST_REFUSAL: usize = 256 << 10;

/// The ways to one engine.
pub(in crate::engine) struct Transports {
    pub(in crate::engine) docker: Docker,
    /// Keeps its connections.
    pub(in crate::engine) keeping: Connection,
    /// Opens a new connection for each request.
    pub(in crate::engine) afresh: Connection,
}

/// Makes a client of the engine at an endpoint, which need not be up.
///
/// # Errors
/// [`ConnectError`] where the endpoint's certificates cannot be used.
pub(in crate::engine) fn client(endpoint: &Endpoint) -> Result<Client, ConnectError> {
    let Transports { docker, keeping, afresh } = to(endpoint)?;
    Ok(Client {
        docker,
        keeping,
        afresh,
        endpoint: endpoint.to_string().into(),
        is_local: endpoint.is_local(),
        is_by_process: endpoint.is_by_process(),
    })
}

/// Makes the ways to an engine, which need not be up.
fn to(endpoint: &Endpoint) -> Result<Transports, ConnectError> {
    let made = match &endpoint.address {
        // The host is never looked up: it stands in the header `Host` only.
        Address::Unix(path) => over(&UnixConnector(path.as_path().into()), "http://docker"),
        Address::Plain(authority) => over(&HttpConnector::new(), &format!("http://{authority}")),
        Address::Tls { authority, certificates } => {
            let [ca, certificate, key] = pem_files(certificates, &endpoint.origin)?;
            let connector = tls::connector(&ca, certificate, key);
            let connector = connector.map_err(|error| ConnectError::BadCertificate {
                file: ca,
                origin: endpoint.origin.clone(),
                reason: error.to_string(),
            })?;
            over(&connector, &format!("https://{authority}"))
        }
        Address::Ssh { destination, socket } => {
            over(&SshConnector::new(destination, socket.as_deref()), "http://docker")
        }
    };
    made.map_err(|source| ConnectError::Client {
        endpoint: endpoint.to_string(),
        source: Box::new(source),
    })
}

/// Makes the ways to an engine over one connector.
pub(in crate::engine) fn over<C>(connector: &C, address: &str) -> Result<Transports, Error>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let client = client_of(connector.clone(), IDLE_CONNECTIONS);
    // Only a new connection shows whether the engine still accepts any.
    let fresh = client_of(connector.clone(), 0);
    // A clone has the same pool, so bollard's calls and docket's own share their connections.
    let typed = client.clone();
    let transport = move |request: BollardRequest| {
        let answer = typed.request(request);
        async move { refusal(answer.await?).await }
    };
    let limit = ANSWER_LIMIT.as_secs();
    // bollard leaves the version out of its addresses, so each engine uses its own newest one.
    let docker = Docker::connect_with_custom_transport(
        transport,
        Some(address),
        limit,
        API_DEFAULT_VERSION,
    )?;
    let [keeping, afresh] = [client, fresh].map(|client| {
        Connection::new(address, move |request| {
            let answer = client.request(request);
            async move { refusal(answer.await?).await }.boxed()
        })
    });
    Ok(Transports { docker, keeping, afresh })
}

/// A client that keeps so many connections for the next request.
///
/// hyper sends a request again by itself (`retry_canceled_requests`, its default) only where the
/// connection was found closed before the request was taken up, so none is sent twice.
fn client_of<C, B>(connector: C, idle_connections: usize) -> legacy::Client<C, B>
where
    C: Connect + Clone,
    B: hyper::body::Body + Send,
    B::Data: Send,
{
    legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_LIMIT)
        .pool_max_idle_per_host(idle_connections)
        .build(connector)
}

/// Reads a refusal, at most [`LONGEST_REFUSAL`] bytes of it: bollard would read one of any length.
async fn refusal(answer: Response<Incoming>) -> Result<Response<Incoming>, Error> {
    let status = answer.status();
    // Docker answers 304 to a start or a stop that has nothing to do.
    if status.is_success() || status.is_informational() || status == StatusCode::NOT_MODIFIED {
        return Ok(answer);
    }
    let mut body = answer.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > LONGEST_REFUSAL {
            bytes.truncate(LONGEST_REFUSAL);
            break;
        }
    }
    let message = serde_json::from_slice(&bytes).map(|Refusal { message }| message);
    // A proxy in front of the engine writes HTML or plain text.
    let message = message.unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned());
    Err(Error::DockerResponseServerError { status_code: status.as_u16(), message })
}

/// An engine's refusal.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

/// Connects to one socket, whatever the address says.
#[derive(Debug, Clone)]
struct UnixConnector(Arc<Path>);

impl Service<Uri> for UnixConnector {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path = Arc::clone(&self.0);
        Box::pin(async move { connect(&path).await.map(TokioIo::new) })
    }
}

/// Connects; where the engine's queue is full, which Linux tells at once, it asks again.
async fn connect(path: &Path) -> io::Result<UnixStream> {
    // hyper would fail the request at once, though the engine accepts the connection soon after.
    let (tries, pause) = FULL_QUEUE;
    for _ in 1..tries {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(pause).await;
            }
            answer => return answer,
        }
    }
    UnixStream::connect(path).await
}

/// The files for TLS, each tried: bollard would go on without a key that it cannot read.
///
/// Certificate and key are for engines that check their clients: both may be absent.
fn pem_files(folder: &Path, origin: &Origin) -> Result<[PathBuf; 3], ConnectError> {
    let files = ["ca.pem", "cert.pem", "key.pem"].map(|name| folder.join(name));
    let [ca, certificate, key] = &files;
    let bad = |file: &Path, reason: String| ConnectError::BadCertificate {
        file: file.to_owned(),
        origin: origin.clone(),
        reason,
    };
    let has_identity = certificate.exists() || key.exists();
    for file in [ca, certificate].into_iter().take(if has_identity { 2 } else { 1 }) {
        let pem = fs::read(file).map_err(|error| bad(file, error.to_string()))?;
        if !matches!(CertificateDer::pem_slice_iter(&pem).next(), Some(Ok(_))) {
            return Err(bad(file, "it holds no certificate".to_owned()));
        }
    }
    if !has_identity {
        return Ok(files);
    }
    let pem = fs::read(key).map_err(|error| bad(key, error.to_string()))?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| bad(key, error.to_string()))?;
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";

    #[test]
    fn a_client_certificate_and_its_key_are_both_there_or_both_absent() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text| fs::write(folder.path().join(name), text).unwrap();
        let check = || pem_files(folder.path(), &Origin::Variable).map(drop);

        let nothing = check().unwrap_err().to_string();
        write("ca.pem", CERTIFICATE);
        let authority_alone = check();
        write("cert.pem", CERTIFICATE);
        let without_key = check().unwrap_err().to_string();
        write("key.pem", KEY);
        let all = check();

        assert!(nothing.contains("ca.pem`, which TLS"), "{nothing}");
        assert!(without_key.contains("key.pem`, which TLS"), "{without_key}");
        assert!(authority_alone.is_ok() && all.is_ok(), "{authority_alone:?} {all:?}");
    }
}
