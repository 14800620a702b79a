//! Opens a file below a directory that its path cannot leave, whatever is renamed or linked meanwhile.

use std::{
    fs::File,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, fstat, open, openat, openat2, statat},
    io::Errno,
};
use thiserror::Error;

/// How often a path is walked anew when something on it is renamed meanwhile.
const MAX_TRIES: usize = 16;

/// A pipe would make its reader wait for a writer, and a terminal could become the server's own.
const FOR_READING: OFlags =
    OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Why a file was not opened; each text continues "the env file `NAME` …".
#[derive(Debug, Error)]
pub(super) enum OpenError {
    #[error(
        "leads out of `--env-dir`: put it there, or use a relative link that stays below that \
         directory"
    )]
    Escapes,
    #[error(
        "is reached by a symbolic link, which docket follows only with openat2 (Linux 5.6), and this \
         system has no openat2: put the file itself below `--env-dir`"
    )]
    Link,
    #[error("is {0}, not a regular file")]
    NotRegular(&'static str),
    #[error("cannot be read: {0}")]
    System(#[from] Errno),
}

/// How a path below a directory is opened.
type Resolve = fn(BorrowedFd<'_>, &str) -> Result<OwnedFd, OpenError>;

/// Opens a regular file below the directory.
pub(super) fn open_beneath(directory: &Path, file: &str) -> Result<File, OpenError> {
    open_by(resolved_beneath, directory, file)
}

fn open_by(resolve: Resolve, directory: &Path, file: &str) -> Result<File, OpenError> {
    let directory =
        // `O_PATH` needs no permission to list the directory, only to pass through it.
        open(directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let opened = match resolve(directory.as_fd(), file) {
        // A kernel before 5.6 does not know the call; a seccomp profile may reject it in either way.
        Err(OpenError::System(Errno::NOSYS | Errno::PERM)) => {
            without_links(directory.as_fd(), file)
        }
        opened => opened,
    }?;
    // The open file is inspected, because its path may lead to another one by now.
    match FileType::from_raw_mode(fstat(&opened)?.st_mode) {
        FileType::RegularFile => Ok(File::from(opened)),
        FileType::Directory => Err(OpenError::NotRegular("a directory")),
        FileType::Fifo => Err(OpenError::NotRegular("a pipe")),
        _ => Err(OpenError::NotRegular("a device")),
    }
}

/// Has the kernel resolve the path: links may lead anywhere below the directory.
fn resolved_beneath(directory: BorrowedFd<'_>, file: &str) -> Result<OwnedFd, OpenError> {
    // `BENEATH` excludes magic links such as `/proc/self/root` today; openat2(2) asks not to rely
    // on it.
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let mut tries = 0;
    loop {
        tries += 1;
        return match openat2(directory, file, FOR_READING, Mode::empty(), resolve) {
            // The kernel cannot vouch for a `..` while something is renamed.
            Err(Errno::AGAIN) if tries < MAX_TRIES => continue,
            Err(Errno::XDEV) => Err(OpenError::Escapes),
            Err(Errno::NXIO) => Err(OpenError::NotRegular("a socket")),
            opened => Ok(opened?),
        };
    }
}

/// Walks the path a part at a time and follows no link, so that it cannot leave the directory.
fn without_links(directory: BorrowedFd<'_>, file: &str) -> Result<OwnedFd, OpenError> {
    let parts: Vec<_> = file.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let (last, parents) = parts.split_last().ok_or(OpenError::NotRegular("a directory"))?;
    if file.starts_with('/') || parts.contains(&"..") {
        return Err(OpenError::Escapes);
    }
    let mut here = openat(directory, ".", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    for parent in parents {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        here = openat(&here, *parent, flags, Mode::empty())
            .map_err(|error| link_or(error, here.as_fd(), parent))?;
    }
    openat(&here, *last, FOR_READING | OFlags::NOFOLLOW, Mode::empty())
        .map_err(|error| link_or(error, here.as_fd(), last))
}

/// Names the link that an open without following rejected.
fn link_or(error: Errno, directory: BorrowedFd<'_>, part: &str) -> OpenError {
    let is_link = || {
        let found = statat(directory, part, AtFlags::SYMLINK_NOFOLLOW);
        found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink)
    };
    match error {
        // A link gives ELOOP, or ENOTDIR where a directory is required, which a plain file gives,
        // too.
        Errno::LOOP | Errno::NOTDIR if is_link() => OpenError::Link,
        Errno::NXIO => OpenError::NotRegular("a socket"),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::Read as _,
        os::unix::{fs::symlink, net::UnixListener},
        path::PathBuf,
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use rustix::fs::{CWD, RenameFlags, mknodat, renameat_with};
    use tempfile::TempDir;

    use super::*;

    /// `env/` with files, links and a pipe, beside a file that must stay out of reach.
    fn directory() -> (TempDir, PathBuf) {
        let outer = TempDir::new().unwrap();
        let inner = outer.path().join("env");
        fs::create_dir_all(inner.join("release-1/deep")).unwrap();
        fs::write(inner.join("release-1/db"), "inside").unwrap();
        fs::write(inner.join("release-1/deep/db"), "inside").unwrap();
        fs::write(outer.path().join("secret"), "outside").unwrap();
        symlink("release-1", inner.join("current")).unwrap();
        symlink("current/db", inner.join("db")).unwrap();
        symlink("../db", inner.join("release-1/deep/up")).unwrap();
        symlink("../secret", inner.join("climbs")).unwrap();
        symlink("..", inner.join("outer")).unwrap();
        symlink(outer.path().join("secret"), inner.join("absolute")).unwrap();
        symlink(inner.join("release-1/db"), inner.join("absolute-inside")).unwrap();
        symlink("/proc/self/root", inner.join("magic")).unwrap();
        symlink("loop", inner.join("loop")).unwrap();
        mknodat(CWD, inner.join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        (outer, inner)
    }

    fn read(opened: Result<File, OpenError>) -> Result<String, String> {
        let mut text = String::new();
        opened.map_err(|error| error.to_string())?.read_to_string(&mut text).unwrap();
        Ok(text)
    }

    #[test]
    fn links_that_stay_below_the_directory_are_followed() {
        let (_outer, inner) = directory();

        for file in ["release-1/db", "db", "current/db", "current/deep/db", "current/deep/up"] {
            assert_eq!(read(open_beneath(&inner, file)), Ok("inside".to_owned()), "{file}");
        }
    }

    #[test]
    fn what_leads_out_is_refused_whichever_way_it_takes() {
        let (_outer, inner) = directory();

        for file in [
            "climbs",
            "outer/secret",
            "outer/env/release-1/db",
            "absolute",
            "absolute-inside",
            "magic/etc/hostname",
            "../secret",
            "/etc/hostname",
        ] {
            let opened = open_beneath(&inner, file);
            assert!(matches!(opened, Err(OpenError::Escapes)), "{file}: {opened:?}");
        }
    }

    #[test]
    fn anything_but_a_file_is_refused_at_once() {
        let (_outer, inner) = directory();
        let _listener = UnixListener::bind(inner.join("socket")).unwrap();

        for (file, kind) in [("pipe", "pipe"), ("current", "directory"), ("socket", "socket")] {
            let error = read(open_beneath(&inner, file)).unwrap_err();
            assert_eq!(error, format!("is a {kind}, not a regular file"));
        }
        let device = read(open_beneath(Path::new("/dev"), "null")).unwrap_err();
        assert_eq!(device, "is a device, not a regular file");
        assert!(matches!(open_beneath(&inner, "loop"), Err(OpenError::System(Errno::LOOP))));
        assert!(matches!(open_beneath(&inner, "none"), Err(OpenError::System(Errno::NOENT))));
    }

    #[test]
    fn a_directory_that_becomes_a_link_while_it_is_opened_leads_nowhere_else() {
        let (outer, inner) = directory();
        let elsewhere = outer.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("db"), "outside").unwrap();
        fs::create_dir(inner.join("changing")).unwrap();
        fs::write(inner.join("changing/db"), "inside").unwrap();
        symlink("../elsewhere", inner.join("other")).unwrap();
        let is_over = AtomicBool::new(false);

        let texts = thread::scope(|scope| {
            scope.spawn(|| {
                let [a, b] = [inner.join("changing"), inner.join("other")];
                while !is_over.load(Ordering::Relaxed) {
                    renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).unwrap();
                }
            });
            let texts: Vec<_> =
                (0..5000).map(|_| read(open_beneath(&inner, "changing/db"))).collect();
            is_over.store(true, Ordering::Relaxed);
            texts
        });

        assert!(texts.iter().all(|text| text.as_deref() != Ok("outside")));
        assert!(texts.iter().any(Result::is_ok) && texts.iter().any(Result::is_err));
    }

    #[test]
    fn without_openat2_files_are_reached_and_no_link_is_followed() {
        let (_outer, inner) = directory();
        let unknown: Resolve = |_, _| Err(Errno::NOSYS.into());
        let forbidden: Resolve = |_, _| Err(Errno::PERM.into());

        for resolve in [unknown, forbidden] {
            let opened = |file| open_by(resolve, &inner, file);
            assert_eq!(read(opened("release-1/deep/db")), Ok("inside".to_owned()));
            assert_eq!(read(opened("./release-1//db")), Ok("inside".to_owned()));
            for link in ["db", "current/db", "climbs", "absolute", "outer/secret"] {
                assert!(matches!(opened(link), Err(OpenError::Link)), "{link}");
            }
            for outside in ["../secret", "/etc/hostname", "release-1/../../secret"] {
                assert!(matches!(opened(outside), Err(OpenError::Escapes)), "{outside}");
            }
            assert!(matches!(opened("none"), Err(OpenError::System(Errno::NOENT))));
        }
    }
}
