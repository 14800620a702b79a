//! The command line: its commands, and what their help says.

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{
    commands::{check, completions, delete, get, health, list, logs, next, push, server},
    environment, output,
};

/// Runs containers on a schedule: one small server watches the clock, and a Docker engine pulls,
/// creates and starts a container for each instant that an allocation names.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  docket server                       start a server on 127.0.0.1:3000
  docket push                         create or update the allocations of docket.yml
  docket list                         see them, when they run next and how they ran last
  docket logs report                  see what the newest run of `report` wrote
  docket next '0 9 * * 1-5'           see when a schedule is due

Every command answers 0 when it did what was asked, 1 when it failed, and 2 when it was misused.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Server(Box<server::Arguments>),
    Push(push::Arguments),
    List(list::Arguments),
    Get(get::Arguments),
    Delete(delete::Arguments),
    Check(check::Arguments),
    Next(next::Arguments),
    Logs(logs::Arguments),
    Health(health::Arguments),
    Completions(completions::Arguments),
}

impl Command {
    pub(crate) async fn run(self) -> Result<()> {
        // The server says it in its log, whose format may be JSON.
        if !matches!(self, Self::Server(_)) {
            environment::unknown_variables().iter().for_each(output::warning);
        }
        match self {
            Self::Server(arguments) => server::run(*arguments).await,
            Self::Push(arguments) => push::run(arguments).await,
            Self::List(arguments) => list::run(arguments).await,
            Self::Get(arguments) => get::run(arguments).await,
            Self::Delete(arguments) => delete::run(arguments).await,
            Self::Check(arguments) => check::run(&arguments),
            Self::Next(arguments) => next::run(arguments).await,
            Self::Logs(arguments) => logs::run(arguments).await,
            Self::Health(arguments) => health::run(arguments).await,
            Self::Completions(arguments) => completions::run(&arguments),
        }
    }
}
