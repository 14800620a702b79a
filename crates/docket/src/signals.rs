//! The signals that stop a command.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tracing::info;

/// The signals of a terminal and of a supervisor.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    first: Option<oneshot::Sender<()>>,
}

impl Signals {
    /// Catches the signals from now on.
    pub(crate) fn catch() -> Result<Self> {
        let catch = |kind| signal(kind).context("cannot catch signals");
        let (interrupt, terminate) =
            (catch(SignalKind::interrupt())?, catch(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, first: None })
    }

    /// Completes when a server is to stop; only while [`Signals::second`] is awaited.
    pub(crate) fn first(&mut self) -> impl Future<Output = ()> + Send + use<> {
        let (sender, receiver) = oneshot::channel();
        // The server gets a future of its own, so that it does not depend on signals.
        self.first = Some(sender);
        async move {
            // The sender is dropped when signals are no longer awaited.
            let _ = receiver.await;
        }
    }

    /// Reports the first signal, and completes at the second one, which skips the wait.
    pub(crate) async fn second(&mut self) {
        if self.next().await == SignalKind::interrupt() {
            info!("received SIGINT; press Ctrl-C again to skip the wait");
        } else {
            info!("received SIGTERM");
        }
        if let Some(first) = self.first.take() {
            let _ = first.send(());
        }
        // The caller drops the server here, whatever it still waits for.
        self.next().await;
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    #[tokio::test]
    async fn the_second_signal_of_either_kind_skips_the_wait() {
        let mut signals = Signals::catch().unwrap();
        let first = signals.first();
        let mut second = std::pin::pin!(signals.second());

        kill_process(getpid(), Signal::TERM).unwrap();
        tokio::select! {
            () = first => {}
            () = &mut second => panic!("there was one signal"),
        }
        kill_process(getpid(), Signal::TERM).unwrap();

        second.await;
    }
}
