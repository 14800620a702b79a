//! Panics, which are bugs in docket, as lines of the log.
//!
//! The hook sees the panic of each thread and task, also of one whose result nothing awaits, and runs in the
//! tracing span of what panicked. What docket does next is logged by the code that catches the panic.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::{PanicHookInfo, set_hook},
    thread,
};

use tracing::error;

use crate::background::panic_message;

/// Has each panic of the process logged, in place of the text that Rust writes to standard error.
pub fn log_panics() {
    set_hook(Box::new(log_panic));
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let (current, backtrace) = (thread::current(), Backtrace::capture());
    error!(
        panic = panic_message(panic.payload()),
        place = panic.location().map(ToString::to_string),
        thread = current.name(),
        // Only where `RUST_BACKTRACE` asks for it.
        backtrace =
            (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string()),
        "docket panicked, which is a bug; please report it"
    );
}

#[cfg(test)]
mod tests {
    use std::panic::take_hook;

    use tracing::{Instrument, info_span};

    use super::*;
    use crate::{term_tasks::Term, test_log::TestLog};

    #[tokio::test]
    async fn a_panic_of_a_task_that_nothing_awaits_is_logged_in_the_span_of_the_task() {
        // Both hooks: tests that fail at the same time still print why.
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            log_panic(panic);
            before(panic);
        }));
        let (log, _logging) = TestLog::start();
        let term = Term::new(1);

        let task = async { panic!("index {} is out of range", 7) };
        drop(term.spawn(task.instrument(info_span!("run", allocation = "report"))));
        term.end().await;

        let lines = log.lines_with("panicked");
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains(r#"ERROR run{allocation="report"}"#), "{lines:?}");
        assert!(lines[0].contains(r#"panic="index 7 is out of range""#), "{lines:?}");
        assert!(lines[0].contains(r"/log_panics.rs:"), "{lines:?}");
    }
}
