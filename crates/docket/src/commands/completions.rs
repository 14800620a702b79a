//! `docket completions`: completion scripts for shells.

use anyhow::Result;
use clap::Args;
use clap_complete::Shell;

use crate::{cli, print};

/// Prints the completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  docket completions bash > /etc/bash_completion.d/docket
  docket completions zsh > ~/.zfunc/_docket
  docket completions fish > ~/.config/fish/completions/docket.fish";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    // Through memory, because `generate` panics if standard output is closed.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut cli::command(), "docket", &mut script);
    print::bytes(&script)
}
