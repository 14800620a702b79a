//! Serves the API on a listener, with limits for times and connections.

use std::{
    io, net::TcpListener, num::NonZero, os::unix::net::UnixListener, pin::Pin, time::Duration,
};

use actix_http::{HttpService, Protocol};
use actix_server::{Server, ServerBuilder};
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::{
    App, Error, HttpServer,
    body::MessageBody,
    dev::{AppConfig, ServiceFactory, ServiceRequest, ServiceResponse},
    middleware::{NormalizePath, TrailingSlash, from_fn},
};
use rustix::net::sockopt::set_tcp_user_timeout;
use rustls::ServerConfig;
use tokio::{io::AsyncWrite, net::UnixStream};
use tokio_io_timeout::TimeoutWriter;

use super::{
    api_state::Api,
    check_request_access, response_memory,
    routes::routes,
    tls_certificate::{self, TlsError},
};
use crate::config::Listener;

/// The maximum time until the head of a request has arrived.
const HEAD_ARRIVAL: Duration = Duration::from_secs(10);
/// How long an idle connection stays open.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client may read nothing: it must not keep a connection forever.
const STALL: Duration = Duration::from_secs(300);
/// The maximum time to close a connection.
const CLOSING: Duration = Duration::from_secs(1);
/// The maximum number of connections: twice the number of readers of events. The head of a request may
/// take 128 KiB, so all of them take at most 256 MiB.
const MAX_CONNECTIONS: usize = 2048;
/// How long responses may take when the server stops, in seconds.
const SHUTDOWN_TIMEOUT: u64 = 5;

/// Starts serving on a listener, until the server's handle stops it.
pub(crate) fn serve(api: Api, listener: Listener) -> Result<Server, ServeError> {
    // Each worker counts its own connections.
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let connections = MAX_CONNECTIONS.div_ceil(threads);
    let tls =
        api.authentication.access.tls.as_ref().map(tls_certificate::server_config).transpose()?;
    match listener {
        Listener::Tcp(listener) => Ok(over_tcp(api, listener, tls, connections)?),
        Listener::Unix(listener, _) => Ok(over_unix(api, listener, connections)?),
    }
}

fn over_tcp(
    api: Api,
    listener: TcpListener,
    tls: Option<ServerConfig>,
    connections: usize,
) -> io::Result<Server> {
    // Connections inherit the option from their listener.
    let milliseconds = u32::try_from(STALL.as_millis()).unwrap_or(u32::MAX);
    set_tcp_user_timeout(&listener, milliseconds)?;
    let server = HttpServer::new(move || app(&api))
        // Signals stop the whole server in its own order: first the API, then the scheduler and the
        // store.
        .disable_signals()
        .client_request_timeout(HEAD_ARRIVAL)
        .client_disconnect_timeout(CLOSING)
        .keep_alive(KEEP_ALIVE)
        // Otherwise the last bytes of a response can wait 40 ms for the peer to confirm the ones before.
        .tcp_nodelay(true)
        .max_connections(connections)
        .shutdown_timeout(SHUTDOWN_TIMEOUT);
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls),
        None => server.listen(listener),
    };
    Ok(server?.run())
}

/// Serves like [`over_tcp`]. A Unix socket has no option that ends a connection whose client reads nothing,
/// so its streams have a timeout of their own, which `HttpServer` does not support.
fn over_unix(api: Api, listener: UnixListener, connections: usize) -> io::Result<Server> {
    let server = ServerBuilder::default()
        .disable_signals()
        .max_concurrent_connections(connections)
        .shutdown_timeout(SHUTDOWN_TIMEOUT);
    // `HttpServer` does this by itself: without it a stop waits in vain for idle connections.
    let stopping = server.graceful_shutdown_signal();
    let server = server.listen_uds("docket", listener, move || {
        let stopping = stopping.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .client_request_timeout(HEAD_ARRIVAL)
            .client_disconnect_timeout(CLOSING)
            .keep_alive(KEEP_ALIVE)
            .h1_allow_half_closed(true);
        let app = app(&api).into_factory().map_err(|error| error.error_response());
        fn_service(async |stream: UnixStream| {
            Ok((with_write_timeout(stream), Protocol::Http1, None))
        })
        .and_then(http.finish(map_config(app, |()| AppConfig::default())))
    });
    Ok(server?.run())
}

/// A stream that fails a write once its peer has read nothing for [`STALL`].
fn with_write_timeout<S: AsyncWrite>(stream: S) -> Pin<Box<TimeoutWriter<S>>> {
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(STALL));
    // Pinned, because actix requires a stream that is `Unpin`, and this one is not.
    Box::pin(stream)
}

fn app(
    api: &Api,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    App::new()
        .configure(|app| api.add_to(app))
        .configure(routes)
        // The last one runs first: the guard compares the path without its slash, as the routes do.
        .wrap(from_fn(response_memory::hold))
        .wrap(from_fn(check_request_access::guard))
        .wrap(NormalizePath::new(TrailingSlash::Trim))
}

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system refused the listener.
    #[error("the listener cannot be used")]
    Listener(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::{Instant, advance, timeout},
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_write_that_the_peer_does_not_read_fails() {
        let (ours, peer) = duplex(4);
        let mut ours = with_write_timeout(ours);
        let begun = Instant::now();

        let written = ours.write_all(b"hello").await;

        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), STALL.as_secs());
        drop(peer);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_slowly_goes_on_for_as_long_as_it_likes() {
        let (ours, mut peer) = duplex(4);
        let mut ours = with_write_timeout(ours);
        let writing = tokio::spawn(async move { ours.write_all(&[0; 40]).await });

        for _ in 0..9 {
            advance(STALL.saturating_sub(Duration::from_secs(1))).await;
            timeout(STALL, peer.read_exact(&mut [0; 4])).await.unwrap().unwrap();
        }

        peer.read_exact(&mut [0; 4]).await.unwrap();
        assert!(writing.await.unwrap().is_ok());
    }
}
