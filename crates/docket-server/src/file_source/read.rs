//! Reads the specifications of a file, or of all files of a directory.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use docket_model::{Origin, Reported, allocation, container::UnknownOptions, document};
use thiserror::Error;

use crate::{
    find_specification_files::{Definitions, NoFiles, specification_files},
    store::StoreError,
};

/// Why a file is not loaded.
#[derive(Debug, Error)]
pub enum FileError {
    /// The file or the directory cannot be read.
    #[error("cannot read `{path}`")]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// There are no files at the path.
    #[error(transparent)]
    NoFiles(#[from] NoFiles),
    /// The files have errors, or ask for what the server or its engines cannot do: one per line, with file and
    /// line.
    #[error("{0}")]
    Invalid(String),
    /// The store rejects the allocations, such as names that were pushed through the API.
    #[error(transparent)]
    Store(StoreError),
}

/// The content of a file or a directory.
#[derive(Debug)]
pub(super) struct Read {
    /// The specifications and the warnings about them.
    pub(super) specifications: Vec<allocation::Read>,
    /// Where each of them is.
    pub(super) definitions: Definitions,
    pub(super) origin: Origin,
    /// The author of the change in the journal: the path.
    pub(super) by: Arc<str>,
}

/// Reads all specifications of a file or a directory.
///
/// # Errors
/// If a file cannot be read, has errors, or defines a name that another file defines.
pub(super) fn read(path: &Path, options: UnknownOptions) -> Result<Read, FileError> {
    let mut all: Vec<allocation::Read> = Vec::new();
    let mut definitions = Definitions::default();
    // Counts further errors instead of keeping them: a directory may have very many.
    let mut errors: Reported<String> = Reported::default();
    for file in specification_files(path)? {
        let bytes = fs::read(&file)
            .map_err(|source| FileError::Unreadable { path: file.clone(), source })?;
        let shown: Arc<str> = file.display().to_string().into();
        let decoded = document::decode(&bytes).map_err(|wrong| [wrong].into_iter().collect());
        match decoded.and_then(|text| document::read(text, options)) {
            // Reading goes on with the next file, so that one load reports the errors of all.
            Err(wrong) => {
                errors.extend(wrong.shown.iter().map(|it| format!("{shown}:{it}")));
                errors.omitted += wrong.omitted;
            }
            Ok(document) => {
                for document::Read { specification, line, warnings } in document.specifications {
                    let warnings = warnings.into_iter().map(|located| located.finding).collect();
                    match definitions.add(&specification.name, &shown, line) {
                        Ok(()) => all.push(allocation::Read { specification, warnings }),
                        Err(twice) => errors.add(twice.to_string()),
                    }
                }
            }
        }
    }
    if !errors.is_empty() {
        let rest = errors.rest();
        let lines: Vec<_> = errors.shown.into_iter().chain(rest).collect();
        return Err(FileError::Invalid(lines.join("\n")));
    }
    let origin = Origin::File(Arc::from(path.display().to_string()));
    let by = path.display().to_string().into();
    Ok(Read { specifications: all, definitions, origin, by })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_errors_of_a_directory_are_reported_with_their_places() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name| directory.path().join(name);
        let item = |name: &str, cron: &str| {
            format!(
                "- Name: {name}\n  Cron: '{cron}'\n  Container: {{Config: {{Image: busybox}}}}\n"
            )
        };
        fs::write(path("a.yml"), item("one", "")).unwrap();
        fs::write(path("b.yml"), item("two", "") + &item("one", "")).unwrap();
        fs::write(path("c.yml"), item("three", "0 25 * * *")).unwrap();
        fs::write(path(".hidden.yml"), "no: allocation").unwrap();

        let error = read(directory.path(), UnknownOptions::Refuse).unwrap_err().to_string();

        let (a, b, c) = (path("a.yml"), path("b.yml"), path("c.yml"));
        let (a, b, c) = (a.display(), b.display(), c.display());
        let lines: Vec<_> = error.lines().collect();
        assert_eq!(
            lines,
            [
                format!("{b}:4: `one` is already defined in {a}:1: rename or remove one of them"),
                format!("{c}:2:12: Cron: hour: 25 is out of range (0-23)"),
            ]
        );
    }
}
