//! The signals that stop a server.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tracing::info;

/// The signals of a terminal and of a supervisor.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    first: Option<oneshot::Sender<()>>,
}

impl Signals {
    /// Catches the signals from now on.
    pub(super) fn catch() -> Result<Self> {
        let catch = |kind| signal(kind).context("cannot catch signals");
        let (interrupt, terminate) =
            (catch(SignalKind::interrupt())?, catch(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, first: None })
    }

    /// Is done when the server shall stop; only while [`Signals::impatience`] is awaited.
    pub(super) fn first(&mut self) -> impl Future<Output = ()> + Send + use<> {
        let (sender, receiver) = oneshot::channel();
        self.first = Some(sender);
        async move {
            // A sender that is gone means that nobody listens for signals any more.
            let _ = receiver.await;
        }
    }

    /// Passes the first signal on, and is done when a second Ctrl-C says not to wait.
    pub(super) async fn impatience(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => info!("Ctrl-C once more skips the wait"),
            _ = self.terminate.recv() => {}
        }
        if let Some(first) = self.first.take() {
            let _ = first.send(());
        }
        self.interrupt.recv().await;
    }
}
