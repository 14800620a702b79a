//! A Docker engine and registries of the tests' own, in namespaces of their own.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use docket_server::engine::docker::{DockerEngine, Endpoint, Settings, connect};
use tempfile::TempDir;

use crate::contract::Subject;

/// Carries out commands, line by line, and ends with everything it started when no process can send it
/// any more: it is the first process of its namespace.
const KEEPER: &str = r#"
cd "$1" && ip link set lo up || exit
exec 2>keeper.log
while read -r word rest; do
    case $word in
        start)
            dockerd --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/pid" \
                -H "unix://$1/sock" $rest >>dockerd.log 2>&1 &
            dockerd=$! ;;
        stop) kill "$dockerd"; wait "$dockerd" ;;
        crash) kill -9 "$dockerd"; wait "$dockerd" ;;
        registry) docker-registry serve "$rest" >>registry.log 2>&1 & ;;
    esac
    echo "$word"
done
"#;

/// How often, and after what pause, a daemon that comes up is asked: 30 s in all.
const TRIES: (u32, Duration) = (600, Duration::from_millis(50));

/// An engine that has `busybox:latest`, and no way to a public registry.
pub(crate) struct Bed {
    keeper: Mutex<Keeper>,
    folder: TempDir,
}

struct Keeper {
    process: Child,
    tell: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Keeper {
    fn tell(&mut self, words: &str) {
        writeln!(self.tell.as_mut().unwrap(), "{words}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert!(!answer.is_empty(), "the engine's keeper is gone: are you root?");
    }
}

impl Bed {
    /// The bed that tests which run at the same time share; it ends with the last of them.
    pub(crate) async fn shared() -> Arc<Self> {
        static SHARED: tokio::sync::Mutex<Weak<Bed>> = tokio::sync::Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(bed) = shared.upgrade() {
            return bed;
        }
        let bed = Arc::new(Self::start().await);
        *shared = Arc::downgrade(&bed);
        bed
    }

    /// A bed of one's own.
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    /// A bed of one's own whose engine has these options.
    pub(crate) async fn start_with(options: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let mut process = Command::new("unshare")
            .args(["--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"])
            // Bash, because as the first process it must reap those that lost their parent.
            .args(["bash", "-c", KEEPER, "keeper"])
            .arg(folder.path())
            .envs(["HTTP_PROXY", "HTTPS_PROXY"].map(|name| (name, "http://127.0.0.1:9")))
            .env("NO_PROXY", "127.0.0.0/8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let tell = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().unwrap());
        let keeper = Mutex::new(Keeper { process, tell, answers });
        let bed = Self { keeper, folder };
        bed.tell(&format!("start {options}"));
        bed.is_up().await;
        bed.import_busybox();
        bed
    }

    /// Tells the keeper to start, stop or crash the engine, or to start a registry.
    pub(crate) fn tell(&self, words: &str) {
        self.keeper.lock().unwrap().tell(words);
    }

    /// Waits for the engine to answer.
    pub(crate) async fn is_up(&self) {
        let (tries, pause) = TRIES;
        for _ in 0..tries {
            if tokio::net::UnixStream::connect(self.folder.path().join("sock")).await.is_ok()
                && self.try_docker(&["version"]).0
            {
                return;
            }
            tokio::time::sleep(pause).await;
        }
        panic!("{}", fs::read_to_string(self.folder.path().join("dockerd.log")).unwrap());
    }

    /// A folder that the engine sees too.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// What `DOCKER_HOST` must be to reach the engine.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}/sock", self.folder.path().display())
    }

    /// A client with this Docker configuration.
    pub(crate) fn engine(&self, config: Option<PathBuf>) -> DockerEngine {
        engine_at(&self.address(), config)
    }

    /// The engine, ready for the contract.
    pub(crate) fn subject(&self) -> Subject {
        Subject::new(Arc::new(self.engine(None)), "busybox:latest")
    }

    /// Runs Docker's client, which must succeed; returns what it printed.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        let (success, text) = self.try_docker(arguments);
        assert!(success, "docker {arguments:?}: {text}");
        text
    }

    fn try_docker(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.docker_command().args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
    }

    fn docker_command(&self) -> Command {
        let mut command = Command::new("docker");
        command.env_remove("DOCKER_CONTEXT").env("DOCKER_CONFIG", self.folder("client"));
        command.args(["--host", &self.address()]);
        command
    }

    fn import_busybox(&self) {
        let tree = self.folder("tree/bin");
        fs::copy("/bin/busybox", tree.join("busybox")).unwrap();
        let listed = Command::new("/bin/busybox").arg("--list").output().unwrap();
        for program in String::from_utf8(listed.stdout).unwrap().lines() {
            if program != "busybox" {
                symlink("busybox", tree.join(program)).unwrap();
            }
        }
        let mut packed = Command::new("tar")
            .args(["--create", "--directory"])
            .arg(tree.parent().unwrap())
            .arg(".")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut import = self.docker_command();
        import.args(["import", "-", "busybox:latest"]).stdin(packed.stdout.take().unwrap());
        let imported = import.output().unwrap();
        assert!(packed.wait().unwrap().success() && imported.status.success(), "{imported:?}");
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let Ok(keeper) = self.keeper.get_mut() else { return };
        // Stopped in order, the engine leaves no control group behind.
        if let Some(mut tell) = keeper.tell.take() {
            let _ = writeln!(tell, "stop");
        }
        let _ = keeper.process.wait();
    }
}

/// A client of the engine at an address.
pub(crate) fn engine_at(address: &str, config: Option<PathBuf>) -> DockerEngine {
    let variable = |name: &str| (name == "DOCKER_HOST").then(|| address.to_owned());
    let endpoint = Endpoint::choose(&variable, None::<&Path>).unwrap();
    connect(&endpoint, Settings { config, ..Settings::default() }).unwrap()
}
