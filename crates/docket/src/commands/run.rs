//! `docket run`: starts a manual run.

mod wait;

use std::env;

use anyhow::{Result, bail};
use clap::Args;
use docket_model::{AllocationName, wire::RunRequest};

use crate::{
    author_of_change,
    client::{Client, Connection, RunResponse},
    print,
};

/// Runs an allocation now, with the same policies as scheduled runs
///
/// Prints the name of the run and returns. With --wait it prints the output of the run and exits with the
/// container's exit code: 125 if no container ran or its exit code is unknown, 124 if it timed out
/// without an exit code. Ctrl-C leaves the run running.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the allocation
    #[arg(value_name = "NAME")]
    name: AllocationName,

    /// Backfill this past instant: RFC 3339, or a time in the allocation's time zone
    #[arg(long, value_name = "INSTANT")]
    at: Option<String>,

    /// Add or replace a variable of the container; KEY alone takes its value from this environment
    #[arg(long, short, value_name = "KEY[=VALUE]", value_parser = variable)]
    env: Vec<String>,

    /// Wait for the end, print the output and exit with the container's exit code
    #[arg(long)]
    wait: bool,

    /// Replace the container's command: all following words, including options
    #[arg(
        long,
        value_name = "WORD",
        num_args = 1..,
        allow_hyphen_values = true
    )]
    cmd: Vec<String>,

    /// Replace the container's command, like --cmd
    #[arg(value_name = "CMD", last = true)]
    command: Vec<String>,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket run report
  docket run report --wait
  docket run report --at '2026-11-20 09:00'
  docket run report --wait --env DAY=monday --cmd sh -c 'echo it is $DAY'
  docket cancel $(docket run report)";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let Arguments { name, at, env, wait, cmd, command, connection } = arguments;
    let words = if cmd.is_empty() { command } else { cmd };
    let for_instant = at.as_ref().map(|at| format!(" for {at}")).unwrap_or_default();
    let request = RunRequest {
        cmd: (!words.is_empty()).then_some(words),
        env,
        at,
        by: Some(author_of_change::current()),
    };
    if wait {
        return wait::run(&connection, &name, &request).await;
    }
    match Client::new(&connection)?.run(&name, &request).await? {
        RunResponse::Accepted(record) => {
            // On standard error: standard output is the name of the run, for `$(docket run …)`.
            if !for_instant.is_empty() {
                print::note(format_args!("started {name}{for_instant}"));
            }
            print::line(format_args!("{name}/{}", record.run))
        }
        RunResponse::Skipped(record) => {
            let why = record.reason.unwrap_or_else(|| "its policies do not allow it".to_owned());
            let why = print::on_one_line(&why);
            let state = record.state.clause();
            bail!("{name} did not start: {why} ({name}/{} {state})", record.run)
        }
    }
}

/// Parses `KEY=VALUE`; for a key alone the value comes from this process's environment.
fn variable(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some(("", _)) => Err("write KEY=VALUE".to_owned()),
        Some(_) => Ok(text.to_owned()),
        // As with `docker run -e KEY`. Docker omits an unset variable silently; a run without it
        // would fail later, or do the wrong thing.
        None => match env::var(text) {
            Ok(value) => Ok(format!("{text}={value}")),
            Err(_) => {
                Err(format!("the variable is not set in this environment: write {text}=VALUE"))
            }
        },
    }
}
