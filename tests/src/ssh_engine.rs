//! A way to an engine by SSH: a daemon on loopback, and a client that knows the way.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{Engine, eventually, free_port, guarded_process::GuardedProcess};

/// An SSH daemon whose sessions find the engine; it ends with this process.
pub struct SshServer {
    directory: TempDir,
    port: u16,
    _daemon: GuardedProcess,
}

impl SshServer {
    /// Opens a door to the engine, for the user who runs the tests.
    pub fn open(engine: &Engine) -> Self {
        Self::open_to(engine.address())
    }

    /// Opens a door to a machine on which Docker's client finds its engine at this address.
    pub fn open_to(engine: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let port = free_port();
        for key in ["host", "user"] {
            make_key(&directory.path().join(key));
        }
        fs::write(directory.path().join("sshd_config"), daemon(directory.path(), port, engine))
            .unwrap();
        fs::write(directory.path().join("ssh_config"), client(directory.path())).unwrap();
        write_program(directory.path());
        // An sshd that no init system has ever started lacks it.
        fs::create_dir_all("/run/sshd").unwrap();
        // sshd starts itself again for each connection, and requires an absolute path for that.
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(directory.path().join("sshd_config"));
        let daemon = GuardedProcess::start_endless(&mut command);
        let door = Self { directory, port, _daemon: daemon };
        eventually("an SSH daemon that answers", || door.answers().then_some(()));
        door
    }

    /// What `DOCKER_HOST` must be.
    pub fn address(&self) -> String {
        format!("ssh://root@127.0.0.1:{}", self.port)
    }

    /// A `PATH` on which `ssh` is one that knows the keys.
    pub fn search_path(&self) -> String {
        search_path(self.directory.path())
    }

    fn programs(&self) -> PathBuf {
        self.directory.path().join("bin")
    }

    fn answers(&self) -> bool {
        let mut command = Command::new(self.programs().join("ssh"));
        command.args(["-p", &self.port.to_string(), "root@127.0.0.1", "true"]);
        command.output().unwrap().status.success()
    }
}

/// Machines with names of their own, each with an SSH daemon.
pub struct SshHosts {
    directory: TempDir,
    _servers: Vec<SshServer>,
}

impl SshHosts {
    /// Opens doors to machines by their names, on which Docker's client finds engines at these addresses.
    pub fn open(hosts: &[(&str, &str)]) -> Self {
        let directory = TempDir::new().unwrap();
        let servers: Vec<_> = hosts.iter().map(|(_, engine)| SshServer::open_to(engine)).collect();
        let entries = hosts.iter().zip(&servers).map(|((name, _), server)| {
            let SshServer { directory, port, .. } = server;
            let client = client(directory.path());
            format!("Host {name}\nHostName 127.0.0.1\nPort {port}\n{client}")
        });
        fs::write(directory.path().join("ssh_config"), entries.collect::<String>()).unwrap();
        write_program(directory.path());
        Self { directory, _servers: servers }
    }

    /// A `PATH` on which `ssh` knows the machines.
    pub fn search_path(&self) -> String {
        search_path(self.directory.path())
    }
}

/// A `PATH` with the `ssh` that was written to a directory.
fn search_path(directory: &Path) -> String {
    format!("{}:{}", directory.join("bin").display(), env::var("PATH").unwrap())
}

fn make_key(file: &Path) {
    let mut command = Command::new("ssh-keygen");
    let made = command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file).output().unwrap();
    assert!(made.status.success(), "{made:?}");
}

fn daemon(directory: &Path, port: u16, engine: &str) -> String {
    let directory = directory.display();
    format!(
        // `StrictModes` would reject keys below a directory that others may write to, such as /tmp.
        // `SetEnv` is how a session finds the engine.
        "ListenAddress 127.0.0.1\nPort {port}\nPidFile none\nUsePAM no\nStrictModes no\n\
         HostKey {directory}/host\nAuthorizedKeysFile {directory}/user.pub\n\
         PermitRootLogin prohibit-password\nLogLevel ERROR\nSetEnv DOCKER_HOST={engine}\n"
    )
}

fn client(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "IdentityFile {directory}/user\nIdentitiesOnly yes\nStrictHostKeyChecking no\n\
         UserKnownHostsFile {directory}/known_hosts\nLogLevel ERROR\n"
    )
}

/// Writes an `ssh` that uses the configuration here instead of the developer's.
fn write_program(directory: &Path) {
    let programs = directory.join("bin");
    let program = programs.join("ssh");
    fs::create_dir(&programs).unwrap();
    let configuration = directory.join("ssh_config");
    let text = format!("#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n", configuration.display());
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
}
