//! The token that a client sends, and its source.

use std::{
    env, fmt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use reqwest::header::HeaderValue;

use crate::{print, secret_file};

/// The variable with the token itself; an option would show it to other users.
pub(crate) const TOKEN_VARIABLE: &str = "DOCKET_TOKEN";

/// A token, ready to send.
pub(super) struct Token {
    /// The value of the header `Authorization`.
    pub(super) header: HeaderValue,
    /// Its source.
    pub(super) source: TokenSource,
}

/// The source of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// This file.
    File(PathBuf),
    /// The environment.
    Variable,
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => {
                let file = file.display();
                write!(f, "`{file}` (from --token-file or DOCKET_TOKEN_FILE)")
            }
            Self::Variable => f.write_str(TOKEN_VARIABLE),
        }
    }
}

/// The token in the file, or else the one in the environment, if there is one; `warn` reports a file that
/// other users can read.
pub(crate) fn find_token(
    file: Option<&Path>,
    warn: impl Fn(&str),
) -> Result<Option<(String, TokenSource)>> {
    // The file comes first: an option is more specific than a variable that a shell profile may
    // set.
    let Some(file) = file else {
        let text = env::var(TOKEN_VARIABLE).ok().filter(|text| !text.is_empty());
        return Ok(text.map(|text| (text, TokenSource::Variable)));
    };
    let source = TokenSource::File(file.to_owned());
    let read = secret_file::read("token file", file);
    let read = read.with_context(|| format!("cannot read {source}"))?;
    read.warning.iter().for_each(|warning| warn(warning));
    Ok(Some((read.text, source)))
}

impl Token {
    /// The token in the file, or else the one in the environment, if there is one.
    pub(super) fn find(file: Option<&Path>) -> Result<Option<Self>> {
        let found = find_token(file, |warning| print::warning(warning))?;
        found.map(|(text, source)| Self::parse(text.trim(), source)).transpose()
    }

    fn parse(text: &str, source: TokenSource) -> Result<Self> {
        // An empty file is often a secret that was not mounted. Without this error the server would
        // only say that a token is required.
        if text.is_empty() {
            bail!("there is no token in {source}");
        }
        if !text.chars().all(|c| c.is_ascii_graphic()) {
            bail!("the token in {source} must be printable ASCII characters without spaces");
        }
        let mut header = HeaderValue::try_from(format!("Bearer {text}"))?;
        // Keeps the token out of debug output of the HTTP library.
        header.set_sensitive(true);
        Ok(Self { header, source })
    }
}
