//! Reads a file of specifications, and shows every mistake in it at its place.

mod snippet;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Args;
use docket_model::{
    container::UnknownOptions,
    document::{self, Located, Read},
};

use self::snippet::Snippets;
use crate::{commands::AlreadyTold, output};

/// Nobody reads more mistakes than this at once.
const SHOWN_MISTAKES: usize = 50;

/// Where specifications are read from, and how strictly.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// File with specifications in YAML or JSON; `-` is standard input
    #[arg(value_name = "FILE", default_value = "docket.yml")]
    file: PathBuf,

    /// Let options through that the Engine API of this version does not know, with a warning
    #[arg(
        long,
        env = "DOCKET_ALLOW_UNKNOWN_OPTIONS",
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    allow_unknown_options: bool,
}

impl Source {
    /// What the source is called in messages.
    pub(crate) fn name(&self) -> String {
        if self.is_standard_input() {
            "standard input".to_owned()
        } else {
            self.file.display().to_string()
        }
    }

    /// What becomes of options that the Engine API does not know.
    pub(crate) fn unknown_options(&self) -> UnknownOptions {
        if self.allow_unknown_options { UnknownOptions::Allow } else { UnknownOptions::Refuse }
    }

    /// Reads all specifications; tells warnings and mistakes.
    ///
    /// # Errors
    /// [`AlreadyTold`] where there are mistakes.
    pub(crate) fn read(&self) -> Result<Vec<Read>> {
        let name = self.name();
        let text = self.text().with_context(|| format!("cannot read {name}"))?;
        // An editor's mark at the beginning is no part of the text.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let document = document::read(text, self.unknown_options()).map_err(|mistakes| {
            tell(&name, text, &mistakes);
            AlreadyTold
        })?;
        for warning in document.specifications.iter().flat_map(|read| &read.warnings) {
            output::warning(warning.in_file(&name));
        }
        Ok(document.specifications)
    }

    fn text(&self) -> io::Result<String> {
        if self.is_standard_input() {
            io::read_to_string(io::stdin().lock())
        } else {
            fs::read_to_string(&self.file)
        }
    }

    fn is_standard_input(&self) -> bool {
        self.file == Path::new("-")
    }
}

fn tell(name: &str, text: &str, mistakes: &[Located]) {
    let snippets = Snippets::new(name, text);
    for mistake in mistakes.iter().take(SHOWN_MISTAKES) {
        output::note(snippets.show(mistake));
    }
    let count = mistakes.len();
    let noun = if count == 1 { "mistake" } else { "mistakes" };
    let shown = if count > SHOWN_MISTAKES { ", of which these are the first" } else { "" };
    output::note(format_args!("error: {name}: {count} {noun}{shown}"));
}
