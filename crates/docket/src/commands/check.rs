//! `docket check`: reports everything that `push` or the engine would reject.

use anyhow::{Result, bail};
use clap::Args;
use docket_model::wire::EngineCheck;

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
    let specifications: Vec<_> =
        found.iter().map(|found| found.read.specification.clone()).collect();
    let client = Client::new(connection)?;
    let checks = client.check_on_engine(engine, &specifications, source.unknown_options()).await?;
    // The findings have no position of their own: only their order leads back to the lines.
    if checks.len() != found.len() {
        let (asked, answered) = (found.len(), checks.len());
        bail!("{} checked {answered} allocations instead of {asked}", client.url(""));
    }
    let (mut refused, mut warnings) = (0, 0);
    for (Found { file, read }, EngineCheck { name, findings }) in found.iter().zip(checks) {
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
