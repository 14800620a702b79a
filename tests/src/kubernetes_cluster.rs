//! The Kubernetes that the environment names, and homes of servers whose engine it is.
//!
//! 1. A test that stops programs of the cluster has it alone: [`KubernetesCluster::alone`].

use std::{
    env, fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Once, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use serde_json::{Value, json};

use crate::{Home, Server, docket_cli::run, docket_server::with_mounts, eventually};

/// A cluster of one node, which is this machine.
pub struct KubernetesCluster {
    /// Its kubeconfig.
    pub kubeconfig: PathBuf,
    /// Ends and starts programs of the cluster.
    tool: PathBuf,
}

/// Tests take it for reading, and those that stop programs of the cluster for writing.
static USE: RwLock<()> = RwLock::new(());

/// A Kubernetes whose node is this machine.
pub trait PodCluster {
    /// A home with an SQLite store, whose engine is the cluster.
    fn home(&self) -> Home;

    /// All pods of servers in a namespace of docket.
    fn all_pods(&self, namespace: &str) -> Vec<Value>;

    /// The same, but for those that only hold their names.
    fn pods(&self, namespace: &str) -> Vec<Value> {
        let mut pods = self.all_pods(namespace);
        pods.retain(|pod| pod["metadata"]["annotations"].get("io.docket.removed").is_none());
        pods
    }

    /// Whether a pod is created with a gate.
    fn has_gates(&self) -> bool;

    /// What takes the place of the command of a workload.
    fn command(&self, _workload: &str) -> Option<Value> {
        None
    }
}

impl PodCluster for KubernetesCluster {
    fn home(&self) -> Home {
        self.home_at("cluster=kubernetes:").with_variable("KUBECONFIG", &self.kubeconfig)
    }

    fn all_pods(&self, namespace: &str) -> Vec<Value> {
        let label = format!("io.docket.namespace={namespace}");
        let listed = self.kubectl(["get", "pods", "--selector", &label, "--output", "json"]);
        let mut listed: Value = serde_json::from_str(&listed).unwrap();
        let Value::Array(pods) = listed["items"].take() else { panic!("no list: {listed}") };
        pods
    }

    fn has_gates(&self) -> bool {
        false
    }
}

impl KubernetesCluster {
    /// The cluster, beside other tests; `None`, which is printed, where the environment names none.
    pub fn shared() -> Option<(Self, RwLockReadGuard<'static, ()>)> {
        // A test that failed has left the cluster as it was.
        let using = USE.read().unwrap_or_else(PoisonError::into_inner);
        Some((Self::find()?, using))
    }

    /// The cluster, without other tests.
    pub fn alone() -> Option<(Self, RwLockWriteGuard<'static, ()>)> {
        let using = USE.write().unwrap_or_else(PoisonError::into_inner);
        Some((Self::find()?, using))
    }

    fn find() -> Option<Self> {
        static SKIPPED: Once = Once::new();
        let variable = |name| env::var_os(name).map(PathBuf::from);
        let found = (variable("TEST_KUBECONFIG"), variable("TEST_KUBERNETES_TOOL"));
        let (Some(kubeconfig), Some(tool)) = found else {
            #[expect(clippy::print_stderr, reason = "cargo shows it with `--nocapture`")]
            SKIPPED.call_once(|| {
                eprintln!(
                    "SKIPPED: the tests on Kubernetes need `TEST_KUBECONFIG` and \
                     `TEST_KUBERNETES_TOOL`"
                );
            });
            return None;
        };
        Some(Self { kubeconfig, tool })
    }

    /// A home with an SQLite store, whose engine has this address; without a kubeconfig.
    pub fn home_at(&self, engine: &str) -> Home {
        Home::durable("").with_options(["--engine", engine])
    }

    /// A server of a home as in a pod of the cluster: it has the token of a service account, the namespace of that
    /// and the address of the API server, and no kubeconfig.
    pub fn server_in_pod(&self, home: &Home, namespace: &str, token: &str) -> Server {
        let account = home.path("account");
        fs::create_dir(&account).unwrap();
        let kubeconfig = fs::read_to_string(&self.kubeconfig).unwrap();
        let between = |begin: &str, end: &str| {
            let (_, rest) = kubeconfig.split_once(begin).unwrap();
            rest.split_once(end).unwrap().0.to_owned()
        };
        let address = between("https://", "\"");
        let (host, port) = address.split_once(':').unwrap();
        fs::copy(between("certificate-authority: ", "}"), account.join("ca.crt")).unwrap();
        fs::write(account.join("token"), token).unwrap();
        fs::write(account.join("namespace"), namespace).unwrap();
        home.server_with(|server| {
            // What is mounted over the folder of the whole machine is only seen by this server.
            let script = r#"mount -t tmpfs tmpfs "$(readlink -f /var/run)" &&
                mkdir -p /var/run/secrets/kubernetes.io/serviceaccount &&
                mount --bind "$0" /var/run/secrets/kubernetes.io/serviceaccount"#;
            with_mounts(server, script, &account);
            server.env("HOME", home.path("no-home")).env_remove("KUBECONFIG");
            server.env("KUBERNETES_SERVICE_HOST", host).env("KUBERNETES_SERVICE_PORT", port);
        })
    }

    /// A kubeconfig for the cluster with the token of another user.
    pub fn kubeconfig_with(&self, token: &Value) -> String {
        let own = fs::read_to_string(&self.kubeconfig).unwrap();
        let (with_cluster, _) = own.split_once("users:").unwrap();
        let users = json!([{"name": "u", "user": {"token": token}}]);
        let contexts = json!([{"name": "x", "context": {"cluster": "c", "user": "u"}}]);
        format!("{with_cluster}users: {users}\ncontexts: {contexts}\ncurrent-context: x\n")
    }

    /// Runs `kubectl`, which must succeed; returns what it printed.
    pub fn kubectl<const N: usize>(&self, arguments: [&str; N]) -> String {
        let mut command = Command::new("kubectl");
        run(command.arg("--kubeconfig").arg(&self.kubeconfig).args(arguments)).ok()
    }

    /// Runs `kubectl`; nothing where it does not succeed.
    pub fn try_kubectl<const N: usize>(&self, arguments: [&str; N]) -> Option<String> {
        let mut command = Command::new("kubectl");
        let ran = run(command.arg("--kubeconfig").arg(&self.kubeconfig).args(arguments));
        (ran.code == 0).then_some(ran.out)
    }

    /// Removes a pod with its end.
    pub fn remove_by_force(&self, pod: &str) {
        let lift = r#"{"metadata":{"finalizers":null}}"#;
        self.kubectl(["patch", "pod", pod, "--type=merge", "--patch", lift]);
        self.kubectl(["delete", "pod", pod, "--force", "--grace-period=0", "--ignore-not-found"]);
    }

    /// Watches a pod that runs, from now on.
    pub fn watch_end(&self, pod: &str) -> WatchedEnd {
        self.watch_end_in("default", pod)
    }

    /// Watches a pod of a namespace that runs, from now on.
    pub fn watch_end_in(&self, namespace: &str, pod: &str) -> WatchedEnd {
        let reported = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(&self.kubeconfig);
        command.args(["--namespace", namespace, "get", "pod", pod, "--watch"]);
        command.args(["--output-watch-events", "--output", "json"]);
        command.stdin(Stdio::null()).stdout(reported.reopen().unwrap());
        let kubectl = command.spawn().unwrap();
        let watched = WatchedEnd { kubectl, reported };
        eventually("the watch of a pod", || {
            (fs::metadata(watched.reported.path()).unwrap().len() > 0).then_some(())
        });
        watched
    }

    /// Sends an object to a path of the API, and returns the answer.
    pub fn post(&self, path: &str, object: &Value) -> Value {
        self.send("create", path, object)
    }

    /// Puts an object at a path of the API, and returns the answer.
    pub fn put(&self, path: &str, object: &Value) -> Value {
        self.send("replace", path, object)
    }

    fn send(&self, verb: &str, path: &str, object: &Value) -> Value {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), object.to_string()).unwrap();
        let file = file.path().to_str().unwrap();
        serde_json::from_str(&self.kubectl([verb, "--raw", path, "--filename", file])).unwrap()
    }

    /// Ends a program of the cluster at once.
    pub fn kill(&self, program: &str) {
        self.tell("kill", program);
    }

    /// Starts a program again.
    pub fn start_again(&self, program: &str) {
        self.tell("again", program);
    }

    fn tell(&self, verb: &str, program: &str) {
        let mut command = Command::new(&self.tool);
        // What is started again holds no pipe of the test open.
        command
            .args([verb, program])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        assert!(command.status().unwrap().success(), "{command:?}");
    }
}

