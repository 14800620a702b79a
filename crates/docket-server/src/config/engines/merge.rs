//! Makes the list of engines of all options: the file's first, then those of `--engine`, in order.

use docket_model::{EngineName, finding::nearest};
use thiserror::Error;

use super::{EngineAddress, EngineConfig, EngineKind, EngineLabel};

/// Options that contradict one another.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidEngines {
    /// A name twice in the file of engines.
    #[error("--engines: two engines are named `{0}`: give each a name of its own")]
    DuplicateInFile(EngineName),
    /// A name in the file and in an option.
    #[error("--engine: `{0}` is also in the file of --engines: leave one of them out")]
    AlsoInFile(EngineName),
    /// One name, two kinds.
    #[error(
        "--engine: `{0}` has two kinds: repeat the name with the same kind, or use another name"
    )]
    TwoKinds(EngineName),
    /// Several URLs for an engine without managers.
    #[error(
        "engine `{name}` has {count} URLs, but one of the kind `{kind}` has one: give each engine a \
         name of its own"
    )]
    SeveralUrls {
        /// The engine's name.
        name: EngineName,
        /// Its kind.
        kind: &'static str,
        /// How many URLs it has.
        count: usize,
    },
    /// Two engines of one kind with one URL.
    #[error("the engines `{0}` and `{1}` have the same URL `{2}`: leave one of them out")]
    SameUrl(EngineName, EngineName, String),
    /// A label of an engine that is not configured.
    #[error("--engine-label: no engine is named `{name}`{}", remedy(.near.as_deref()))]
    NoSuchEngine {
        /// The name in the label.
        name: EngineName,
        /// The most similar name that there is.
        near: Option<String>,
    },
    /// Two values for a label.
    #[error(
        "--engine-label: engine `{0}` has two values for the label `{1}`: leave one of them out"
    )]
    TwoValues(EngineName, String),
}

fn remedy(name: Option<&str>) -> String {
    name.map_or_else(
        || ": configure it with --engine".to_owned(),
        |name| format!(": did you mean `{name}`?"),
    )
}

/// The engines of the file, of `--engine` and of `--engine-label`, in this order.
///
/// # Errors
/// [`InvalidEngines`] names the option, the engine, and what to change.
pub fn engines_of(
    file: Vec<EngineConfig>,
    addresses: Vec<EngineAddress>,
    labels: Vec<EngineLabel>,
) -> Result<Vec<EngineConfig>, InvalidEngines> {
    let mut engines: Vec<EngineConfig> = Vec::new();
    for engine in file {
        if engines.iter().any(|known| known.name == engine.name) {
            return Err(InvalidEngines::DuplicateInFile(engine.name));
        }
        engines.push(engine);
    }
    let in_file = engines.len();
    for address in addresses {
        add_address(&mut engines, in_file, address)?;
    }
    for label in labels {
        add_label(&mut engines, label)?;
    }
    check_urls(&engines)?;
    Ok(engines)
}

/// Adds an engine, or a further URL of one; the first `in_file` engines are those of the file.
fn add_address(
    engines: &mut Vec<EngineConfig>,
    in_file: usize,
    address: EngineAddress,
) -> Result<(), InvalidEngines> {
    let EngineAddress { name, kind, url } = address;
    match engines.iter().position(|engine| engine.name == name) {
        Some(position) if position < in_file => return Err(InvalidEngines::AlsoInFile(name)),
        Some(position) => {
            let known = engines.get_mut(position).filter(|known| known.kind == kind);
            known.ok_or(InvalidEngines::TwoKinds(name))?.urls.push(url);
        }
        None => engines.push(EngineConfig {
            name,
            kind,
            urls: vec![url],
            labels: [].into(),
            certificates: None,
        }),
    }
    Ok(())
}

fn add_label(engines: &mut [EngineConfig], label: EngineLabel) -> Result<(), InvalidEngines> {
    let EngineLabel { engine: name, key, value } = label;
    let near = nearest(name.as_str(), engines.iter().map(|engine| engine.name.as_str()));
    let near = near.map(str::to_owned);
    let engine = engines.iter_mut().find(|engine| engine.name == name);
    let Some(engine) = engine else { return Err(InvalidEngines::NoSuchEngine { name, near }) };
    match engine.labels.insert(key.clone(), value.clone()) {
        Some(before) if before != value => Err(InvalidEngines::TwoValues(name, key)),
        _ => Ok(()),
    }
}

