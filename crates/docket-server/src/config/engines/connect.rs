//! Connects the engines of a configuration. A new kind of engine is one arm in [`connect`].

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use docket_model::EngineName;
use futures_util::future::BoxFuture;
use tracing::{info, warn};

use super::{EngineConfig, EngineKind};
use crate::{
    config::config_error::ConfigError,
    engine::{Engine, docker, swarm},
};

/// The variables that choose an engine, which `--engine` does instead of them.
const UNREAD_VARIABLES: [&str; 6] = [
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
    "DOCKER_DEFAULT_PLATFORM",
];

/// Connects an engine whose code is in a crate of its own; its address is the one that was configured.
pub type ConnectEngine =
    fn(
        address: String,
    ) -> BoxFuture<'static, Result<Arc<dyn Engine>, Box<dyn Error + Send + Sync>>>;

/// The limits of pulls, for each engine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PullLimits {
    /// How many images an engine pulls at once.
    pub(crate) max_pulling: usize,
    /// The time limit of a pull.
    pub(crate) pull_timeout: Duration,
}

/// An engine, and where it is, without secrets.
#[derive(Debug)]
pub(crate) struct ConnectedEngine {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) urls: Vec<String>,
}

/// Connects an engine by its kind; it need not be up.
///
/// # Errors
/// If this build has no engine of the kind, or its URL or its certificates cannot be used.
pub(crate) async fn connect(
    config: &EngineConfig,
    limits: PullLimits,
    kubernetes: Option<ConnectEngine>,
) -> Result<ConnectedEngine, ConfigError> {
    let EngineConfig { name, kind, urls, .. } = config;
    let endpoint =
        |url: &str| docker::Endpoint::of_engine(name.as_str(), url, config.certificates.clone());
    let engine: Arc<dyn Engine> = match kind {
        EngineKind::Docker => {
            Arc::new(docker::connect(&endpoint(config.url())?, docker_settings(None, limits))?)
        }
        EngineKind::Swarm => {
            let managers = urls.iter().map(|url| endpoint(url)).collect::<Result<Vec<_>, _>>()?;
            Arc::new(swarm::connect(&managers, docker::config_folder())?)
        }
        EngineKind::Kubernetes => {
            let connect = kubernetes.ok_or_else(|| ConfigError::NoKubernetes(name.clone()))?;
            let connected = connect(config.url().to_owned()).await;
            connected.map_err(|error| ConfigError::NotConnected { name: name.clone(), error })?
        }
    };
    let urls: Vec<_> = urls.iter().map(|url| without_secrets(url)).collect();
    info!(engine = %name, kind = kind.as_str(), url = urls.join(" "), "using this engine");
    Ok(ConnectedEngine { engine, urls })
}

/// Whether an engine at this URL is reached by TLS if it has certificates.
pub(super) fn may_use_tls(name: &EngineName, url: &str, certificates: &Path) -> bool {
    let endpoint = docker::Endpoint::of_engine(name.as_str(), url, Some(certificates.to_owned()));
    // One that is not valid is reported when the engine is connected.
    endpoint.map_or(true, |endpoint| endpoint.is_over_tcp())
}

/// Connects the engine that the environment selects, as Docker's own client does.
///
/// # Errors
/// If the variables or the context that select it cannot be used.
pub(crate) fn connect_default(limits: PullLimits) -> Result<ConnectedEngine, ConfigError> {
    // A closure, so that tests of the choice need not change the environment of the process.
    let variable = |name: &str| std::env::var(name).ok();
    let endpoint = docker::Endpoint::choose(&variable, docker::config_folder().as_deref())?;
    let platform = docker::default_platform(&variable)?;
    if let Some(platform) = &platform {
        info!(platform, "using `DOCKER_DEFAULT_PLATFORM` as the default platform of images");
    }
    let engine = docker::connect(&endpoint, docker_settings(platform, limits))?;
    info!(engine = engine.endpoint(), "using this engine");
    Ok(ConnectedEngine { engine: Arc::new(engine), urls: vec![without_secrets(&endpoint.url())] })
}

fn docker_settings(platform: Option<String>, limits: PullLimits) -> docker::Settings {
    let PullLimits { max_pulling, pull_timeout } = limits;
    docker::Settings { config: docker::config_folder(), max_pulling, pull_timeout, platform }
}

/// Logs which variables of Docker's client are set and not read, because options name the engines.
pub(crate) fn warn_of_unread_variables() {
    let is_set = |name: &&&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let set: Vec<_> =
        UNREAD_VARIABLES.iter().filter(is_set).map(|name| format!("`{name}`")).collect();
    if !set.is_empty() {
        warn!("{} not read: --engine and --engines name the engines", set.join(", "));
    }
}

/// A URL without a password, query or fragment.
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = match url.find("://") {
        Some(end) => url.split_at(end + 3),
        None => ("", url),
    };
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}@{host}"),
            None => authority.to_owned(),
        },
        None => authority.to_owned(),
    };
    format!("{scheme}{authority}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, shown) in [
            ("ssh://root@web1:22/run/docker.sock", "ssh://root@web1:22/run/docker.sock"),
            ("https://ann:secret@web1:2376/a?token=b#c", "https://ann@web1:2376/a"),
            ("tcp://ann:s@c@web1:2376", "tcp://ann@web1:2376"),
            ("unix:///run/a@b:c.sock", "unix:///run/a@b:c.sock"),
            ("web1:2375", "web1:2375"),
            ("ann:secret@web1:2375", "ann@web1:2375"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
