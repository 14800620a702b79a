//! A registry of the tests' own, on loopback, where Docker needs no TLS.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{LazyLock, Mutex},
};

use serde_json::json;
use tempfile::TempDir;

use crate::{Engine, eventually, guarded_process::GuardedProcess};

/// Who may log in at [`Registry::with_login`].
pub const USER: &str = "keeper";
/// The user's password. In base64 it has both characters in which the alphabets differ.
pub const PASSWORD: &str = ">>>>>>??????";
/// What `htpasswd -nbB` makes of the two.
const HTPASSWD: &str = "keeper:$2y$05$QiGweREcKGPA3pSzen86uuTHc3HgFI9w9PPBnIJasIvNrt0LdhgpC\n";

/// Where a registry listens, unless it is in another network.
const LOOPBACK: &str = "127.0.0.1";

/// A real registry, which ends with this process.
pub struct Registry {
    directory: TempDir,
    login: bool,
    /// The address at which it listens.
    address: String,
    port: u16,
    keeper: Mutex<Option<GuardedProcess>>,
}

impl Registry {
    /// The registry that the shared engine asks for images without a host.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Registry> = LazyLock::new(Registry::open);
        &SHARED
    }

    /// Starts a registry from which everybody may pull.
    pub fn open() -> Self {
        Self::start(false, LOOPBACK, None)
    }

    /// Starts a registry that wants a login.
    pub fn with_login() -> Self {
        Self::start(true, LOOPBACK, None)
    }

    /// Starts a registry that wants a login, at an address in the network of a process.
    pub fn with_login_in_network_of(process: u32, address: &str) -> Self {
        Self::start(true, address, Some(process))
    }

    /// Its host and port, as in an image's name.
    pub fn host(&self) -> String {
        format!("{}:{}", self.address, self.port)
    }

    /// An image of this registry.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.host())
    }

    /// Takes the registry down.
    pub fn stop(&self) {
        assert!(self.keeper.lock().unwrap().take().is_some(), "the registry is down already");
    }

    /// Copies an image of the engine here, under the name (with its tag); leaves the engine as it was.
    ///
    /// Returns the digest, such as `sha256:…`.
    pub fn offer(&self, engine: &Engine, image: &str, name: &str) -> String {
        let copy = self.image(name);
        // A configuration for this push alone: that of the engine's client has no login.
        let client = TempDir::new().unwrap();
        let configuration = client.path().to_str().unwrap();
        if self.login {
            fs::write(client.path().join("config.json"), self.docker_configuration()).unwrap();
        }
        engine.docker(["tag", image, &copy]);
        let pushed = engine.docker(["--config", configuration, "push", &copy]);
        // A later pull must get the image from the registry.
        engine.docker(["image", "rm", &copy]);
        let digest = pushed.split_whitespace().find(|word| word.starts_with("sha256:"));
        digest.unwrap_or_else(|| panic!("no digest in {pushed}")).to_owned()
    }

    /// The Docker configuration that has the login, as `docker login` writes it.
    pub fn docker_configuration(&self) -> String {
        // base64 of USER:PASSWORD.
        json!({ "auths": { self.host(): { "auth": "a2VlcGVyOj4+Pj4+Pj8/Pz8/Pw==" } } }).to_string()
    }

    fn start(login: bool, address: &str, in_network_of: Option<u32>) -> Self {
        let (directory, address) = (TempDir::new().unwrap(), address.to_owned());
        let registry = Self { directory, login, address, port: 0, keeper: Mutex::new(None) };
        fs::write(registry.path("htpasswd"), HTPASSWD).unwrap();
        fs::write(registry.path("config.yml"), registry.configuration()).unwrap();
        let mut command = Command::new("bash");
        if let Some(process) = in_network_of {
            command = Command::new("nsenter");
            command.args([&format!("--net=/proc/{process}/ns/net"), "bash"]);
        }
        command
            .args(["-c", r#"exec docker-registry serve "$0/config.yml" >"$0/log" 2>&1"#])
            .arg(registry.directory.path());
        let keeper = Mutex::new(Some(GuardedProcess::start_endless(&mut command)));
        let port = eventually("a registry that listens", || registry.announced_port());
        Self { port, keeper, ..registry }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The port of the registry, from its log.
    fn announced_port(&self) -> Option<u16> {
        let log = fs::read_to_string(self.path("log")).ok()?;
        let (_, rest) = log.split_once(&format!("listening on {}:", self.address))?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }

    /// Written as JSON, which is YAML too.
    fn configuration(&self) -> String {
        let mut configuration = json!({
            "version": 0.1,
            "storage": { "filesystem": { "rootdirectory": self.path("storage") } },
            // No other program can take the port first; the log has its number.
            "http": { "addr": format!("{}:0", self.address) },
        });
        if self.login {
            let htpasswd = json!({ "realm": "tests", "path": self.path("htpasswd") });
            configuration["auth"] = json!({ "htpasswd": htpasswd });
        }
        configuration.to_string()
    }
}
