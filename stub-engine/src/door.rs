//! Where connections come in: open, or shut while the engine is away.

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

/// How long to wait after a connection could not be taken in, as when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(5);

/// What the owner wants of the door.
#[derive(Debug)]
pub(crate) enum Order {
    /// Take connections in, from a socket that does not block.
    Open(StdListener),
    /// Break all connections and take none in; the sender is dropped when that is done.
    Close(Sender<()>),
}

/// Takes connections in as ordered, until the other end of `orders` is dropped.
pub(crate) async fn keep(mut orders: UnboundedReceiver<Order>, shared: Arc<Shared>) {
    let mut listener = None;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                None => return,
                // Where it cannot be watched, nobody is let in.
                Some(Order::Open(new)) => listener = UnixListener::from_std(new).ok(),
                Some(Order::Close(done)) => {
                    listener = None;
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
    let Some(listener) = listener else { return pending().await };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}
