//! `docket schema`: what an editor needs to check and complete a `docket.yml`.

use anyhow::Result;
use clap::Args;
use docket_model::document;

use crate::print;

/// Prints the JSON Schema of docket.yml, with which an editor completes and checks it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {}

const EXAMPLES: &str = "\
Examples:
  docket schema > docket.schema.json

The first line of docket.yml then names the file for editors with the YAML language server (VS Code,
Neovim, Helix, ...):
  # yaml-language-server: $schema=docket.schema.json";

pub(crate) fn run() -> Result<()> {
    print::json(&document::schema())
}
