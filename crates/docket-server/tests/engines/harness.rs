//! A Docker engine, Podman, and registries of the tests' own, in namespaces of their own.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use async_trait::async_trait;
use docket_model::run::Exit;
use docket_server::engine::{
    Captured, Condition, EngineError, Follow, Handle, Log, LogCursor, Plan,
    docker::{DockerEngine, Endpoint, Settings, connect},
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    contract::{PLENTY, Program, Request, Subject, TestBed},
    holding_proxy::Way,
    shell_program::{IMAGE, shell_container},
};

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
    /// What `DOCKER_HOST` must be to reach the engine.
    address: String,
    is_podman: bool,
}

/// A bed that is there while a test uses it.
type Shared = tokio::sync::Mutex<Weak<Bed>>;

struct Keeper {
    process: Child,
    tell: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Keeper {
    fn start(command: &mut Command) -> Self {
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let tell = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, tell, answers }
    }

    fn answer(&mut self) -> String {
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert!(!answer.is_empty(), "the engine's keeper is gone: are you root?");
        answer.trim_end().to_owned()
    }

    fn tell(&mut self, words: &str) {
        writeln!(self.tell.as_mut().unwrap(), "{words}").unwrap();
        self.answer();
    }
}

impl Bed {
    /// The bed that tests which run at the same time share; it ends with the last of them.
    pub(crate) async fn shared() -> Arc<Self> {
        static SHARED: Shared = Shared::const_new(Weak::new());
        Self::shared_as(&SHARED, Self::start()).await
    }

    /// Podman, which tests that run at the same time share; it ends with the last of them.
    pub(crate) async fn shared_podman() -> Arc<Self> {
        static SHARED: Shared = Shared::const_new(Weak::new());
        Self::shared_as(&SHARED, Self::start_podman()).await
    }

    async fn shared_as(shared: &Shared, start: impl Future<Output = Arc<Self>>) -> Arc<Self> {
        let mut shared = shared.lock().await;
        if let Some(bed) = shared.upgrade() {
            return bed;
        }
        let bed = start.await;
        *shared = Arc::downgrade(&bed);
        bed
    }

    /// A bed of one's own.
    pub(crate) async fn start() -> Arc<Self> {
        Self::start_with("").await
    }

    /// A bed of one's own whose engine has these options.
    pub(crate) async fn start_with(options: &str) -> Arc<Self> {
        let folder = TempDir::new().unwrap();
        let mut keeper = Command::new("unshare");
        keeper
            .args(["--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"])
            // Bash, because as the first process it must reap those that lost their parent.
            .args(["bash", "-c", KEEPER, "keeper"])
            .arg(folder.path())
            .envs(["HTTP_PROXY", "HTTPS_PROXY"].map(|name| (name, "http://127.0.0.1:9")))
            .env("NO_PROXY", "127.0.0.0/8");
        let keeper = Mutex::new(Keeper::start(&mut keeper));
        let address = format!("unix://{}/sock", folder.path().display());
        let bed = Self { keeper, folder, address, is_podman: false };
        bed.tell(&format!("start {options}"));
        bed.is_up().await;
        bed.import_busybox();
        Arc::new(bed)
    }

    /// True where Podman is installed.
    pub(crate) fn has_podman() -> bool {
        Command::new("podman").arg("--version").output().is_ok()
    }

