//! `docket man`: manual pages, made from the help texts.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Command, builder::Resettable};
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};

use crate::{cli, print};

/// Prints the manual page of docket, or writes the pages of all commands into a directory
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Directory for docket.1, docket-push.1 and so on
    #[arg(value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  docket man | man -l -
  docket man /usr/local/share/man/man1";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut docket = cli::command();
    docket.build();
    let Some(directory) = &arguments.directory else {
        return print::bytes(&page(docket)?);
    };
    let context = || format!("cannot write to {}", directory.display());
    fs::create_dir_all(directory).with_context(context)?;
    let pages = docket.clone().get_subcommands().cloned().collect::<Vec<_>>();
    for command in std::iter::once(docket).chain(pages) {
        let man = Man::new(command.clone());
        fs::write(directory.join(man.get_filename()), page(command)?).with_context(context)?;
    }
    Ok(())
}

fn page(command: Command) -> Result<Vec<u8>> {
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    // clap_mangen would join the lines of the examples to one paragraph.
    let man = Man::new(command.after_help(Resettable::Reset));
    let mut page = Vec::new();
    man.source(concat!("docket ", env!("CARGO_PKG_VERSION"))).render(&mut page)?;
    page.extend_from_slice(in_roff(&examples).as_bytes());
    Ok(page)
}

/// Renders the examples of a help text as separate lines, and the text after them as a paragraph.
fn in_roff(help: &str) -> String {
    let examples = help.strip_prefix("Examples:\n").unwrap_or(help);
    let (examples, rest) = examples.split_once("\n\n").unwrap_or((examples, ""));
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]);
    roff.control("nf", []).text([roman(examples)]).control("fi", []);
    if !rest.is_empty() {
        roff.control("PP", []).text([roman(rest)]);
    }
    roff.to_roff()
}
