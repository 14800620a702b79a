//! How `list` and `get` show what the server answers.

use clap::Args;

use crate::{
    client::Client,
    output::{self, Format},
};

/// The form of the answer, and whether the request is shown too.
#[derive(Debug, Args)]
pub(super) struct Shown {
    /// How to print it [default: table on a terminal, json elsewhere]
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Format>,

    /// Print the request to standard error; without a terminal it is printed beside JSON and YAML in
    /// any case, as the original docket does
    #[arg(long, short)]
    verbose: bool,
}

impl Shown {
    /// The form that was asked for, or the usual one.
    pub(super) fn format(&self) -> Format {
        Format::or_default(self.output)
    }

    /// Prints the request for this path where it is to be seen.
    pub(super) fn note_request(&self, client: &Client, path: &str) {
        let is_as_original = !output::is_terminal() && self.format() != Format::Table;
        if self.verbose || is_as_original {
            output::note(format_args!("GET {}", client.url(path)));
        }
    }
}
