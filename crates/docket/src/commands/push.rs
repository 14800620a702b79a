//! `docket push`: creates and updates the allocations of a file or a directory.

use std::fmt::Write;

use anyhow::Result;
use clap::Args;
use docket_model::wire::PushedName;

use crate::{
    client::{Client, Connection},
    print,
    read_specifications::Source,
};

/// Creates or updates the allocations of a file or a directory: all of them, or none if one is rejected
///
/// The files are checked first: if there are errors, each is shown with its line and column, and nothing
/// is sent.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,

    /// Print each specification as it is sent
    #[arg(long, short)]
    verbose: bool,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket push
  docket push jobs/
  docket push nightly.yml --host docket.example.org:3000
  docket get report -o json | docket push - --host other.example.org:3000";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let source = &arguments.source;
    let specifications: Vec<_> =
        source.read()?.into_iter().map(|found| found.read.specification).collect();
    // Not an error: a generated file may be empty.
    if specifications.is_empty() {
        print::note(format_args!("{}: no allocations, nothing to push", source.name()));
        return Ok(());
    }
    let client = Client::new(&arguments.connection)?;
    if arguments.verbose {
        for specification in &specifications {
            // Converted to a JSON value first, so that the container is indented like the rest.
            print::json(&serde_json::to_value(specification)?)?;
        }
    }
    let results = client.push(&specifications, source.unknown_options()).await?;
    print::bytes(in_words(&results).as_bytes())
}

/// One line for each name: `Created` and `Updated` as in the original docket, and `Unchanged`.
fn in_words(results: &[PushedName]) -> String {
    let mut words = String::new();
    for PushedName { name, result } in results {
        let effect = match result.as_str() {
            "created" => "Created",
            "unchanged" => "Unchanged",
            // Words of later versions count as a change.
            _ => "Updated",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(words, "{effect} allocation {name}");
    }
    words
}
