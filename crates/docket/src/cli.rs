//! The command line: its commands and their help.

mod options_before_command;
mod usage_lines;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use docket_model::zone::edition;

use crate::{
    commands::{
        backup, cancel, check, completions, delete, engines, events, get, health, journal, list,
        logs, man, next, notify, pause, push, reset, resume, run, runs, schema, server, suspend,
        top, unpause, why,
    },
    environment_variables, print,
};

/// Runs containers on a schedule: a small server watches the clock, and a Docker engine runs one
/// container for each instant of each allocation.
#[derive(Debug, Parser)]
// Help texts in wider lines are hard to read on large terminals.
#[command(version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Parses the arguments and the environment.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        // The edition decides when daylight saving time begins, so a report of a wrong instant
        // needs it.
        let version = format!("{}\ntime zone data: {}", env!("CARGO_PKG_VERSION"), edition());
        let mut command = environment_variables::without_empty(command().long_version(version));
        let arguments = std::env::args_os().collect::<Vec<_>>();
        let mut matches = command.try_get_matches_from_mut(&arguments)?;
        // Moving the options and parsing again makes them pass the same checks as if they were
        // written after the command.
        if let Some(moved) =
            options_before_command::move_after_command(&mut command, &matches, &arguments)?
        {
            matches = command.try_get_matches_from_mut(moved)?;
        }
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }
}

/// The whole command line, for parsing, completions and manual pages.
pub(crate) fn command() -> clap::Command {
    usage_lines::same_in_errors(Cli::command().args(options_before_command::arguments()))
}

const EXAMPLES: &str = "\
Examples:
  docket server                       start a server on 127.0.0.1:3000
  docket push                         create or update the allocations of docket.yml
  docket list                         list allocations with their next run and last result
  docket run report --wait            run `report` now and wait for its end
  docket logs report -f               follow the output of its newest run
  docket why report                   explain why it did or did not run
  docket top                          watch all allocations and runs live
  docket events                       follow events of runs, allocations and the server
  docket next '0 9 * * 1-5'           show the next instants of a schedule

Every command exits with 0 on success, 1 on failure and 2 on wrong usage; `docket run --wait` exits
with the container's exit code.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    // Boxed, because every command would otherwise be as large as the options of the server.
    Server(Box<server::Arguments>),
    Push(push::Arguments),
    Check(check::Arguments),
    List(list::Arguments),
    Get(get::Arguments),
    Delete(delete::Arguments),
    Run(run::Arguments),
    Cancel(cancel::Arguments),
    Runs(runs::Arguments),
    Logs(logs::Arguments),
    Why(why::Arguments),
    Top(top::Arguments),
    Events(events::Arguments),
    Engines(engines::Arguments),
    Next(next::Arguments),
    Suspend(suspend::Arguments),
    Resume(resume::Arguments),
    Reset(reset::Arguments),
    Pause(pause::Arguments),
    Unpause(unpause::Arguments),
    Journal(journal::Arguments),
    Backup(backup::Arguments),
    Notify(notify::Arguments),
    Health(health::Arguments),
    Schema(schema::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

impl Command {
    pub(crate) async fn run(self) -> Result<()> {
        // The server logs these warnings itself: its log format may be JSON.
        if !matches!(self, Self::Server(_)) {
            environment_variables::unknown_variables().iter().for_each(print::warning);
        }
        match self {
            Self::Server(arguments) => server::run(*arguments).await,
            Self::Push(arguments) => push::run(arguments).await,
            Self::Check(arguments) => check::run(arguments).await,
            Self::List(arguments) => list::run(arguments).await,
            Self::Get(arguments) => get::run(arguments).await,
            Self::Delete(arguments) => delete::run(arguments).await,
            Self::Run(arguments) => run::run(arguments).await,
            Self::Cancel(arguments) => cancel::run(arguments).await,
            Self::Runs(arguments) => runs::run(arguments).await,
            Self::Logs(arguments) => logs::run(arguments).await,
            Self::Why(arguments) => why::run(arguments).await,
            Self::Top(arguments) => top::run(arguments).await,
            Self::Events(arguments) => events::run(arguments).await,
            Self::Engines(arguments) => engines::run(arguments).await,
            Self::Next(arguments) => next::run(arguments).await,
            Self::Suspend(arguments) => suspend::run(arguments).await,
            Self::Resume(arguments) => resume::run(arguments).await,
            Self::Reset(arguments) => reset::run(arguments).await,
            Self::Pause(arguments) => pause::run(arguments).await,
            Self::Unpause(arguments) => unpause::run(arguments).await,
            Self::Journal(arguments) => journal::run(arguments).await,
            Self::Backup(arguments) => backup::run(arguments).await,
            Self::Notify(arguments) => notify::run(arguments).await,
            Self::Health(arguments) => health::run(arguments).await,
            Self::Schema(_) => schema::run(),
            Self::Completions(arguments) => completions::run(&arguments),
            Self::Man(arguments) => man::run(&arguments),
        }
    }
}