/// What the cluster reports of the end of one container while this watches.
///
/// Before 1.22 a kubelet can replace the end of a pod that is being deleted by one without times before it has
/// reported it; then no client of the cluster learns the exit code.
#[derive(Debug)]
pub struct WatchedEnd {
    kubectl: Child,
    reported: tempfile::NamedTempFile,
}

impl WatchedEnd {
    /// The exit code that the cluster reported, if it did.
    pub fn exit_code(mut self) -> Option<i64> {
        self.kubectl.kill().unwrap();
        self.kubectl.wait().unwrap();
        let reported = fs::read_to_string(self.reported.path()).unwrap();
        // The last line may be half written.
        let mut events =
            reported.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.find_map(|event| {
            let status = &event["object"]["status"]["containerStatuses"][0];
            let end = &status["state"]["terminated"];
            // An end without a time is one that the kubelet has made up.
            end["finishedAt"].as_str().and_then(|_| end["exitCode"].as_i64())
        })
    }
}

impl Drop for WatchedEnd {
    fn drop(&mut self) {
        // A test that fails leaves no process behind. It may have ended.
        drop(self.kubectl.kill());
        drop(self.kubectl.wait());
    }
}

/// The allocation as pods can run it: in the network of the cluster, of the image that the node has.
pub fn in_a_pod(mut allocation: Value) -> Value {
    allocation["Container"]["HostConfig"].as_object_mut().unwrap().remove("NetworkMode");
    allocation["Pull"] = json!("Missing");
    allocation
}
