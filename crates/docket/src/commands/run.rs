//! `docket run`: a run by hand.

mod wait;

use std::env;

use anyhow::{Result, bail};
use clap::Args;
use docket_model::{AllocationName, run::RunState, wire::RunRequest};

use crate::{
    client::{Asked, Client, Connection},
    output, who,
};

/// Runs an allocation now, by the same policies as its schedule
///
/// Prints the name of the run and comes back. With --wait the output of the run goes to standard
/// output, and the command answers as the container did; 125 where it never ran or its end is
/// unknown, 124 where it took too long and ended without a code of its own. Ctrl-C leaves the run
/// running.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the allocation
    #[arg(value_name = "NAME", value_parser = AllocationName::parse)]
    name: AllocationName,

    /// Make up for this past instant: RFC 3339, or a time on the allocation's wall clock
    #[arg(long, value_name = "INSTANT")]
    at: Option<String>,

    /// A variable beside or in place of the container's own; KEY alone takes the value from here
    #[arg(long, short, value_name = "KEY[=VALUE]", value_parser = variable)]
    env: Vec<String>,

    /// Wait for the end, print the output and answer as the container does
    #[arg(long)]
    wait: bool,

    /// The command in place of the container's own: all words that follow, options too
    #[arg(
        long,
        value_name = "WORD",
        num_args = 1..,
        allow_hyphen_values = true
    )]
    cmd: Vec<String>,

    /// The command in place of the container's own, as with --cmd
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
    let request =
        RunRequest { cmd: (!words.is_empty()).then_some(words), env, at, by: Some(who::asks()) };
    if wait {
        return wait::run(&connection, &name, &request).await;
    }
    match Client::new(&connection)?.run(&name, &request).await? {
        Asked::Accepted(record) => {
            if !for_instant.is_empty() {
                output::note(format_args!("{name} runs{for_instant}"));
            }
            output::line(format_args!("{name}/{}", record.run))
        }
        Asked::Skipped(record) => {
            let why = record.reason.unwrap_or_else(|| "its policies forbid it".to_owned());
            let why = output::on_one_line(&why);
            let state = RunState::clause(&record.state);
            bail!("{name} does not run now: {why} ({name}/{} {state})", record.run)
        }
    }
}

/// `KEY=VALUE`; where only the key is given, the value is the one that this command sees.
fn variable(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some(("", _)) => Err("write KEY=VALUE".to_owned()),
        Some(_) => Ok(text.to_owned()),
        None => match env::var(text) {
            Ok(value) => Ok(format!("{text}={value}")),
            Err(_) => Err(format!("the variable is not set here: write {text}=VALUE")),
        },
    }
}
