//! A mistake and its place.

use std::fmt;

use crate::mistake::Mistake;

/// A mistake in a document, or a warning about it, with its place in the text.
///
/// Written `3:9: Container.Config.Image: Image is required`; [`Located::in_file`] adds the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// What is wrong; of a schedule with several mistakes, one of them.
    pub mistake: Mistake,
    /// Counted from 1.
    pub line: usize,
    /// Counted in characters, from 1.
    pub column: usize,
    /// Where the offending text begins, in bytes.
    pub offset: usize,
    /// How long it is, in bytes; it ends on the line where it begins.
    pub length: usize,
}

impl Located {
    /// Shows the file, too: `docket.yml:3:9: Container.Config.Image: Image is required`.
    #[must_use]
    pub fn in_file<'a>(&'a self, file: &'a str) -> InFile<'a> {
        InFile { file, located: self }
    }
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.mistake)
    }
}

/// Shows a mistake with the name of its file.
#[derive(Debug, Clone, Copy)]
pub struct InFile<'a> {
    file: &'a str,
    located: &'a Located,
}

impl fmt::Display for InFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.located)
    }
}
