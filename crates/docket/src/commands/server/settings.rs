//! The options of `docket server`, and the configuration that they make.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::{Args, builder::BoolishValueParser};
use docket_model::{Duration, Size, Zone, container::UnknownOptions};
use docket_server::{
    Access, Config,
    config::{Listen, Namespace, StoreChoice, TlsFiles, Token},
};
use reqwest::Url;
use tracing::warn;

use super::logging::LogFormat;
use crate::{
    client::{TOKEN_VARIABLE, TokenSource},
    count, secret_file,
};

/// Runs the server: watches the clock, and starts a container at each instant of each allocation
///
/// The engine is the one that `DOCKER_HOST`, `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` or Docker's
/// current context name. What is logged goes to standard error; `DOCKET_LOG` filters it (`debug`,
/// `warn`, `docket_server=debug`; default: `info`).
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Where to listen: HOST:PORT or unix:PATH; an address that other machines reach wants a token
    /// [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDRESS", env = "DOCKET_LISTEN")]
    pub(super) listen: Option<Listen>,

    /// Zone (IANA name) of allocations that name none [default: `TZ` or the host's]
    #[arg(long, value_name = "ZONE", env = "DOCKET_TIME_ZONE")]
    pub(super) time_zone: Option<Zone>,

    /// File, or folder of files, with allocations that are loaded at start and on SIGHUP, and that
    /// the API cannot change
    #[arg(long, value_name = "PATH", env = "DOCKET_FILE")]
    file: Option<PathBuf>,

    #[command(flatten)]
    keeping: Keeping,

    /// Tells servers on one engine apart: 1 to 20 of a-z, 0-9 and -
    #[arg(
        long,
        value_name = "NAME",
        env = "DOCKET_NAMESPACE",
        default_value = docket_server::config::NAMESPACE
    )]
    namespace: Namespace,

    /// Let options through that the Engine API of this version does not know, with a warning
    #[arg(
        long,
        env = "DOCKET_ALLOW_UNKNOWN_OPTIONS",
        value_parser = BoolishValueParser::new()
    )]
    allow_unknown_options: bool,

    /// What a line of the log looks like
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        env = "DOCKET_LOG_FORMAT",
        default_value = "text"
    )]
    pub(super) log_format: LogFormat,

    #[command(flatten)]
    bounds: Bounds,

    #[command(flatten)]
    entrance: Entrance,
}

/// What the server keeps, where it finds what it does not, and what it lets go of.
#[derive(Debug, Args)]
struct Keeping {
    /// Where allocations and runs are kept: `memory`, which forgets them when the server stops, or
    /// `sqlite:PATH`, a file
    #[arg(long, value_name = "STORE", env = "DOCKET_STORE", default_value = "memory")]
    store: StoreChoice,

    /// Open a store that was last served on another machine with the same engine: give it once,
    /// when no server on the other machine uses the store any more
    #[arg(long, env = "DOCKET_RESTORED", value_parser = BoolishValueParser::new())]
    restored: bool,

    /// Folder below which the `EnvFiles` of allocations lie; they are read at each start and kept
    /// nowhere
    #[arg(long, value_name = "DIR", env = "DOCKET_ENV_DIR")]
    env_dir: Option<PathBuf>,

    /// Stop the containers that run when the server stops, in place of letting them run on: it waits
    /// for them for a minute more than the longest `StopTimeout`, or until the next signal
    #[arg(long, env = "DOCKET_STOP_RUNS", value_parser = BoolishValueParser::new())]
    stop_runs: bool,

    /// Start paused, also where a pause with an end is in force: nothing starts by itself until
    /// `docket unpause`
    #[arg(long, env = "DOCKET_PAUSED", value_parser = BoolishValueParser::new())]
    paused: bool,
}

/// How much of everything there may be.
#[derive(Debug, Args)]
#[command(next_help_heading = "Bounds")]
struct Bounds {
    /// How many containers are created and started at once [default: twice the engine's cores, at
    /// least 4]
    #[arg(long, value_name = "COUNT", env = "DOCKET_MAX_STARTING", value_parser = count::parse)]
    max_starting: Option<NonZeroUsize>,

    /// How many containers may be alive at once; further runs wait, in the order of their instants
    #[arg(
        long,
        value_name = "COUNT",
        env = "DOCKET_MAX_RUNNING",
        default_value = "1000",
        value_parser = count::parse
    )]
    max_running: NonZeroUsize,

    /// How many runs may wait for those to end; what is due beyond that is on record as skipped
    #[arg(long, value_name = "COUNT", env = "DOCKET_QUEUE", default_value = "100000")]
    queue: usize,

    /// How many images are pulled at once
    #[arg(
        long,
        value_name = "COUNT",
        env = "DOCKET_MAX_PULLING",
        default_value = "8",
        value_parser = count::parse
    )]
    max_pulling: NonZeroUsize,

    /// After which time a pull is given up, such as 90s or PT10M
    #[arg(long, value_name = "DURATION", env = "DOCKET_PULL_TIMEOUT", default_value = "10m")]
    pull_timeout: Duration,

    /// The largest request body, in B, KiB, MiB or GiB
    #[arg(long, value_name = "SIZE", env = "DOCKET_MAX_BODY", default_value = "64MiB")]
    max_body: Size,

    /// How much memory the records and outputs of runs may take; the oldest outputs go first, then the
    /// oldest records
    #[arg(long, value_name = "SIZE", env = "DOCKET_MEMORY", default_value = "64MiB")]
    memory: Size,
}

