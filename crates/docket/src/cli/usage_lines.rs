//! Usage lines: errors show the same ones as the help.

use clap::Command;

const TITLE: &str = "Usage: ";

/// Makes errors show the usage line of the help; clap by default lists only the arguments that were given
/// or are missing.
pub(super) fn same_in_errors(command: Command) -> Command {
    let mut built = command.clone();
    built.build();
    let command = with_usage(command, built.clone());
    command.mut_subcommands(|subcommand| match built.find_subcommand(subcommand.get_name()) {
        Some(built) => with_usage(subcommand, built.clone()),
        None => subcommand,
    })
}

fn with_usage(command: Command, mut built: Command) -> Command {
    let usage = built.render_usage().to_string();
    match usage.strip_prefix(TITLE) {
        Some(usage) => command.override_usage(usage.to_owned()),
        None => command,
    }
}