fn check_urls(engines: &[EngineConfig]) -> Result<(), InvalidEngines> {
    // With their kinds: a manager of a Swarm is a Docker engine besides, with an id of its own.
    let mut seen: Vec<(EngineKind, &str, &EngineName)> = Vec::new();
    for EngineConfig { name, kind, urls, .. } in engines {
        if urls.len() > 1 && !kind.has_managers() {
            let (name, kind, count) = (name.clone(), kind.as_str(), urls.len());
            return Err(InvalidEngines::SeveralUrls { name, kind, count });
        }
        for url in urls {
            let is_same =
                |(known, at, _): &&(EngineKind, &str, &EngineName)| known == kind && at == url;
            if let Some((.., other)) = seen.iter().find(is_same) {
                return Err(InvalidEngines::SameUrl((*other).clone(), name.clone(), url.clone()));
            }
            seen.push((*kind, url, name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engines(addresses: &[&str], labels: &[&str]) -> Result<Vec<EngineConfig>, String> {
        let in_file = EngineConfig {
            name: "filed".parse().unwrap(),
            kind: EngineKind::Docker,
            urls: vec!["tcp://filed:2375".to_owned()],
            labels: [("zone".to_owned(), "f".to_owned())].into(),
            certificates: None,
        };
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let labels = labels.iter().map(|text| text.parse().unwrap()).collect();
        engines_of(vec![in_file], addresses, labels).map_err(|error| error.to_string())
    }

    #[test]
    fn the_file_comes_first_and_a_repeated_name_adds_a_manager() {
        let addresses = ["web1=tcp://web1:2375", "c=swarm+tcp://m1:2376", "c=swarm+tcp://m2:2376"];
        let labels = ["web1:zone=a", "web1:role=web", "filed:rack=1", "filed:zone=f"];

        let engines = engines(&addresses, &labels).unwrap();

        let shown = engines.iter().map(|engine| {
            let labels = engine.labels.iter().map(|(key, value)| format!(" {key}={value}"));
            format!("{} {}{}", engine.name, engine.urls.join(" "), labels.collect::<String>())
        });
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [
                "filed tcp://filed:2375 rack=1 zone=f",
                "web1 tcp://web1:2375 role=web zone=a",
                "c tcp://m1:2376 tcp://m2:2376",
            ]
        );
    }

    #[test]
    fn a_host_may_be_a_docker_engine_and_a_manager_of_a_swarm() {
        let addresses = ["m1=ssh://root@m1", "swarm=swarm+ssh://root@m1"];

        let engines = engines(&addresses, &[]).unwrap();

        let kinds: Vec<_> = engines.iter().map(|engine| engine.kind).collect();
        assert_eq!(kinds, [EngineKind::Docker, EngineKind::Docker, EngineKind::Swarm]);
    }

    #[test]
    fn options_that_contradict_one_another_are_refused() {
        let wrong: [(&[&str], &[&str]); 8] = [
            (&["filed=tcp://b"], &[]),
            (&["a=tcp://a", "a=swarm+tcp://b"], &[]),
            (&["a=tcp://a", "a=tcp://b"], &[]),
            (&["a=tcp://a", "b=tcp://a"], &[]),
            (&["s=swarm+tcp://a", "d=tcp://a", "t=swarm+tcp://a"], &[]),
            (&["web1=tcp://a"], &["wbe1:zone=a"]),
            (&[], &["other:zone=a"]),
            (&["a=tcp://a"], &["a:zone=a", "a:zone=b"]),
        ];
        let errors = wrong.map(|(addresses, labels)| engines(addresses, labels).unwrap_err());
        insta::assert_snapshot!(errors.join("\n"), @r"
        --engine: `filed` is also in the file of --engines: leave one of them out
        --engine: `a` has two kinds: repeat the name with the same kind, or use another name
        engine `a` has 2 URLs, but one of the kind `docker` has one: give each engine a name of its own
        the engines `a` and `b` have the same URL `tcp://a`: leave one of them out
        the engines `s` and `t` have the same URL `tcp://a`: leave one of them out
        --engine-label: no engine is named `wbe1`: did you mean `web1`?
        --engine-label: no engine is named `other`: configure it with --engine
        --engine-label: engine `a` has two values for the label `zone`: leave one of them out
        ");
    }
}