/// Who may talk to the server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
struct Entrance {
    /// File with the token that each request must carry [or the token itself in `DOCKET_TOKEN`]
    #[arg(long, value_name = "FILE", env = "DOCKET_TOKEN_FILE")]
    token_file: Option<PathBuf>,

    /// Listen where other machines reach it without a token: something else keeps them out
    #[arg(long, env = "DOCKET_INSECURE", value_parser = BoolishValueParser::new())]
    insecure: bool,

    /// Origin under which a proxy offers the server, such as `https://docket.example.org`
    #[arg(long, value_name = "URL", env = "DOCKET_PUBLIC_URL", value_parser = origin)]
    public_url: Option<String>,

    /// File with the certificate chain (PEM); the server then speaks TLS
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
  docket server --listen 0.0.0.0:3000 --token-file token --tls-cert cert.pem --tls-key key.pem

Without --listen the variables HOST and PORT are read, as in the original docket.";

impl Arguments {
    /// The configuration that these options make.
    pub(super) fn config(self, time_zone: Zone) -> Result<Config> {
        let Bounds {
            max_starting,
            max_running,
            queue,
            max_pulling,
            pull_timeout,
            max_body,
            memory,
        } = self.bounds;
        let Keeping { store, env_dir, restored, stop_runs, paused } = self.keeping.checked()?;
        if pull_timeout.seconds() == 0 {
            bail!("--pull-timeout is 0s: no image can be pulled in no time");
        }
        let unknown_options =
            if self.allow_unknown_options { UnknownOptions::Allow } else { UnknownOptions::Refuse };
        Ok(Config {
            access: self.entrance.access()?,
            time_zone,
            namespace: self.namespace,
            max_starting: max_starting.map(NonZeroUsize::get),
            max_pulling: max_pulling.get(),
            pull_timeout: pull_timeout.into(),
            max_body: in_bytes(max_body),
            store,
            memory: in_bytes(memory),
            file: self.file,
            unknown_options,
            env_dir,
            max_running: max_running.get(),
            queue,
            restored,
            stop_runs,
            paused,
        })
    }
}

impl Keeping {
    fn checked(self) -> Result<Self> {
        if let Some(folder) = self.env_dir.as_deref().filter(|folder| !folder.is_dir()) {
            bail!("--env-dir {}: there is no such folder", folder.display());
        }
        Ok(self)
    }
}

impl Entrance {
    fn access(self) -> Result<Access> {
        let token = token(self.token_file.as_deref())?;
        let key = self.tls_key.as_deref();
        if let Some(warning) = key.and_then(|key| secret_file::warning("private key", key)) {
            warn!("{warning}");
        }
        let tls = self.tls_cert.zip(self.tls_key);
        Ok(Access {
            token,
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
    let told = |why: &str| format!("{why}: write https://HOST or https://HOST:PORT");
    let is_web = |text: &str| text.starts_with("https://") || text.starts_with("http://");
    if !is_web(&text.to_ascii_lowercase()) {
        return Err(told("the address of a page begins with https:// or http://"));
    }
    let url = Url::parse(text).map_err(|error| told(&error.to_string()))?;
    if !url.username().is_empty() || url.query().is_some() || url.fragment().is_some() {
        return Err(told("an origin has neither a user name, a query nor a fragment"));
    }
    Ok(url.origin().ascii_serialization())
}

/// The token in the file, or else the one in the environment.
fn token(file: Option<&Path>) -> Result<Option<Token>> {
    if let Some(file) = file {
        let source = TokenSource::File(file.to_owned());
        let read = secret_file::read("token file", file);
        let read = read.with_context(|| format!("cannot read {source}"))?;
        if let Some(warning) = &read.warning {
            warn!("{warning}");
        }
        return Ok(Some(Token::parse(&read.text).with_context(|| source.to_string())?));
    }
    let text = std::env::var(TOKEN_VARIABLE).ok().filter(|text| !text.is_empty());
    text.map(|text| Token::parse(&text)).transpose().context(TOKEN_VARIABLE)
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn a_public_url_is_kept_as_browsers_name_its_origin() {
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
    fn what_no_page_can_come_from_is_refused() {
        let mend = "write https://HOST or https://HOST:PORT";
        let scheme = "the address of a page begins with https:// or http://";
        let excess = "an origin has neither a user name, a query nor a fragment";
        for (text, why) in [
            ("", scheme),
            ("docket.example.org", scheme),
            ("ftp://docket.example.org", scheme),
            ("https://", "empty host"),
            ("https://docket.example.org:port", "invalid port number"),
            ("https://ann@docket.example.org", excess),
            ("https://docket.example.org/?page=1", excess),
        ] {
            assert_eq!(origin(text), Err(format!("{why}: {mend}")));
        }
    }
}
