//! The listener: accepts connections, or closes all of them while the engine is away.

use std::{
    future::pending, os::unix::net::UnixListener as StdListener, sync::Arc, sync::mpsc::Sender,
    time::Duration,
};

use tokio::{
    net::{UnixListener, UnixStream},
    sync::mpsc::UnboundedReceiver,
    task::JoinSet,
    time::sleep,
};

use crate::connection::{Shared, serve};

/// How long to wait after an accept failed, such as when there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(5);

/// A command to the listener.
#[derive(Debug)]
pub(crate) enum Order {
    /// Accept connections on a non-blocking socket.
    Open(StdListener),
    /// Close all connections and accept no more; the sender is dropped when that is done.
    Close(Sender<()>),
}

/// Accepts connections as commanded, until the sender of `orders` is dropped.
pub(crate) async fn keep(mut orders: UnboundedReceiver<Order>, shared: Arc<Shared>) {
    let mut listener = None;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                None => return,
                // Without a watch of the socket, no connection is accepted.
                Some(Order::Open(new)) => listener = UnixListener::from_std(new).ok(),
                Some(Order::Close(done)) => {
                    listener = None;
                    // Aborts the tasks and waits for them, so that no request takes effect after
                    // `vanish` has returned.
                    connections.shutdown().await;
                    drop(done);
                }
            },
            stream = accept(listener.as_ref()) => {
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
        }
        // Connections that have ended must not pile up.
        while connections.try_join_next().is_some() {}
    }
}

async fn accept(listener: Option<&UnixListener>) -> UnixStream {
    // Without a listener this branch never ends, and only orders are heard.
    let Some(listener) = listener else { return pending().await };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}
