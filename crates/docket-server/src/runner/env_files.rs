//! The variables of `EnvFiles`: read at each start, and neither stored, shown nor logged.

mod open_beneath;
mod parse_lines;

use std::{io::Read as _, path::Path, time::Duration};

use docket_model::utf8_text;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use self::{open_beneath::open_beneath, parse_lines::variables};

/// The largest file of variables, in bytes.
const LARGEST: u64 = 1 << 20;

/// How long it may take to read all files of a run: a disk over the network may not answer at all.
const LIMIT: Duration = Duration::from_secs(10);

/// How many threads read at once, so that a disk that does not answer delays nothing else.
static READERS: Semaphore = Semaphore::const_new(16);

/// Reads the variables of these files below a folder; of a variable that is in several the last
/// stands.
///
/// # Errors
/// What cannot be read and why, in words; values are never shown.
pub(crate) async fn read(folder: Option<&Path>, files: &[Box<str>]) -> Result<Vec<String>, String> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let folder = folder.ok_or(NO_FOLDER)?.to_owned();
    let files = files.to_vec();
    let read = async {
        let permit = READERS.acquire().await;
        let read = spawn_blocking(move || {
            // It belongs to the thread: one that still hangs after the timeout counts as a reader.
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
    let of_file = |problem: String| format!("the env file `{file}` {problem}");
    let opened = open_beneath(folder, file).map_err(|error| of_file(error.to_string()))?;
    let mut bytes = Vec::new();
    opened
        // One byte more shows that the file is too large. The size in its metadata may change
        // meanwhile.
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| of_file(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > LARGEST {
        return Err(of_file(format!("is larger than {LARGEST} bytes")));
    }
    let text =
        utf8_text::decode(&bytes).map_err(|error| of_file(format!("has an error in {error}")))?;
    variables(text)
        .map_err(|(line, problem)| of_file(format!("has an error in line {line}: {problem}")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn files_are_read_below_the_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("env");
        fs::create_dir(&inside).unwrap();
        fs::write(inside.join("a"), "A=1\n").unwrap();
        fs::write(folder.path().join("secret"), "S=1\n").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret"), inside.join("link")).unwrap();
        let windows = b"\xef\xbb\xbfA=1\r\nB=2\r\n";
        fs::write(inside.join("windows"), windows).unwrap();
        fs::write(inside.join("latin"), b"A=1\nB=caf\xe9\n").unwrap();
        fs::write(inside.join("wide"), b"\xff\xfeA\x00=\x001\x00").unwrap();
        fs::write(inside.join("shell"), "A=1\nexport B=2\n").unwrap();
        let one = |file: &str| vec![Box::from(file)];

        let inside = Some(&*inside);

        assert_eq!(read(inside, &one("a")).await.unwrap(), ["A=1"]);
        assert_eq!(read(inside, &one("windows")).await.unwrap(), ["A=1", "B=2"]);
        for (file, problem) in [
            (
                "link",
                "leads out of `--env-dir`: put it there, or use a relative link that stays below that directory",
            ),
            ("b", "cannot be read: No such file or directory (os error 2)"),
            (
                "latin",
                "has an error in line 2, column 6: byte 0xE9 is not UTF-8 (`é` in Latin-1): save the file as UTF-8",
            ),
            ("wide", "has an error in line 1, column 1: the file is UTF-16: save it as UTF-8"),
            ("shell", "has an error in line 2: `export` belongs to a shell: write NAME=VALUE"),
        ] {
            let error = read(inside, &one(file)).await.unwrap_err();
            assert_eq!(error, format!("the env file `{file}` {problem}"));
        }
        assert_eq!(read(None, &one("a")).await.unwrap_err(), NO_FOLDER);
    }
}
