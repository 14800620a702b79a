//! `docket backup`: a copy of all that the server keeps, in a file.

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
    output, size,
};

/// Copies all that the server keeps into a file, while the server runs
///
/// The file is complete or absent, and only its owner can read it.
///
/// To restore it, stop the server and put the file in the place of its store. The server then starts
/// nothing again that may have run since the backup: instants that the backup does not know are
/// recorded as missed, with that reason.
///
/// To rehearse a restore, open a copy of the file in another namespace, paused: it touches no container
/// of the original and starts nothing.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The file to be written; FILE.part while it is
    #[arg(value_name = "FILE", value_parser = PathBufValueParser::new().try_map(named))]
    file: PathBuf,

    /// Replace a file that is there
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket backup docket.backup
  docket backup --force /var/backups/docket.db
  docket server --store sqlite:copy.db --namespace rehearsal --paused --listen 127.0.0.1:3001";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let file = &arguments.file;
    let shown = file.display();
    if file.is_dir() {
        bail!("{shown} is a folder: name a file in it");
    }
    if !arguments.force && file.symlink_metadata().is_ok() {
        bail!("{shown} is there already: name another file, or replace it with --force");
    }
    if is_store_in_use(file) {
        bail!("{shown} is the store of a server that runs: name another file");
    }
    let client = Client::new(&arguments.connection)?;
    let part = part(file);
    let written = write(&client, &part).await;
    let placed = written.and_then(|bytes| {
        place(&part, file).with_context(|| format!("cannot write {shown}"))?;
        Ok(bytes)
    });
    match placed {
        Ok(bytes) => output::line(format_args!("{shown}: {}", size::shown(bytes))),
        Err(error) => {
            // What is not whole is of no use; it may not even be there.
            let _ = fs::remove_file(&part);
            Err(error)
        }
    }
}

/// Refuses the sign for standard output: a store cannot be taken back where it turns out cut.
fn named(file: PathBuf) -> Result<PathBuf, &'static str> {
    if file.as_os_str() == "-" {
        return Err(
            "a copy is whole or not there at all, so it cannot go to standard output: name \
                    a file, and write `./-` for one that is called so",
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

/// True where a server has the file open: it would write on into the one that is gone.
fn is_store_in_use(file: &Path) -> bool {
    // A server's lock stands beside the file itself, wherever links lead.
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let lock = File::open(beside(&file, ".lock"));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Writes the copy, and returns how many bytes it has once they are on the disk.
async fn write(client: &Client, part: &Path) -> Result<u64> {
    let mut copy = client.backup().await?;
    let failed = || format!("cannot write {}", part.display());
    let mut file = create(part).with_context(failed)?;
    let mut written = 0;
    while let Some(piece) = copy.piece().await? {
        file.write_all(piece.as_ref()).with_context(failed)?;
        written += piece.as_ref().len() as u64;
    }
    if written == 0 {
        bail!("the server sent an empty copy");
    }
    file.sync_all().with_context(failed)?;
    Ok(written)
}

/// A new file that only its owner can read, in place of one that an earlier try left behind.
fn create(part: &Path) -> io::Result<File> {
    match fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(part)
}

/// Gives the copy its name, for good.
fn place(part: &Path, file: &Path) -> io::Result<()> {
    fs::rename(part, file)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
