//! Reads files of specifications, and prints every error with its place.

mod error_snippet;

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
use docket_server::find_specification_files::{Definitions, specification_files};

use self::error_snippet::Snippets;
use crate::{clock, commands::AlreadyReported, print};

/// The default file.
const DEFAULT_FILE: &str = "docket.yml";

/// The options of commands that read specifications.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// File with specifications in YAML or JSON, or a directory of such files (.yml, .yaml, .json); `-` is
    /// standard input
    #[arg(value_name = "FILE", default_value = DEFAULT_FILE)]
    path: PathBuf,

    /// Accept container options that this version's Engine API does not know, with a warning
    #[arg(
        long,
        env = "DOCKET_ALLOW_UNKNOWN_OPTIONS",
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    allow_unknown_options: bool,
}

/// A specification and its file.
#[derive(Debug)]
pub(crate) struct Found {
    /// The file, as messages name it.
    pub(crate) file: Arc<str>,
    /// The parsed specification.
    pub(crate) read: Read,
}

impl Source {
    /// The source, as messages name it.
    pub(crate) fn name(&self) -> String {
        if self.is_standard_input() {
            "standard input".to_owned()
        } else {
            self.path.display().to_string()
        }
    }

    /// Whether to accept options that the Engine API does not know.
    pub(crate) fn unknown_options(&self) -> UnknownOptions {
        if self.allow_unknown_options { UnknownOptions::Allow } else { UnknownOptions::Refuse }
    }

    /// Reads all specifications; prints the warnings and errors of all files.
    ///
    /// # Errors
    /// [`AlreadyReported`] if there are errors.
    pub(crate) fn read(&self) -> Result<Vec<Found>> {
        if self.is_standard_input() {
            // One document rejects duplicate names by itself; only several files need
            // `Definitions`.
            return self.read_file(&self.path, &self.name().into());
        }
        ensure!(
            // The bare command in a wrong directory is the most frequent case; the error of the
            // system would not say what to do.
            self.path != Path::new(DEFAULT_FILE) || self.path.exists(),
            "there is no `{DEFAULT_FILE}` in this directory: name a file or a directory with specifications, \
             or - for standard input"
        );
        let mut all = Vec::new();
        let mut definitions = Definitions::default();
        let mut has_failed = false;
        for path in specification_files(&self.path)? {
            match self.read_file(&path, &path.display().to_string().into()) {
                Ok(found) => all.extend(found),
                // The errors of all files are shown at once; a file that cannot be read ends the
                // command.
                Err(error) if error.is::<AlreadyReported>() => has_failed = true,
                Err(error) => return Err(error),
            }
        }
        // After all files were read, so that each file's own errors come first.
        for Found { file, read } in &all {
            if let Err(twice) = definitions.add(&read.specification.name, file, read.line) {
                print::note(format_args!("error: {twice}"));
                has_failed = true;
            }
        }
        if has_failed { Err(AlreadyReported.into()) } else { Ok(all) }
    }

    /// Reads the specifications of one file; prints its warnings and errors.
    fn read_file(&self, path: &Path, name: &Arc<str>) -> Result<Vec<Found>> {
        let bytes = self.bytes(path).with_context(|| format!("cannot read {name}"))?;
        ensure!(
            bytes.len() <= MAX_LENGTH,
            "`{name}` is larger than the limit of {} MiB: split it",
            MAX_LENGTH >> 20
        );
        let text = document::decode(&bytes).map_err(|place| {
            print(name, &lossy(&bytes), &[place].into_iter().collect());
            AlreadyReported
        })?;
        // The same parser as the server's, so what passes here is not rejected there.
        let mut document = document::read(text, self.unknown_options()).map_err(|errors| {
            print(name, text, &errors);
            AlreadyReported
        })?;
        for read in &mut document.specifications {
            // Whether a schedule has ended does not depend on the difference between the server's zone and UTC.
            read.warn_if_over(clock::now(), Zone::utc());
        }
        for warning in document.specifications.iter().flat_map(|read| &read.warnings) {
            print::warning(format_args!("{name}:{warning}"));
        }
        let found = |read| Found { file: Arc::clone(name), read };
        Ok(document.specifications.into_iter().map(found).collect())
    }

    /// Reads at most one byte more than a document may have, so that a device is not read forever.
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

/// The text to show an error in if the bytes are not UTF-8: positions up to the error stay the same.
fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    // The positions are counted without the byte order mark.
    String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
}

fn print(name: &str, text: &str, errors: &Reported<Located>) {
    let snippets = Snippets::new(name, text);
    for finding in &errors.shown {
        print::note(snippets.show(finding));
    }
    let count = errors.shown.len() + errors.omitted;
    let noun = if count == 1 { "error" } else { "errors" };
    let shown = match errors.omitted {
        0 => String::new(),
        _ => format!("; the first {} are shown above", errors.shown.len()),
    };
    print::note(format_args!("error: {name}: {count} {noun}{shown}"));
}
