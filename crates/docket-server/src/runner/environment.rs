//! The variables of `EnvFiles`: read at each start, and neither stored, shown nor logged.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use tokio::task::spawn_blocking;

/// The largest file of variables, in bytes.
const LARGEST: u64 = 1 << 20;

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
    let read = spawn_blocking(move || {
        let each = files.iter().map(|file| read_one(&folder, file));
        each.collect::<Result<Vec<_>, _>>().map(|lines| lines.concat())
    });
    read.await.map_err(|error| error.to_string())?
}

/// Why no file can be read.
pub(crate) const NO_FOLDER: &str = "the server has no folder of environments: start it with \
                                    `--env-dir DIR` to allow `EnvFiles`";

fn read_one(folder: &Path, file: &str) -> Result<Vec<String>, String> {
    let unreadable =
        |error: std::io::Error| format!("the env file `{file}` cannot be read: {error}");
    let path = below(folder, file).map_err(unreadable)?;
    let path = path.ok_or_else(|| format!("the env file `{file}` is not below `--env-dir`"))?;
    let mut text = String::new();
    let opened = fs::File::open(path).map_err(unreadable)?;
    opened.take(LARGEST + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LARGEST {
        return Err(format!("the env file `{file}` is larger than {LARGEST} bytes"));
    }
    variables(&text).map_err(|line| {
        format!("line {line} of the env file `{file}` is no variable: write KEY=VALUE")
    })
}

/// The file itself, wherever links lead, if that is below the folder.
fn below(folder: &Path, file: &str) -> std::io::Result<Option<PathBuf>> {
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
        let one = |file: &str| vec![Box::from(file)];

        let read_there = read(Some(&inside), &one("a")).await;
        let linked = read(Some(&inside), &one("link")).await;
        let absent = read(Some(&inside), &one("b")).await;
        let nowhere = read(None, &one("a")).await;

        assert_eq!(read_there.unwrap(), ["A=1"]);
        assert_eq!(linked.unwrap_err(), "the env file `link` is not below `--env-dir`");
        assert!(absent.unwrap_err().starts_with("the env file `b` cannot be read: No such file"));
        assert_eq!(nowhere.unwrap_err(), NO_FOLDER);
    }
}
