//! Binds a Unix socket that only its owner can open, and replaces a stale socket of a crashed server.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::Path,
};

/// Binds a socket with mode 0600 at `path`. A socket file on which no process listens is replaced.
///
/// # Errors
/// `AddrInUse` if another process listens there, `AlreadyExists` if the file is not a socket.
pub(super) fn bind(path: &Path) -> io::Result<UnixListener> {
    // Not following links: the file that would be replaced is the link itself.
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {
            // The file alone says nothing: a crashed server leaves it behind.
            if UnixStream::connect(path).is_ok() {
                let message = "another process listens on this socket";
                return Err(io::Error::new(io::ErrorKind::AddrInUse, message));
            }
            fs::remove_file(path)?;
        }
        // Binding here would overwrite a file of the user.
        Ok(_) => {
            let message = "the file exists and is not a socket";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        Err(_) => {}
    }
    // Bound at a temporary path and renamed after chmod: other users can never open it.
    let temporary = path.with_extension(format!("{}.new", std::process::id()));
    // Left by a crashed server with the same process id, which is usual in containers.
    let _ = fs::remove_file(&temporary);
    let listener = UnixListener::bind(&temporary)?;
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o600))?;
    fs::rename(&temporary, path)?;
    Ok(listener)
}
