//! A Docker engine or a Podman of the tests' own, apart from any other on the machine.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    sync::{LazyLock, Mutex},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{Registry, engine_events::Events, guarded_process::GuardedProcess, script};

/// A closed port, so that no test depends on a public registry or waits for one.
const NO_WAY_OUT: &str = "http://127.0.0.1:9";

/// A real engine, which ends with this process.
pub struct Engine {
    address: String,
    /// What started it; none of an engine that was there before.
    keeper: Option<Mutex<GuardedProcess>>,
    /// An empty configuration for the Docker client, in place of the developer's.
    configuration: TempDir,
}

impl Engine {
    /// The engine that all tests share; it pulls `busybox` from [`Registry::shared`].
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Engine> = LazyLock::new(|| {
            let engine = Engine::start(Registry::shared());
            Registry::shared().offer(&engine, "busybox:latest", "library/busybox:latest");
            engine
        });
        &SHARED
    }

    /// Starts an engine that has `busybox:latest`, and asks `registry` for images without a host.
    pub fn start(registry: &Registry) -> Self {
        Self::start_with(registry, &[])
    }

    /// Starts an engine that gets more options.
    pub fn start_with(registry: &Registry, options: &[String]) -> Self {
        let mut command = Command::new(script("start-test-engine"));
        command
            // Images without a host come from the registry of the tests, as they would from Docker
            // Hub.
            .arg(format!("--registry-mirror=http://{}", registry.host()))
            .args(options);
        Self::keep_docker(&mut command)
    }

    /// Starts an engine that has `busybox:latest`, and cannot reach any registry.
    pub fn without_registry() -> Self {
        Self::keep_docker(&mut Command::new(script("start-test-engine")))
    }

    fn keep_docker(command: &mut Command) -> Self {
        Self::keep(command.envs([("HTTP_PROXY", NO_WAY_OUT), ("HTTPS_PROXY", NO_WAY_OUT)]))
    }

    /// The Podman that its tests share; `None` where `podman` is not installed, which is printed.
    pub fn shared_podman() -> Option<&'static Self> {
        static SHARED: LazyLock<Option<Engine>> = LazyLock::new(Engine::start_podman);
        SHARED.as_ref()
    }

    /// Starts a Podman that has `busybox:latest`, and cannot reach any registry; `None` where `podman` is not
    /// installed, which is printed.
    pub fn start_podman() -> Option<Self> {
        if Command::new("podman").arg("--version").output().is_err() {
            #[expect(clippy::print_stderr, reason = "cargo shows it with `--nocapture`")]
            {
                eprintln!("SKIPPED: podman is not installed");
            }
            return None;
        }
        Some(Self::keep(&mut Command::new(script("start-test-podman"))))
    }

    /// Starts the program that keeps an engine.
    fn keep(command: &mut Command) -> Self {
        let mut keeper = GuardedProcess::start(command);
        let address = keeper.answer();
        let configuration = TempDir::new().unwrap();
        let engine = Self { address, keeper: Some(Mutex::new(keeper)), configuration };
        // Imported and not pulled: the tests run without a network.
        engine.import_busybox();
        engine
    }

    /// An engine that was there before, such as that of a node of a cluster.
    pub fn at(address: &str) -> Self {
        let (address, configuration) = (address.to_owned(), TempDir::new().unwrap());
        Self { address, keeper: None, configuration }
    }

    /// What `DOCKER_HOST` must be to reach it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The path of its socket.
    pub fn socket(&self) -> &Path {
        Path::new(self.address.strip_prefix("unix://").unwrap())
    }

    /// Stops the engine in order; it stops its containers first.
    pub fn stop(&self) {
        assert_eq!(self.tell("stop"), "stopped");
    }

    /// Ends the engine without a word to anyone.
    pub fn crash(&self) {
        assert_eq!(self.tell("crash"), "crashed");
    }

    /// Starts the engine again, with all it had.
    pub fn start_again(&self) {
        assert_eq!(self.tell("start"), "started");
    }

    fn tell(&self, command: &str) -> String {
        let keeper = self.keeper.as_ref().expect("an engine that the tests started");
        keeper.lock().unwrap().tell(command)
    }

    /// Runs the Docker client, which must succeed, and returns what it printed.
    pub fn docker<const N: usize>(&self, arguments: [&str; N]) -> String {
        let output = self.try_docker(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Runs the Docker client.
    pub fn try_docker<const N: usize>(&self, arguments: [&str; N]) -> Output {
        self.docker_command().args(arguments).output().unwrap()
    }

    /// What the engine knows of a container, an image or a volume; `None` if there is none.
    pub fn inspect(&self, thing: &str) -> Option<Value> {
        let output = self.try_docker(["inspect", thing]);
        let mut found: Value = serde_json::from_slice(&output.stdout).unwrap();
        found.as_array_mut().unwrap().pop()
    }

    /// The names of the containers that carry a label, oldest first; also of those that ended.
    pub fn containers_labelled(&self, label: &str) -> Vec<String> {
        let filter = format!("label={label}");
        let listed = self.docker(["ps", "--all", "--filter", &filter, "--format", "{{.Names}}"]);
        // Docker lists the newest first.
        listed.lines().rev().map(str::to_owned).collect()
    }

    /// Notes from now on what happens to the containers of a namespace.
    pub fn events(&self, namespace: &str) -> Events {
        Events::of_namespace(self, namespace)
    }

    pub(crate) fn docker_command(&self) -> Command {
        self.docker_maker()()
    }

    /// Makes Docker clients, also where the engine itself is out of sight.
    pub(crate) fn docker_maker(&self) -> impl Fn() -> Command + Send + Sync + use<> {
        let (address, configuration) = (self.address.clone(), self.configuration.path().to_owned());
        move || {
            let mut command = Command::new("docker");
            command
                .env_remove("DOCKER_CONTEXT")
                .env("DOCKER_CONFIG", &configuration)
                .args(["--host", &address]);
            command
        }
    }

    fn import_busybox(&self) {
        let mut tree =
            Command::new(script("make-busybox-image")).stdout(Stdio::piped()).spawn().unwrap();
        let imported = self
            .docker_command()
            .args(["import", "--change", "CMD [\"sh\"]", "-", "busybox:latest"])
            .stdin(tree.stdout.take().unwrap())
            .output()
            .unwrap();
        // The engine may accept an archive that was cut off, so the program that made it is checked
        // too.
        assert!(tree.wait().unwrap().success() && imported.status.success(), "{imported:?}");
    }
}
