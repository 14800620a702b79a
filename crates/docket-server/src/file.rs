//! Allocations that stand in a file or a directory of files: `docket server --file`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use docket_model::{
    AllocationName, Origin, Reported, Specification, container::UnknownOptions, document,
};
use thiserror::Error;

use crate::{runner::NO_FOLDER, store::StoreError};

/// Why a file is not taken.
#[derive(Debug, Error)]
pub enum FileError {
    /// The file or the directory cannot be read.
    #[error("`{path}` cannot be read")]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory without a single file.
    #[error("`{0}` has no files whose names end in .yml, .yaml or .json")]
    Empty(PathBuf),
    /// There are mistakes in it; each on its line, with its place.
    #[error("{0}")]
    Mistaken(String),
    /// Two files define one name.
    #[error("`{name}` is defined in {first} and again in {second}")]
    Twice {
        /// The name.
        name: String,
        /// The file that comes first.
        first: String,
        /// The other one.
        second: String,
    },
    /// It wants files of variables, and the server has no folder for them.
    #[error("`{0}` has `EnvFiles`, and {NO_FOLDER}")]
    NoEnvDir(AllocationName),
    /// The names belong to someone else, or what runs after what does not fit.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a file or a directory has.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) specifications: Vec<Specification>,
    pub(crate) origin: Origin,
    /// The path, for the journal.
    pub(crate) by: Arc<str>,
}

/// Reads all allocations of a file or a directory.
pub(crate) fn read(path: &Path, options: UnknownOptions) -> Result<Read, FileError> {
    let mut specifications: Vec<Specification> = Vec::new();
    let mut homes = std::collections::HashMap::new();
    let mut mistakes: Reported<String> = Reported::default();
    for file in files(path)? {
        let text = fs::read_to_string(&file)
            .map_err(|source| FileError::Unreadable { path: file.clone(), source })?;
        let shown = file.display().to_string();
        match document::read(&text, options) {
            Err(wrong) => {
                mistakes.extend(wrong.shown.iter().map(|it| it.in_file(&shown).to_string()));
                mistakes.omitted += wrong.omitted;
            }
            Ok(document) => {
                for document::Read { specification, .. } in document.specifications {
                    let name = specification.name.to_string();
                    if let Some(first) = homes.insert(name.clone(), shown.clone()) {
                        return Err(FileError::Twice { name, first, second: shown });
                    }
                    specifications.push(specification);
                }
            }
        }
    }
    if !mistakes.is_empty() {
        let rest = mistakes.rest();
        let lines: Vec<_> = mistakes.shown.into_iter().chain(rest).collect();
        return Err(FileError::Mistaken(lines.join("\n")));
    }
    let origin = Origin::File(Arc::from(path.display().to_string()));
    let by = path.display().to_string().into();
    Ok(Read { specifications, origin, by })
}

/// The file itself, or the files of a directory that are not hidden, in the order of their names.
fn files(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let ending = file.extension().and_then(|ending| ending.to_str());
        // What an editor or another program hides there is no file of the user's.
        if matches!(ending, Some("yml" | "yaml" | "json")) && !name.starts_with('.') {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err(FileError::Empty(path.to_owned())) } else { Ok(files) }
}
