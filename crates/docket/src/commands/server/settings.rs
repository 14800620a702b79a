//! The options of `docket server`, and the configuration made of them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use clap::{Args, builder::BoolishValueParser};
use docket_model::{Duration, Size, Zone, container::UnknownOptions};
use docket_server::{
    Access, Config,
    config::{
        Listen, Namespace, NotifySettings, StoreChoice, TlsFiles, Token, engines::ConnectEngine,
        read_notify_file,
    },
};
use reqwest::Url;
use tracing::warn;

use super::{engine_options::EngineOptions, logging::LogFormat};
use crate::{client::find_token, count_argument::Count, secret_file};

/// Runs the server: starts a container at each instant of each allocation
///
/// Without --engine and --engines, `DOCKER_HOST`, `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`, or else
/// Docker's current context, select the engine. The log goes to standard error; `DOCKET_LOG` filters it (`debug`, `warn`,
/// `docket_server=debug`; default: `info`).
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Address to listen on: HOST:PORT or unix:PATH; one that other machines can reach requires a token
    /// [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDRESS", env = "DOCKET_LISTEN")]
    pub(super) listen: Option<Listen>,

    /// Default time zone of allocations (IANA name) [default: `TZ` or the host's]
    #[arg(long, value_name = "ZONE", env = "DOCKET_TIME_ZONE")]
    pub(super) time_zone: Option<Zone>,

    /// File or directory with allocations, loaded at start and on SIGHUP; the API cannot change these
    /// allocations
    #[arg(long, value_name = "PATH", env = "DOCKET_FILE")]
    file: Option<PathBuf>,

    /// File with the targets of notifications in YAML, with the keys `Targets`, `Default` and `AllowedHosts`
    #[arg(long, value_name = "FILE", env = "DOCKET_NOTIFY")]
    notify: Option<PathBuf>,

    #[command(flatten)]
    storage: Storage,

    /// Separates several servers on one engine: 1 to 20 characters of a-z, 0-9 and -
    #[arg(
        long,
        value_name = "NAME",
        env = "DOCKET_NAMESPACE",
        default_value = docket_server::config::NAMESPACE
    )]
    namespace: Namespace,

    /// Accept container options that this version's Engine API does not know, with a warning
    #[arg(
        long,
        env = "DOCKET_ALLOW_UNKNOWN_OPTIONS",
        value_parser = BoolishValueParser::new()
    )]
    allow_unknown_options: bool,

    /// Format of the log
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        env = "DOCKET_LOG_FORMAT",
        default_value = "text"
    )]
    pub(super) log_format: LogFormat,

    #[command(flatten)]
    engines: EngineOptions,

    #[command(flatten)]
    limits: Limits,

    #[command(flatten)]
    access: AccessOptions,
}

/// The store, the env files, and what happens at start and stop.
#[derive(Debug, Args)]
struct Storage {
    /// Store of allocations and runs: `memory`, which is lost when the server stops, or `sqlite:PATH`
    #[arg(long, value_name = "STORE", env = "DOCKET_STORE", default_value = "memory")]
    store: StoreChoice,

    /// Open a store that was last used on another machine with the same engine: give it once, when no
    /// server on the other machine uses the store any more
    #[arg(long, env = "DOCKET_RESTORED", value_parser = BoolishValueParser::new())]
    restored: bool,

    /// Directory that holds the `EnvFiles` of allocations; they are read at each start and never stored
    #[arg(long, value_name = "DIR", env = "DOCKET_ENV_DIR")]
    env_dir: Option<PathBuf>,

    /// Stop running containers when the server stops [default: they continue]; it waits for a minute more
    /// than the longest `StopTimeout`, or until the next signal
    #[arg(long, env = "DOCKET_STOP_RUNS", value_parser = BoolishValueParser::new())]
    stop_runs: bool,

    /// Start paused: no scheduled runs until `docket unpause`; overrides the end of an earlier pause
    #[arg(long, env = "DOCKET_PAUSED", value_parser = BoolishValueParser::new())]
    paused: bool,
}

