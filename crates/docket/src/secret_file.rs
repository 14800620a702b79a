//! Files that hold a secret: reads them, and warns if other users can read them.

use std::{
    fs::{File, Metadata},
    io::{self, Read as _},
    os::unix::fs::MetadataExt,
    path::Path,
};

use docket_model::utf8_text;
use rustix::process::geteuid;

/// The largest secret, in bytes; reading a device may never end.
const LONGEST: u64 = 64 << 10;

/// A secret, and a warning if other users can access its file.
#[derive(Debug)]
pub(crate) struct SecretFile {
    pub(crate) text: String,
    pub(crate) warning: Option<String>,
}

/// Reads a secret of this kind, such as `token file`.
///
/// # Errors
/// The file cannot be read, or is not UTF-8 text.
pub(crate) fn read(kind: &str, path: &Path) -> io::Result<SecretFile> {
    let file = File::open(path)?;
    // The metadata is that of the open file, which is the one that is read.
    let warning = exposure(kind, path, &file.metadata()?);
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let text = utf8_text::decode(&bytes).map_err(invalid)?.to_owned();
    Ok(SecretFile { text, warning })
}

/// A warning if other users can read or change a file with a secret.
pub(crate) fn warning(kind: &str, path: &Path) -> Option<String> {
    // A file that cannot be read is reported by the code that reads it.
    exposure(kind, path, &path.metadata().ok()?)
}

fn exposure(kind: &str, path: &Path, metadata: &Metadata) -> Option<String> {
    let user = geteuid();
    let is_own = user.is_root() || metadata.uid() == user.as_raw();
    // The type of the file is in the same number.
    let (mode, path) = (metadata.mode() & 0o7777, path.display());
    // A file of another user is often shared with this one by its group.
    let others = mode & if is_own { 0o066 } else { 0o006 };
    // A pipe, as in `--token-file <(pass docket)`, has no lasting content to protect.
    if !metadata.is_file() || others == 0 {
        return None;
    }
    let verb = if others & 0o044 == 0 { "change" } else { "read" };
    let owner = if is_own { "" } else { "make this user its owner, then " };
    Some(format!(
        "other users can {verb} the {kind} {path} (mode {mode:04o}): {owner}chmod 600 {path}"
    ))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use tempfile::tempdir;

    use super::*;

    #[test]
    fn a_file_that_others_can_read_or_change_has_a_warning_with_its_mode() {
        let directory = tempdir().unwrap();
        let file = directory.path().join("token");
        fs::write(&file, "secret").unwrap();
        for (mode, can) in [
            (0o600, None),
            (0o400, None),
            (0o711, None),
            (0o644, Some("read")),
            (0o640, Some("read")),
            (0o604, Some("read")),
            (0o620, Some("change")),
            (0o602, Some("change")),
        ] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let path = file.display();
            let expected = can.map(|can| {
                format!("other users can {can} the token file {path} (mode {mode:04o}): chmod 600 {path}")
            });
            assert_eq!(warning("token file", &file), expected);
        }
        assert_eq!(warning("token file", directory.path()), None);
    }
}
