//! Reads a file of specifications, and shows every mistake in it at its place.

mod snippet;

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use docket_model::{
    container::UnknownOptions,
    document::{self, Located, MAX_LENGTH, Read},
    mistake::Reported,
};

use self::snippet::Snippets;
use crate::{commands::AlreadyTold, output};

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
        let bytes = self.bytes().with_context(|| format!("cannot read {name}"))?;
        ensure!(
            bytes.len() <= MAX_LENGTH,
            "{name} is larger than a document may be, {} MiB: split it",
            MAX_LENGTH >> 20
        );
        let text = String::from_utf8(bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
            .with_context(|| format!("cannot read {name}"))?;
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

    /// The file up to a byte more than a document may have, so that no device is read for ever.
    fn bytes(&self) -> io::Result<Vec<u8>> {
        let limit = MAX_LENGTH as u64 + 1;
        let mut bytes = Vec::new();
        if self.is_standard_input() {
            io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
        } else {
            File::open(&self.file)?.take(limit).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    }

    fn is_standard_input(&self) -> bool {
        self.file == Path::new("-")
    }
}

fn tell(name: &str, text: &str, mistakes: &Reported<Located>) {
    let snippets = Snippets::new(name, text);
    for mistake in &mistakes.shown {
        output::note(snippets.show(mistake));
    }
    let count = mistakes.shown.len() + mistakes.omitted;
    let noun = if count == 1 { "error" } else { "errors" };
    let shown = match mistakes.omitted {
        0 => String::new(),
        _ => format!("; the first {} are shown above", mistakes.shown.len()),
    };
    output::note(format_args!("error: {name}: {count} {noun}{shown}"));
}
