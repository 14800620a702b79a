//! The log of a unit test, as lines.

use std::{
    io::{self, Write},
    sync::Arc,
};

use parking_lot::Mutex;
use tracing::subscriber::{DefaultGuard, set_default};
use tracing_subscriber::{Layer, filter::LevelFilter, fmt::layer, layer::SubscriberExt, registry};

/// What was logged on the thread of a test from [`TestLog::start`] on.
#[derive(Clone, Default)]
pub(crate) struct TestLog(Arc<Mutex<Vec<u8>>>);

impl TestLog {
    /// Logs what the current thread, and so the tasks of its runtime, logs from `info` on, until the guard
    /// is dropped.
    pub(crate) fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let lines = layer()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .with_filter(LevelFilter::INFO);
        (log, set_default(registry().with(lines)))
    }

    /// The lines that contain a text.
    pub(crate) fn lines_with(&self, text: &str) -> Vec<String> {
        let log = String::from_utf8_lossy(&self.0.lock()).into_owned();
        log.lines().filter(|line| line.contains(text)).map(|line| line.trim().to_owned()).collect()
    }
}

impl Write for TestLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
