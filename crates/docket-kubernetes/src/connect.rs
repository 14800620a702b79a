//! Connecting to a cluster: which one, as whom, and the namespace of the pods.

use std::{env, error::Error, io::ErrorKind, str::FromStr, sync::Arc};

use docket_server::engine::Engine;
use futures_util::future::BoxFuture;
use kube::config::{Config, KubeConfigOptions, Kubeconfig, KubeconfigError};
use thiserror::Error;

use crate::{
    api::{Cluster, ClusterClient, LoginCommand, words},
    engine::KubernetesEngine,
    shared_engine_state::Pods,
};

/// Which cluster, and which of its namespaces: `[CONTEXT][/NAMESPACE]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterAddress {
    /// The context of the kubeconfig; none for its current one, or for the cluster that docket runs in.
    pub context: Option<String>,
    /// The namespace of the pods; none for that of the context or of the service account.
    pub namespace: Option<String>,
}

/// Why an engine of kind `kubernetes` cannot be used.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The namespace is none that Kubernetes has.
    #[error("`{0}` is not a namespace of Kubernetes: it has at most 63 of a-z, 0-9 and -")]
    BadNamespace(String),
    /// Nothing says where the cluster is.
    #[error(
        "no cluster is configured: set KUBECONFIG or write ~/.kube/config, or run docket in a pod with a \
         service account ({reason})"
    )]
    NoCluster {
        /// Why the service account cannot be used.
        reason: String,
    },
    /// The kubeconfig cannot be used; why, with the name of its file where it cannot be read.
    #[error("cannot use the kubeconfig: {0}")]
    Kubeconfig(String),
    /// There is no client with this configuration.
    #[error("cannot connect to the cluster: {0}")]
    Client(String),
}

impl From<KubeconfigError> for ConnectError {
    fn from(error: KubeconfigError) -> Self {
        Self::Kubeconfig(words(&error))
    }
}

impl FromStr for ClusterAddress {
    type Err = ConnectError;

    fn from_str(text: &str) -> Result<Self, ConnectError> {
        // Names of contexts may have slashes, such as those of cloud providers; namespaces have none.
        let (context, namespace) = text.rsplit_once('/').unwrap_or((text, ""));
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let namespace = given(namespace).map(checked_namespace).transpose()?;
        Ok(Self { context: given(context), namespace })
    }
}

/// A namespace is pasted into URLs.
fn checked_namespace(namespace: String) -> Result<String, ConnectError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_valid = namespace.len() <= 63
        && !namespace.is_empty()
        && namespace.chars().all(allowed)
        && !namespace.starts_with('-')
        && !namespace.ends_with('-');
    if is_valid { Ok(namespace) } else { Err(ConnectError::BadNamespace(namespace)) }
}

/// An engine that runs each attempt as a pod; the cluster need not be in reach, and a login command of the
/// kubeconfig need not work yet.
///
/// Of `KUBECONFIG` or `~/.kube/config` the context that the address names, or the current one; without such a
/// file the service account of the pod that docket runs in.
///
/// # Errors
/// [`ConnectError`] where the configuration cannot be used.
pub async fn connect(address: &ClusterAddress) -> Result<Arc<dyn Engine>, ConnectError> {
    let config = config(address.context.as_deref()).await?;
    engine(config, address.namespace.clone())
}

/// The same for an address as text, as docket's server configures it.
#[must_use]
pub fn connect_engine(
    address: String,
) -> BoxFuture<'static, Result<Arc<dyn Engine>, Box<dyn Error + Send + Sync>>> {
    Box::pin(async move { Ok(connect(&address.parse()?).await?) })
}

/// The same with this kubeconfig.
///
/// # Errors
/// [`ConnectError`] where the configuration cannot be used.
pub async fn connect_with(
    kubeconfig: &str,
    address: &ClusterAddress,
) -> Result<Arc<dyn Engine>, ConnectError> {
    let options = options(address.context.as_deref());
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    engine(config, address.namespace.clone())
}

fn engine(mut config: Config, namespace: Option<String>) -> Result<Arc<dyn Engine>, ConnectError> {
    // A call is one request: repeating it is the caller's affair, and a create must not be sent twice.
    config.default_retry = false;
    let namespace =
        checked_namespace(namespace.unwrap_or_else(|| config.default_namespace.clone()))?;
    let command = LoginCommand::take(&mut config.auth_info).map_err(ConnectError::Kubeconfig)?;
    let client = ClusterClient::new(config, command).map_err(ConnectError::Client)?;
    let pods = Pods::new(Cluster::new(client, namespace));
    Ok(Arc::new(KubernetesEngine::new(pods)))
}

async fn config(context: Option<&str>) -> Result<Config, ConnectError> {
    // A context or a file that was asked for must be there.
    let is_asked_for =
        context.is_some() || env::var_os("KUBECONFIG").is_some_and(|it| !it.is_empty());
    match Config::from_kubeconfig(&options(context)).await {
        Err(error) if !is_asked_for && is_missing(&error) => Config::incluster()
            .map_err(|error| ConnectError::NoCluster { reason: error.to_string() }),
        config => Ok(config?),
    }
}

/// True where there is no kubeconfig.
fn is_missing(error: &KubeconfigError) -> bool {
    match error {
        KubeconfigError::FindPath => true,
        KubeconfigError::ReadConfig(error, _) => error.kind() == ErrorKind::NotFound,
        _ => false,
    }
}

fn options(context: Option<&str>) -> KubeConfigOptions {
    KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_context_and_a_namespace() {
        let cases = [
            ("", None, None),
            ("prod", Some("prod"), None),
            ("/jobs", None, Some("jobs")),
            ("prod/jobs", Some("prod"), Some("jobs")),
            ("arn:aws:eks:x:cluster/prod/jobs", Some("arn:aws:eks:x:cluster/prod"), Some("jobs")),
            ("arn:aws:eks:x:cluster/prod/", Some("arn:aws:eks:x:cluster/prod"), None),
        ];
        for (text, context, namespace) in cases {
            let address: ClusterAddress = text.parse().unwrap();
            assert_eq!(
                (address.context.as_deref(), address.namespace.as_deref()),
                (context, namespace)
            );
        }
        assert!("prod/Jobs".parse::<ClusterAddress>().is_err());
    }
}
