//! `docket check`: reports everything that `push` or the engine would reject.

use std::{pin::pin, time::Duration};

use anyhow::Result;
use clap::Args;
use docket_model::{Specification, wire::EngineCheck};
use tokio::time::{Instant, interval_at};

use super::AlreadyReported;
use crate::{
    client::{Client, Connection},
    print,
    read_specifications::{Found, Source},
};

/// Checks a file or a directory as `push` does, without a server
///
/// Every error is shown with its line and column. With --engine the server also checks whether the engines that
/// `Placement` allows, or the one of that name, can run the allocations: it pulls images, and creates and
/// removes containers without starting them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,

    /// Also check on an engine of the server; fails if it cannot run an allocation
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    engine: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket check docket.yml
  docket check jobs/
  docket check --engine docket.yml
  docket list -o yaml | docket check -";

/// How long an engine may take before a line says that it is waited for, and how long until the next one.
// An engine that has the images takes a second.
const FIRST_NOTE: Duration = Duration::from_secs(10);
const NEXT_NOTE: Duration = Duration::from_secs(30);

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let source = &arguments.source;
    let found = source.read()?;
    let mut warnings = found.iter().map(|found| found.read.warnings.len()).sum();
    // An empty document needs no server.
    if let Some(engine) = arguments.engine.filter(|_| !found.is_empty()) {
        warnings += check_on_engine(&arguments.connection, &engine, source, &found).await?;
    }
    let allocations = counted(found.len(), "allocation");
    let warnings = counted(warnings, "warning");
    print::line(format_args!("{}: {allocations}, {warnings}", source.name()))
}

/// `1 warning`, `2 warnings`.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Prints what the engine reports about each allocation, with the line where the allocation begins;
/// returns the number of warnings.
async fn check_on_engine(
    connection: &Connection,
    engine: &str,
    source: &Source,
    found: &[Found],
) -> Result<usize> {
    let client = Client::new(connection)?;
    let (mut refused, mut warnings) = (0, 0);
    // One after the other: the note about a long one then says which it is.
    for Found { file, read } in found {
        let specification = &read.specification;
        let checking = client.check_on_engine(engine, specification, source.unknown_options());
        let EngineCheck { name, findings } =
            noting_each_wait(checking, |waited| note_wait(specification, waited)).await?;
        refused += usize::from(findings.iter().any(|finding| finding.fatal));
        warnings += findings.iter().filter(|finding| !finding.fatal).count();
        for finding in findings {
            let kind = if finding.fatal { "error" } else { "warning" };
            let place = format!("{file}:{}: {name}: {}", read.line, finding.field);
            let line = format!("{kind}: {place}: {}", finding.message);
            print::note(print::on_one_line(&line));
        }
    }
    if refused == 0 {
        return Ok(warnings);
    }
    let allocations = counted(refused, "allocation");
    print::note(format_args!("error: {}: the engine cannot run {allocations}", source.name()));
    Err(AlreadyReported.into())
}

/// Says what a check may be waiting for.
fn note_wait(specification: &Specification, waited: Duration) {
    let (name, image) = (&specification.name, specification.container.image());
    let seconds = waited.as_secs();
    print::note(print::on_one_line(&format!(
        "no result for {name} after {seconds} s: its engine may be pulling the image `{image}`, or not answer; \
         `docket engines` shows which engines answer"
    )));
}

/// Waits for something, and notes now and then for how long.
async fn noting_each_wait<T>(work: impl Future<Output = T>, note: impl Fn(Duration)) -> T {
    let mut work = pin!(work);
    let began_at = Instant::now();
    let mut notes = interval_at(began_at + FIRST_NOTE, NEXT_NOTE);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = notes.tick() => note(began_at.elapsed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_check_that_takes_long_is_noted_after_ten_seconds_and_then_each_half_minute() {
        let notes = RefCell::new(Vec::new());
        let note = |waited: Duration| notes.borrow_mut().push(waited.as_secs());

        noting_each_wait(sleep(Duration::from_secs(9)), note).await;
        let of_a_short_one = notes.take();
        noting_each_wait(sleep(Duration::from_secs(75)), note).await;

        assert!(of_a_short_one.is_empty(), "{of_a_short_one:?}");
        assert_eq!(notes.take(), [10, 40, 70]);
    }
}
