//! The variables of `EnvFiles`: read at each start, and neither stored, shown nor logged.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::OFlags;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

/// The largest file of variables, in bytes.
const LARGEST: u64 = 1 << 20;

/// How long it may take to read all files of a run: a disk over the network may not answer at all.
const LIMIT: Duration = Duration::from_secs(10);

/// How many threads read at once, so that a disk that does not answer holds up nobody else.
static READERS: Semaphore = Semaphore::const_new(16);

/// Reads the variables of these files below a folder; of a variable that is in several the last
/// stands.
///
/// # Errors
/// What cannot be read and why, in words; values are never told.
pub(super) async fn read(folder: Option<&Path>, files: &[Box<str>]) -> Result<Vec<String>, String> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let folder = folder.ok_or(NO_FOLDER)?.to_owned();
    let files = files.to_vec();
    let read = async {
        let permit = READERS.acquire().await;
        let read = spawn_blocking(move || {
            let _permit = permit;
            let each = files.iter().map(|file| read_one(&folder, file));
            each.collect::<Result<Vec<_>, _>>().map(|lines| lines.concat())
        });
        read.await.map_err(|error| error.to_string())?
    };
    timeout(LIMIT, read).await.unwrap_or_else(|_| {
        Err(format!("the env files could not be read within {} s", LIMIT.as_secs()))
    })
}

/// Why no file can be read.
pub(crate) const NO_FOLDER: &str = "the server has no folder of environments: start it with \
                                    `--env-dir DIR` to allow `EnvFiles`";

fn read_one(folder: &Path, file: &str) -> Result<Vec<String>, String> {
    let unreadable = |error: io::Error| format!("the env file `{file}` cannot be read: {error}");
    let path = below(folder, file).map_err(unreadable)?;
    let path = path.ok_or_else(|| format!("the env file `{file}` is not below `--env-dir`"))?;
    let mut text = String::new();
    let opened = open(&path).map_err(unreadable)?;
    opened.take(LARGEST + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LARGEST {
        return Err(format!("the env file `{file}` is larger than {LARGEST} bytes"));
    }
    variables(&text).map_err(|line| {
        format!("line {line} of the env file `{file}` is no variable: write KEY=VALUE")
    })
}

/// Opens a file, and nothing else: a pipe would have its reader wait for a writer.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !opened.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    Ok(opened)
}

/// The file itself, wherever links lead, if that is below the folder.
fn below(folder: &Path, file: &str) -> io::Result<Option<PathBuf>> {
    let folder = folder.canonicalize()?;
    let path = folder.join(file).canonicalize()?;
    Ok(path.starts_with(&folder).then_some(path))
}

/// The lines `KEY=VALUE` as Docker's client reads them: empty ones and those that begin with `#` are
/// passed over, and values are taken as they are. Else the number of the line that is none.
fn variables(text: &str) -> Result<Vec<String>, usize> {
    let mut variables = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once('=') {
            Some((key, _)) if is_name(key) => variables.push(line.to_owned()),
            _ => return Err(index + 1),
        }
    }
    Ok(variables)
}

fn is_name(key: &str) -> bool {
    !key.is_empty() && !key.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn variables_are_read_as_docker_reads_them() {
        let text = "# a comment\nA=1\n\n  B= spaced \nC=\"quoted\"\nD=a=b\n";

        assert_eq!(variables(text).unwrap(), ["A=1", "B= spaced ", "C=\"quoted\"", "D=a=b"]);
        assert_eq!(variables("A=1\nnonsense\n"), Err(2));
        assert_eq!(variables("=1"), Err(1));
    }

    #[tokio::test]
    async fn files_are_read_below_the_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("env");
        fs::create_dir(&inside).unwrap();
        fs::write(inside.join("a"), "A=1\n").unwrap();
        fs::write(folder.path().join("secret"), "S=1\n").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret"), inside.join("link")).unwrap();
        mknodat(CWD, inside.join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let one = |file: &str| vec![Box::from(file)];

        let read_there = read(Some(&inside), &one("a")).await;
        let linked = read(Some(&inside), &one("link")).await;
        let absent = read(Some(&inside), &one("b")).await;
        let nowhere = read(None, &one("a")).await;
        let pipe = read(Some(&inside), &one("pipe")).await;

        assert_eq!(read_there.unwrap(), ["A=1"]);
        assert_eq!(linked.unwrap_err(), "the env file `link` is not below `--env-dir`");
        assert!(absent.unwrap_err().starts_with("the env file `b` cannot be read: No such file"));
        assert_eq!(nowhere.unwrap_err(), NO_FOLDER);
        assert_eq!(pipe.unwrap_err(), "the env file `pipe` cannot be read: it is no file");
    }
}