/// Limits of the server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct Limits {
    /// Containers to create and start at once [default: twice the engine's cores, at least 4]
    #[arg(long, value_name = "COUNT", env = "DOCKET_MAX_STARTING")]
    max_starting: Option<Count>,

    /// Containers to run at once; further runs wait in the order of their instants
    #[arg(long, value_name = "COUNT", env = "DOCKET_MAX_RUNNING", default_value = "1000")]
    max_running: Count,

    /// Runs that may wait for a free slot; further ones are recorded as skipped
    #[arg(long, value_name = "COUNT", env = "DOCKET_QUEUE", default_value = "100000")]
    queue: usize,

    /// Images to pull at once
    #[arg(long, value_name = "COUNT", env = "DOCKET_MAX_PULLING", default_value = "8")]
    max_pulling: Count,

    /// Time limit of a pull, such as 90s or PT10M
    #[arg(long, value_name = "DURATION", env = "DOCKET_PULL_TIMEOUT", default_value = "10m")]
    pull_timeout: Duration,

    /// Largest request body, in B, KiB, MiB or GiB
    #[arg(long, value_name = "SIZE", env = "DOCKET_MAX_BODY", default_value = "64MiB")]
    max_body: Size,

    /// Allocations with metrics of their own, in the order of their creation
    #[arg(long, value_name = "COUNT", env = "DOCKET_METRICS_ALLOCATIONS", default_value = "1000")]
    metrics_allocations: usize,

    /// Memory for the records and outputs of runs; the oldest outputs are removed first, then the oldest
    /// records
    #[arg(long, value_name = "SIZE", env = "DOCKET_MEMORY", default_value = "64MiB")]
    memory: Size,
}

/// Access to the server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
struct AccessOptions {
    /// File with the token that each request must send [or the token itself in `DOCKET_TOKEN`]
    #[arg(long, value_name = "FILE", env = "DOCKET_TOKEN_FILE")]
    token_file: Option<PathBuf>,

    /// Allow an address that other machines can reach without a token
    #[arg(long, env = "DOCKET_INSECURE", value_parser = BoolishValueParser::new())]
    insecure: bool,

    /// Public origin of the server behind a proxy, such as `https://docket.example.org`
    #[arg(long, value_name = "URL", env = "DOCKET_PUBLIC_URL", value_parser = origin)]
    public_url: Option<String>,

