//! The output options of `list` and `get`.

use clap::Args;

use crate::{
    client::Client,
    print::{self, Format},
};

/// The output format, and whether to print the request too.
#[derive(Debug, Args)]
pub(super) struct Shown {
    /// Output format [default: table on a terminal, json elsewhere]
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Format>,

    /// Print the request to standard error; with JSON and YAML it is always printed if standard output is
    /// not a terminal, as in the original docket
    #[arg(long, short)]
    verbose: bool,
}

impl Shown {
    /// The requested format or the default.
    pub(super) fn format(&self) -> Format {
        Format::or_default(self.output)
    }

    /// Prints the request for this path if the options say so.
    pub(super) fn note_request(&self, client: &Client, path: &str) {
        let is_as_original = !print::is_terminal() && self.format() != Format::Table;
        if self.verbose || is_as_original {
            print::note(format_args!("GET {}", client.url(path)));
        }
    }
}
