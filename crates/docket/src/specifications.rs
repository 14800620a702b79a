//! Reads files of specifications, and shows every error in them at its place.

mod snippet;

use std::{
    borrow::Cow,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use docket_model::{
    Zone,
    container::UnknownOptions,
    document::{self, Located, MAX_LENGTH, Read},
    finding::Reported,
};
use docket_server::specification_files::{Definitions, specification_files};

use self::snippet::Snippets;
use crate::{clock, commands::AlreadyTold, output};

/// The file that is read where none is named.
const USUAL: &str = "docket.yml";

/// Where specifications are read from, and how strictly.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// File with specifications in YAML or JSON, or directory whose files (.yml, .yaml, .json) have
    /// them; `-` is standard input
    #[arg(value_name = "FILE", default_value = USUAL)]
    path: PathBuf,

    /// Let options through that the Engine API of this version does not know, with a warning
    #[arg(
        long,
        env = "DOCKET_ALLOW_UNKNOWN_OPTIONS",
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    allow_unknown_options: bool,
}

/// A specification, and the file that has it.
#[derive(Debug)]
pub(crate) struct Found {
    /// The file, as it is called in messages.
    pub(crate) file: Arc<str>,
    /// What was read.
    pub(crate) read: Read,
}

impl Source {
    /// What the source is called in messages.
    pub(crate) fn name(&self) -> String {
        if self.is_standard_input() {
            "standard input".to_owned()
        } else {
            self.path.display().to_string()
        }
    }

    /// What becomes of options that the Engine API does not know.
    pub(crate) fn unknown_options(&self) -> UnknownOptions {
        if self.allow_unknown_options { UnknownOptions::Allow } else { UnknownOptions::Refuse }
    }

    /// Reads all specifications; tells warnings and errors of all files.
    ///
    /// # Errors
    /// [`AlreadyTold`] where there are errors.
    pub(crate) fn read(&self) -> Result<Vec<Found>> {
        if self.is_standard_input() {
            return self.read_file(&self.path, &self.name().into());
        }
        ensure!(
            self.path != Path::new(USUAL) || self.path.exists(),
            "there is no {USUAL} in this directory: name a file or a directory with specifications, \
             or - for standard input"
        );
        let mut all = Vec::new();
        let mut definitions = Definitions::default();
        let mut has_failed = false;
        for path in specification_files(&self.path)? {
            match self.read_file(&path, &path.display().to_string().into()) {
                Ok(found) => all.extend(found),
                Err(error) if error.is::<AlreadyTold>() => has_failed = true,
                Err(error) => return Err(error),
            }
        }
        for Found { file, read } in &all {
            if let Err(twice) = definitions.add(&read.specification.name, file, read.line) {
                output::note(format_args!("error: {twice}"));
                has_failed = true;
            }
        }
        if has_failed { Err(AlreadyTold.into()) } else { Ok(all) }
    }

    /// Reads the specifications of one file; tells its warnings and errors.
    fn read_file(&self, path: &Path, name: &Arc<str>) -> Result<Vec<Found>> {
        let bytes = self.bytes(path).with_context(|| format!("cannot read {name}"))?;
        ensure!(
            bytes.len() <= MAX_LENGTH,
            "{name} is larger than a document may be, {} MiB: split it",
            MAX_LENGTH >> 20
        );
        let text = document::decode(&bytes).map_err(|place| {
            tell(name, &lossy(&bytes), &[place].into_iter().collect());
            AlreadyTold
        })?;
        let mut document = document::read(text, self.unknown_options()).map_err(|errors| {
            tell(name, text, &errors);
            AlreadyTold
        })?;
        for read in &mut document.specifications {
            // What is over does not depend on the hours between the zones of the server and UTC.
            read.warn_if_over(clock::now(), Zone::utc());
        }
        for warning in document.specifications.iter().flat_map(|read| &read.warnings) {
            output::warning(warning.in_file(name));
        }
        let found = |read| Found { file: Arc::clone(name), read };
        Ok(document.specifications.into_iter().map(found).collect())
    }

    /// The file up to a byte more than a document may have, so that no device is read for ever.
    fn bytes(&self, path: &Path) -> io::Result<Vec<u8>> {
        let limit = MAX_LENGTH as u64 + 1;
        let mut bytes = Vec::new();
        if self.is_standard_input() {
            io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
        } else {
            File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    }

    fn is_standard_input(&self) -> bool {
        self.path == Path::new("-")
    }
}

/// The text to show an error in, where the bytes are none: up to the error it has the same places.
fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
}

fn tell(name: &str, text: &str, errors: &Reported<Located>) {
    let snippets = Snippets::new(name, text);
    for finding in &errors.shown {
        output::note(snippets.show(finding));
    }
    let count = errors.shown.len() + errors.omitted;
    let noun = if count == 1 { "error" } else { "errors" };
    let shown = match errors.omitted {
        0 => String::new(),
        _ => format!("; the first {} are shown above", errors.shown.len()),
    };
    output::note(format_args!("error: {name}: {count} {noun}{shown}"));
}