    /// Podman in a bed of one's own.
    pub(crate) async fn start_podman() -> Arc<Self> {
        let script = "../../scripts/start-test-podman";
        let mut keeper =
            Keeper::start(&mut Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(script)));
        let address = keeper.answer();
        let (keeper, folder) = (Mutex::new(keeper), TempDir::new().unwrap());
        let bed = Self { keeper, folder, address, is_podman: true };
        bed.is_up().await;
        bed.import_busybox();
        Arc::new(bed)
    }

    /// Tells the keeper to start, stop or crash the engine, or to start a registry.
    pub(crate) fn tell(&self, words: &str) {
        self.keeper.lock().unwrap().tell(words);
    }

    /// Waits for the engine to answer.
    pub(crate) async fn is_up(&self) {
        let (tries, pause) = TRIES;
        for _ in 0..tries {
            if self.try_docker(&["version"]).0 {
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
        self.address.clone()
    }

    /// A client with this Docker configuration.
    pub(crate) fn engine(&self, config: Option<PathBuf>) -> DockerEngine {
        engine_at(&self.address(), config)
    }

    /// The engine, ready for the contract.
    pub(crate) fn subject(self: &Arc<Self>) -> Subject {
        self.subject_at(&self.address(), None)
    }

    /// The same, by a way on which requests can be held.
    pub(crate) fn subject_behind_proxy(self: &Arc<Self>) -> Subject {
        let way = Way::to(&self.address());
        self.subject_at(&way.proxy.docker_host(), Some(way))
    }

    fn subject_at(self: &Arc<Self>, address: &str, way: Option<Way>) -> Subject {
        let bed = DockerBed { address: self.address(), own: Some(Arc::clone(self)), way };
        Subject::new(Arc::new(engine_at(address, None)), Arc::new(bed))
    }

    /// Runs Docker's client, which must succeed; returns what it printed.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        let (success, text) = self.try_docker(arguments);
        assert!(success, "docker {arguments:?}: {text}");
        text
    }

    fn try_docker(&self, arguments: &[&str]) -> (bool, String) {
        run(self.docker_command().args(arguments))
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

/// Runs a command; returns whether it succeeded, and what it printed.
fn run(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
}

/// The contract's subject: the engine that `TEST_DOCKER_HOST` names, or one of the tests' own.
pub(crate) async fn contract_subject() -> Subject {
    match env::var("TEST_DOCKER_HOST") {
        Ok(address) => {
            let engine = Arc::new(engine_at(&address, None));
            Subject::new(engine, Arc::new(DockerBed { address, own: None, way: None }))
        }
        Err(_) => Bed::shared().await.subject(),
    }
}

/// A Docker engine under the contract, which may be in use.
struct DockerBed {
    address: String,
    /// The engine that the tests run, which they may crash.
    own: Option<Arc<Bed>>,
    /// The way to it, on which tests may hold requests.
    way: Option<Way>,
}

impl DockerBed {
    fn docker(&self, arguments: &[&str]) {
        let mut command = Command::new("docker");
        let (success, text) = run(command.args(["--host", &self.address]).args(arguments));
        assert!(success, "docker {arguments:?}: {text}");
    }

    fn own(&self) -> &Bed {
        self.own.as_ref().unwrap()
    }
}

#[async_trait]
impl TestBed for DockerBed {
    fn container(&self, program: Program) -> Value {
        shell_container(program)
    }

    fn kill(&self, handle: &Handle) {
        self.docker(&["kill", &handle.id.0]);
    }

    fn remove_by_force(&self, handle: &Handle) {
        self.docker(&["rm", "--force", &handle.id.0]);
    }

    fn crash(&self) {
        self.own().tell("crash");
    }

    async fn restart(&self) {
        self.own().tell("start");
        self.own().is_up().await;
    }

    fn hold(&self, request: Request) {
        self.way.as_ref().unwrap().hold(request);
    }

    async fn deliver(&self) -> usize {
        self.way.as_ref().unwrap().deliver()
    }

    fn has_lasting_id(&self) -> bool {
        self.own.as_ref().is_none_or(|bed| !bed.is_podman)
    }
}

/// What is of Docker alone.
impl Subject {
    /// A plan for a container of these options, of the image that the engine has where they name none.
    pub(crate) fn docker_plan(&self, name: &str, mut container: Value) -> Plan {
        let config = container["Config"].as_object_mut().unwrap();
        config.entry("Image").or_insert_with(|| IMAGE.into());
        self.plan_of(name, &container)
    }

    /// A plan for a shell script.
    pub(crate) fn script(&self, name: &str, script: &str) -> Plan {
        self.docker_plan(name, json!({"Config": {"Cmd": ["sh", "-c", script]}}))
    }

    /// From the creation to the removal.
    pub(crate) async fn run(&self, plan: &Plan) -> (Exit, Captured) {
        let prepared = self.start(plan).await;
        let exit = self.follow(&prepared.handle).await.unwrap();
        let captured = self.engine.read_log(&prepared.handle, PLENTY).await.unwrap();
        self.engine.remove(&prepared.handle, Condition::NotRunning).await.unwrap();
        (exit, captured)
    }

    /// Reads live output to its end; a follow that breaks off is begun again behind what was read.
    pub(crate) async fn follow_output(
        &self,
        id: &Handle,
        live: Log,
        written: &mut Vec<u8>,
    ) -> Result<(), EngineError> {
        let mut live = live;
        loop {
            match live.next().await {
                None => return Ok(()),
                Some(Ok((_, chunk))) => written.extend_from_slice(&chunk.bytes),
                Some(Err(EngineError::Unreachable(_))) => {
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    live = self.engine.logs(
                        id,
                        LogCursor::behind(written.len() as u64),
                        Follow::ToEnd,
                    );
                }
                Some(Err(error)) => return Err(error),
            }
        }
    }
}
