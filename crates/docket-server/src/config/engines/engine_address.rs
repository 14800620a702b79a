//! The grammar of `--engine`: `NAME=[KIND+]URL`, or `NAME=kubernetes:[CONTEXT][/NAMESPACE]`.

use std::str::FromStr;

use docket_model::{EngineName, engine_name::InvalidEngineName};
use thiserror::Error;

use super::EngineKind;

/// One `--engine`: a name, a kind, and one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineAddress {
    pub(super) name: EngineName,
    pub(super) kind: EngineKind,
    pub(super) url: String,
}

/// A text that is not a valid `--engine`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidEngineAddress {
    /// It has no name.
    #[error(
        "`{0}` has no name: write NAME=URL, such as web1=tcp://web1:2375, web1=ssh://root@web1 or \
         here=unix:///var/run/docker.sock"
    )]
    NoName(String),
    /// Its name is not valid.
    #[error(transparent)]
    Name(#[from] InvalidEngineName),
    /// Nothing follows the name or the kind.
    #[error(
        "engine `{0}` has no URL: write {0}=tcp://HOST:PORT, {0}=ssh://USER@HOST or {0}=unix:///PATH"
    )]
    NoUrl(EngineName),
    /// What stands before `+` is not a kind.
    #[error(
        "engine `{name}` has the unknown kind `{kind}`: write docker+URL, swarm+URL or kubernetes:[CONTEXT]"
    )]
    UnknownKind {
        /// The engine's name.
        name: EngineName,
        /// As it was written.
        kind: String,
    },
    /// A Kubernetes cluster is reached by its context, not by a URL.
    #[error("engine `{0}`: write {0}=kubernetes:[CONTEXT][/NAMESPACE]")]
    KubernetesUrl(EngineName),
}

impl FromStr for EngineAddress {
    type Err = InvalidEngineAddress;

    fn from_str(text: &str) -> Result<Self, InvalidEngineAddress> {
        let (name, address) =
            text.split_once('=').ok_or_else(|| InvalidEngineAddress::NoName(text.to_owned()))?;
        let name: EngineName = name.parse()?;
        let (kind, url) = kind_and_url(&name, address)?;
        Ok(Self { kind, url: url.to_owned(), name })
    }
}

fn kind_and_url<'t>(
    name: &EngineName,
    address: &'t str,
) -> Result<(EngineKind, &'t str), InvalidEngineAddress> {
    if let Some(context) = address.strip_prefix("kubernetes:") {
        // The context of the kubeconfig that is in force, or the cluster that docket runs in.
        return Ok((EngineKind::Kubernetes, context));
    }
    let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphabetic());
    // A path or a user name may contain `+`, a kind is a word and comes first.
    let (kind, url) = match address.split_once('+').filter(|(kind, _)| is_word(kind)) {
        None => (EngineKind::Docker, address),
        Some((word, url)) => {
            let unknown =
                || InvalidEngineAddress::UnknownKind { name: name.clone(), kind: word.to_owned() };
            (EngineKind::parse(word).ok_or_else(unknown)?, url)
        }
    };
    if kind == EngineKind::Kubernetes {
        return Err(InvalidEngineAddress::KubernetesUrl(name.clone()));
    }
    if url.trim().is_empty() {
        return Err(InvalidEngineAddress::NoUrl(name.clone()));
    }
    Ok((kind, url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_a_name_a_kind_and_a_url() {
        for (text, kind, url) in [
            ("web1=tcp://10.0.0.1:2375", EngineKind::Docker, "tcp://10.0.0.1:2375"),
            ("web1=10.0.0.1:2375", EngineKind::Docker, "10.0.0.1:2375"),
            ("web1=docker+ssh://root@web1", EngineKind::Docker, "ssh://root@web1"),
            ("web1=unix:///run/a+b=c.sock", EngineKind::Docker, "unix:///run/a+b=c.sock"),
            ("web1=swarm+tcp://m1:2376", EngineKind::Swarm, "tcp://m1:2376"),
            ("web1=kubernetes:", EngineKind::Kubernetes, ""),
            ("web1=kubernetes:prod/batch", EngineKind::Kubernetes, "prod/batch"),
        ] {
            let read: EngineAddress = text.parse().unwrap();
            assert_eq!((read.name.as_str(), read.kind, &*read.url), ("web1", kind, url), "{text}");
        }
    }

    #[test]
    fn a_wrong_engine_is_refused_with_what_to_write() {
        let read = |text: &str| text.parse::<EngineAddress>().unwrap_err().to_string();
        insta::assert_snapshot!(
            ["tcp://web1:2375", "we b=tcp://a", "a=", "a=swarm+", "a=podman+unix:///x", "a=kubernetes+https://x"]
                .map(read).join("\n"),
            @r"
            `tcp://web1:2375` has no name: write NAME=URL, such as web1=tcp://web1:2375, web1=ssh://root@web1 or here=unix:///var/run/docker.sock
            `we b` is not a valid name of an engine: use 1 to 63 letters, digits, `_`, `.` and `-`, beginning with a letter or a digit
            engine `a` has no URL: write a=tcp://HOST:PORT, a=ssh://USER@HOST or a=unix:///PATH
            engine `a` has no URL: write a=tcp://HOST:PORT, a=ssh://USER@HOST or a=unix:///PATH
            engine `a` has the unknown kind `podman`: write docker+URL, swarm+URL or kubernetes:[CONTEXT]
            engine `a`: write a=kubernetes:[CONTEXT][/NAMESPACE]
            "
        );
    }
}
