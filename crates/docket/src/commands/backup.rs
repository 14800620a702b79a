//! `docket backup`: copies the server's store into a file.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::{
    Args,
    builder::{PathBufValueParser, TypedValueParser},
};

use crate::{
    client::{Client, Connection},
    print, size_text,
};

/// Copies the server's store into a file while the server runs
///
/// The file is complete or absent, and only its owner can read it.
///
/// To restore it, stop the server and replace its store with the file. The server does not repeat
/// anything that may have run since the backup: it records the instants since then as missed, with that
/// reason.
///
/// To test a restore, open a copy of the file in another namespace, paused: that server touches no
/// container of the original and starts nothing.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The file to write; FILE.part until the copy is complete
    #[arg(value_name = "FILE", value_parser = PathBufValueParser::new().try_map(named))]
    file: PathBuf,

    /// Replace an existing file
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket backup docket.backup
  docket backup --force /var/backups/docket.db
  docket server --store sqlite:copy.db --namespace restore-test --paused --listen 127.0.0.1:3001";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let file = &arguments.file;
    let shown = file.display();
    if file.is_dir() {
        bail!("`{shown}` is a directory: name a file in it");
    }
    // A dangling link counts as existing: the rename would replace it.
    if !arguments.force && file.symlink_metadata().is_ok() {
        bail!("`{shown}` already exists: name another file, or replace it with --force");
    }
    if is_store_in_use(file) {
        bail!("`{shown}` is the store of a running server: name another file");
    }
    let client = Client::new(&arguments.connection)?;
    // The copy goes beside its final name, because a rename is atomic only within one file system.
    let part = part(file);
    let written = write(&client, &part).await;
    let placed = written.and_then(|bytes| {
        place(&part, file).with_context(|| format!("cannot write {shown}"))?;
        Ok(bytes)
    });
    match placed {
        Ok(bytes) => print::line(format_args!("{shown}: {}", size_text::shown(bytes))),
        Err(error) => {
            // An incomplete copy is useless. It may not exist yet, so a failed removal is ignored.
            let _ = fs::remove_file(&part);
            Err(error)
        }
    }
}

/// Rejects `-`: a pipe cannot tell a complete copy from one that was cut off.
fn named(file: PathBuf) -> Result<PathBuf, &'static str> {
    if file.as_os_str() == "-" {
        return Err(
            "a backup cannot go to standard output, where a cut-off copy looks complete: name a \
                    file (`./-` for a file of that name)",
        );
    }
    Ok(file)
}

fn part(file: &Path) -> PathBuf {
    beside(file, ".part")
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut beside = file.as_os_str().to_owned();
    beside.push(ending);
    beside.into()
}

/// True if a server has the file open: it would keep writing to the replaced file.
fn is_store_in_use(file: &Path) -> bool {
    // The server's lock is next to the file that links lead to.
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let lock = File::open(beside(&file, ".lock"));
    // A shared lock does not keep a server from starting: it is released when `lock` is dropped
    // here.
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Writes the copy and syncs it to disk; returns its length in bytes.
async fn write(client: &Client, part: &Path) -> Result<u64> {
    let mut copy = client.backup().await?;
    let failed = || format!("cannot write {}", part.display());
    let mut file = create(part).with_context(failed)?;
    let mut written = 0;
    while let Some(piece) = copy.next().await? {
        file.write_all(piece.as_ref()).with_context(failed)?;
        written += piece.as_ref().len() as u64;
    }
    if written == 0 {
        bail!("the server sent an empty backup");
    }
    // The data must be on disk before the name is: otherwise a crash could leave an empty file
    // under the final name.
    file.sync_all().with_context(failed)?;
    Ok(written)
}

/// Creates a file that only its owner can read; replaces one that an earlier attempt left.
fn create(part: &Path) -> io::Result<File> {
    match fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // `mode` applies only to a file that is created. An existing one could be readable by others,
    // or be a link.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(part)
}

/// Renames the copy to its final name and syncs the directory.
fn place(part: &Path, file: &Path) -> io::Result<()> {
    fs::rename(part, file)?;
    // The parent of a bare file name is the empty path, which cannot be opened.
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
