//! A disk of a few pages, which a test can fill: a tmpfs in a mount namespace of its own, so that nothing
//! is left of it when the test ends.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    docket_cli::{clean, run},
    guarded_process::GuardedProcess,
};

/// Mounts the disk, says in which process's namespace, and keeps that until its input ends.
const KEEPER: &str = r#"mount -t tmpfs -o size="$0" tmpfs "$1" && echo $$ && exec cat >/dev/null"#;

/// The disk.
pub struct SmallDisk {
    _keeper: GuardedProcess,
    process: String,
    mount_point: TempDir,
}

impl SmallDisk {
    /// Makes a disk with this many bytes of room.
    pub fn new(size: u64) -> Self {
        let mount_point = TempDir::new().unwrap();
        let mut command = Command::new("unshare");
        // Private, so that the mount does not appear in the namespace of the test.
        command.args(["--mount", "--propagation", "private", "bash", "-c", KEEPER]);
        let mut keeper =
            GuardedProcess::start(command.arg(size.to_string()).arg(mount_point.path()));
        let process = keeper.answer();
        Self { _keeper: keeper, process, mount_point }
    }

    /// The disk as programs that were let in see it.
    pub fn path(&self) -> &Path {
        self.mount_point.path()
    }

    /// A file of the disk as the test sees it.
    pub fn file(&self, name: &str) -> PathBuf {
        // The kernel shows the files of another mount namespace there.
        let root = PathBuf::from(format!("/proc/{}/root", self.process));
        root.join(self.path().strip_prefix("/").unwrap()).join(name)
    }

    /// Lets a program see the disk. It must have no other settings than a folder and variables.
    pub fn let_in(&self, command: &mut Command) {
        let mut entering = self.entering();
        // `Command::current_dir` would take effect outside, where the mount point is an empty
        // directory.
        entering.args(["env", "-C"]).arg(command.get_current_dir().unwrap_or(self.path()));
        entering.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            entering.envs(value.map(|value| (name, value)));
        }
        // The new command has lost the settings of the old one.
        entering.stdin(Stdio::null()).stderr(Stdio::piped());
        *command = entering;
    }

    /// Gives the disk another size, in bytes.
    pub fn resize(&self, size: u64) {
        let mut command = self.entering();
        command.args(["mount", "-o", &format!("remount,size={size}")]).arg(self.path());
        run(&mut command).ok();
    }

    /// Fills the disk to its last byte.
    pub fn fill(&self) {
        let mut filler =
            File::options().create(true).append(true).open(self.file("filler")).unwrap();
        // In small pieces: a large write that does not fit could leave room for small ones.
        let full = std::iter::repeat_with(|| filler.write_all(&[0; 512])).find_map(Result::err);
        assert_eq!(full.unwrap().kind(), ErrorKind::StorageFull);
    }

    /// Makes room again.
    pub fn free(&self) {
        fs::remove_file(self.file("filler")).unwrap();
    }

    fn entering(&self) -> Command {
        let mut command = Command::new("nsenter");
        clean(&mut command);
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.process)).arg("--");
        command
    }
}
