//! The errors of requests to the API server.

use docket_model::error_causes::with_causes;
use docket_server::engine::{EngineError, Refusal, bounded};
use http::StatusCode;
use serde::Deserialize;

/// How an API server says that a right on the whole cluster is missing.
const CLUSTER_WIDE: &str = " at the cluster scope";

/// A request that did not succeed.
#[derive(Debug)]
pub(crate) enum CallError {
    /// It got no answer, or one that says that the API server cannot work now; it may have been carried
    /// out.
    Unreachable(String),
    /// It was refused.
    Refused {
        status: StatusCode,
        /// The reason in one word, such as `AlreadyExists`.
        reason: String,
        message: String,
    },
}

/// What an API server says of a request that did not succeed.
#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

impl CallError {
    pub(super) fn of(error: &kube::Error) -> Self {
        Self::Unreachable(words(error))
    }

    pub(super) fn refused(status: StatusCode, body: &[u8]) -> Self {
        let read: Status = serde_json::from_slice(body).unwrap_or_else(|_| Status {
            message: String::from_utf8_lossy(body).trim().to_owned(),
            ..Status::default()
        });
        let message = if read.message.is_empty() { status.to_string() } else { read.message };
        let message = bounded(message);
        // It is too busy, or does not reach its store: the request may be carried out all the same.
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Self::Unreachable(message);
        }
        Self::Refused { status, reason: read.reason, message }
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.has_status(StatusCode::NOT_FOUND)
    }

    /// True of a request that cannot be carried out as it is, such as for a log that does not exist yet.
    pub(crate) fn is_invalid(&self) -> bool {
        self.has_status(StatusCode::BAD_REQUEST)
    }

    /// True of a request that takes a right which docket does not have.
    pub(crate) fn is_forbidden(&self) -> bool {
        self.has_status(StatusCode::FORBIDDEN)
    }

    /// True where the credentials are not accepted, which says nothing about what was asked.
    pub(crate) fn is_unauthorized(&self) -> bool {
        self.has_status(StatusCode::UNAUTHORIZED)
    }

    pub(crate) fn is_conflict(&self) -> bool {
        self.has_status(StatusCode::CONFLICT)
    }

    /// True of a patch whose test failed.
    pub(crate) fn is_out_of_date(&self) -> bool {
        self.is_conflict() || self.has_status(StatusCode::UNPROCESSABLE_ENTITY)
    }

    /// True of a page of a list, or a version to watch from, that is too old.
    pub(super) fn is_expired(&self) -> bool {
        self.has_status(StatusCode::GONE)
    }

    fn has_status(&self, wanted: StatusCode) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == wanted)
    }
}

impl From<CallError> for EngineError {
    fn from(error: CallError) -> Self {
        let (status, reason, message) = match error {
            CallError::Unreachable(message) => return Self::Unreachable(message),
            CallError::Refused { status, reason, message } => (status, reason, message),
        };
        let kind = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Refusal::Denied,
            StatusCode::NOT_FOUND => Refusal::NotFound,
            StatusCode::CONFLICT => Refusal::Conflict,
            _ => Refusal::Invalid,
        };
        let message = match status {
            StatusCode::UNAUTHORIZED => format!(
                "the API server does not accept the credentials ({message}): check the kubeconfig or the \
                 service account"
            ),
            // No Role gives a right on what is in no namespace.
            StatusCode::FORBIDDEN if message.contains(CLUSTER_WIDE) => format!(
                "{message}; the first lines of packaging/kubernetes/docket.yaml have the commands that give docket \
                 this right, by the ClusterRole `docket-nodes`"
            ),
            // Quotas and webhooks refuse with this status, too.
            StatusCode::FORBIDDEN if message.contains(" cannot ") => format!(
                "{message}; packaging/kubernetes/docket.yaml has a Role with the rights that docket needs"
            ),
            _ if reason == "Expired" => format!("the version is too old: {message}"),
            _ => message,
        };
        Self::Refused { kind, message }
    }
}

/// An error with its causes, without the passwords of URLs.
pub(crate) fn words(error: &(dyn std::error::Error + 'static)) -> String {
    without_passwords(&with_causes(error))
}

/// A text in which the users and passwords of URLs are masked.
pub(super) fn without_passwords(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "/?#\"'`<>".contains(c);
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((scheme, url)) = rest.split_once("://") {
        shown.extend([scheme, "://"]);
        let host = &url[..url.find(is_end).unwrap_or(url.len())];
        rest = match host.rsplit_once('@') {
            Some((secret, _)) => {
                shown.push_str("***");
                &url[secret.len()..]
            }
            None => url,
        };
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_that_is_missing_is_looked_for_where_the_manifests_give_it() {
        let refused = |what: &str| {
            let message =
                format!("{what} is forbidden: User \"u\" cannot list resource \"{what}\"");
            let message = message + if what == "nodes" { " at the cluster scope" } else { "" };
            let (status, reason) = (StatusCode::FORBIDDEN, "Forbidden".to_owned());
            EngineError::from(CallError::Refused { status, reason, message }).to_string()
        };

        let (nodes, pods) = (refused("nodes"), refused("pods"));

        assert!(nodes.contains("ClusterRole `docket-nodes`"), "{nodes}");
        assert!(pods.contains("has a Role with the rights"), "{pods}");
    }

    #[test]
    fn passwords_of_urls_are_masked() {
        for (text, shown) in [
            ("no url: me:secret@host", "no url: me:secret@host"),
            ("https://me:s@cret@host:1/a@b is away", "https://***@host:1/a@b is away"),
            ("`http://me@host`, http://host/", "`http://***@host`, http://host/"),
            ("proxy \"socks5://a:b@c\"://", "proxy \"socks5://***@c\"://"),
        ] {
            assert_eq!(without_passwords(text), shown);
        }
    }
}
