//! `docket man`: manual pages, from the same texts as the help.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_mangen::Man;

use crate::{cli::Cli, output};

/// Prints the manual page, or writes that of every command into a directory
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Where to write docket.1, docket-push.1 and all others
    #[arg(value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  docket man | man -l -
  docket man /usr/local/share/man/man1";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut docket = Cli::command();
    docket.build();
    let Some(directory) = &arguments.directory else {
        return output::bytes(&page(docket)?);
    };
    let told = || format!("cannot write to {}", directory.display());
    fs::create_dir_all(directory).with_context(told)?;
    let pages = docket.clone().get_subcommands().cloned().collect::<Vec<_>>();
    for command in std::iter::once(docket).chain(pages) {
        let man = Man::new(command.clone());
        fs::write(directory.join(man.get_filename()), page(command)?).with_context(told)?;
    }
    Ok(())
}

fn page(command: clap::Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(page)
}
