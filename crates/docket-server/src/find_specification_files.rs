//! Finds the files of specifications at a path: the same ones for `docket server --file`, `push` and
//! `check`. No file is opened here.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use docket_model::AllocationName;
use thiserror::Error;

/// Why a path has no files of specifications.
#[derive(Debug, Error)]
pub enum NoFiles {
    /// The file or the directory cannot be read.
    #[error("cannot read `{path}`")]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A directory without specification files.
    #[error(
        "`{0}` has no files whose names end in .yml, .yaml or .json; files whose names begin with a \
         dot are left out"
    )]
    Empty(PathBuf),
}

/// The file itself, or the files of a directory that are not hidden, in the order of their names.
///
/// # Errors
/// The path cannot be read, or is a directory without such files.
pub fn specification_files(path: &Path) -> Result<Vec<PathBuf>, NoFiles> {
    let unreadable = |source| NoFiles::Unreadable { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let ending = file.extension().and_then(|ending| ending.to_str());
        // Hidden files are those of editors and other programs.
        if matches!(ending, Some("yml" | "yaml" | "json")) && !name.starts_with('.') {
            files.push(file);
        }
    }
    // The order of `read_dir` depends on the file system, and errors should not.
    files.sort();
    if files.is_empty() { Err(NoFiles::Empty(path.to_owned())) } else { Ok(files) }
}

/// The position of each name in several files.
#[derive(Debug, Default)]
pub struct Definitions {
    places: HashMap<AllocationName, Place>,
}

#[derive(Debug, Clone)]
struct Place {
    file: Arc<str>,
    line: usize,
}

/// A name that two files define.
#[derive(Debug)]
pub struct DefinedTwice {
    name: AllocationName,
    first: Place,
    second: Place,
}

impl Definitions {
    /// Records that a file defines a name on a line.
    ///
    /// # Errors
    /// Another file has defined it.
    pub fn add(
        &mut self,
        name: &AllocationName,
        file: &Arc<str>,
        line: usize,
    ) -> Result<(), DefinedTwice> {
        let second = Place { file: Arc::clone(file), line };
        match self.places.entry(name.clone()) {
            Entry::Occupied(first) => {
                Err(DefinedTwice { name: name.clone(), first: first.get().clone(), second })
            }
            Entry::Vacant(place) => {
                place.insert(second);
                Ok(())
            }
        }
    }

    /// Where a name is defined: file and line.
    #[must_use]
    pub fn place(&self, name: &AllocationName) -> Option<impl fmt::Display + use<'_>> {
        self.places.get(name)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl fmt::Display for DefinedTwice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, first, second } = self;
        write!(f, "{second}: `{name}` is already defined in {first}: rename or remove one of them")
    }
}