    /// File with the certificate chain (PEM), for TLS
    #[arg(long, value_name = "FILE", env = "DOCKET_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// File with the private key (PEM) of the certificate
    #[arg(long, value_name = "FILE", env = "DOCKET_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  docket server
  docket server --file docket.yml --time-zone Europe/Berlin
  docket server --store sqlite:/var/lib/docket/docket.db
  docket server --listen unix:/run/docket/docket.sock
  docket server --engine web1=ssh://root@web1 --engine web2=tcp://10.0.0.2:2375
  docket server --listen 0.0.0.0:3000 --token-file token --tls-cert cert.pem --tls-key key.pem

Without --listen the variables HOST and PORT apply, as in the original docket.";

/// How engines of kind `kubernetes` are connected.
#[cfg(feature = "cluster")]
const CONNECT_KUBERNETES: Option<ConnectEngine> = Some(docket_kubernetes::connect_engine);
#[cfg(not(feature = "cluster"))]
const CONNECT_KUBERNETES: Option<ConnectEngine> = None;

impl Arguments {
    /// Converts the options into a configuration.
    pub(super) fn config(self, time_zone: Zone) -> Result<Config> {
        let Self { limits, storage, .. } = self;
        // At the start, because the files are read only when a run starts, perhaps at night.
        if let Some(directory) = storage.env_dir.as_deref().filter(|directory| !directory.is_dir())
        {
            bail!("--env-dir: `{}` is not a directory", directory.display());
        }
        // Without any time every pull would fail.
        if limits.pull_timeout.seconds() == 0 {
            bail!("--pull-timeout must be longer than 0s");
        }
        let unknown_options =
            if self.allow_unknown_options { UnknownOptions::Allow } else { UnknownOptions::Refuse };
        Ok(Config {
            access: self.access.access()?,
            time_zone,
            namespace: self.namespace,
            file: self.file,
            notify: Arc::new(
                self.notify.as_deref().map(notify_settings).transpose()?.unwrap_or_default(),
            ),
            engines: self.engines.engines()?,
            connect_kubernetes: CONNECT_KUBERNETES,
            unknown_options,
            max_starting: limits.max_starting.map(Count::get),
            max_running: limits.max_running.get(),
            queue: limits.queue,
            max_pulling: limits.max_pulling.get(),
            pull_timeout: limits.pull_timeout.into(),
            metrics_allocations: limits.metrics_allocations,
            max_body: in_bytes(limits.max_body),
            memory: in_bytes(limits.memory),
            store: storage.store,
            env_dir: storage.env_dir,
            restored: storage.restored,
            stop_runs: storage.stop_runs,
            paused: storage.paused,
        })
    }
}

/// The file of `--notify`.
fn notify_settings(path: &Path) -> Result<NotifySettings> {
    // It may have URLs, which are secrets.
    if let Some(warning) = secret_file::warning("file of notifications", path) {
        warn!("{warning}");
    }
    read_notify_file(path).context("--notify")
}

impl AccessOptions {
    fn access(self) -> Result<Access> {
        let token = find_token(self.token_file.as_deref(), |warning| warn!("{warning}"))?;
        let token =
            token.map(|(text, source)| Token::parse(&text).with_context(|| source.to_string()));
        let key = self.tls_key.as_deref();
        // The library that reads the key does not check who else can.
        if let Some(warning) = key.and_then(|key| secret_file::warning("private key", key)) {
            warn!("{warning}");
        }
        let tls = self.tls_cert.zip(self.tls_key);
        Ok(Access {
            token: token.transpose()?,
            insecure: self.insecure,
            public_url: self.public_url,
            tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
        })
    }
}

/// A size as this machine counts it; more than it can hold is all that it can hold.
fn in_bytes(size: Size) -> usize {
    usize::try_from(size.bytes()).unwrap_or(usize::MAX)
}

/// The origin of a URL as browsers write it: in lower case, without its scheme's own port and without
/// the path below which the proxy offers the server.
fn origin(text: &str) -> Result<String, String> {
    let error = |why: &str| format!("{why}: write https://HOST or https://HOST:PORT");
    // Checked before parsing: `docket.example.org:443` is a valid URL with the scheme
    // `docket.example.org`.
    let is_web = |text: &str| text.starts_with("https://") || text.starts_with("http://");
    if !is_web(&text.to_ascii_lowercase()) {
        return Err(error("the URL of the server begins with https:// or http://"));
    }
    let url = Url::parse(text).map_err(|cause| error(&cause.to_string()))?;
    if !url.username().is_empty() || url.query().is_some() || url.fragment().is_some() {
        return Err(error("an origin has no user name, query or fragment"));
    }
    // The header `Origin` of browsers is compared with it character by character.
    Ok(url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn a_public_url_is_reduced_to_its_origin() {
        for (text, kept) in [
            ("https://docket.example.org", "https://docket.example.org"),
            ("https://docket.example.org/", "https://docket.example.org"),
            ("HTTPS://Docket.Example.org:443/below/", "https://docket.example.org"),
            ("http://docket.example.org:8080", "http://docket.example.org:8080"),
        ] {
            assert_eq!(origin(text).as_deref(), Ok(kept));
        }
    }

    #[test]
    fn an_invalid_origin_is_rejected() {
        let remedy = "write https://HOST or https://HOST:PORT";
        let scheme = "the URL of the server begins with https:// or http://";
        let excess = "an origin has no user name, query or fragment";
        for (text, why) in [
            ("", scheme),
            ("docket.example.org", scheme),
            ("ftp://docket.example.org", scheme),
            ("https://", "empty host"),
            ("https://docket.example.org:port", "invalid port number"),
            ("https://ann@docket.example.org", excess),
            ("https://docket.example.org/?page=1", excess),
        ] {
            assert_eq!(origin(text), Err(format!("{why}: {remedy}")));
        }
    }
}
