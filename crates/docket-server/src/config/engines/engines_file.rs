//! The file of engines: a list in YAML, each with name, kind, urls, labels and tls.

use std::{collections::BTreeMap, fs, io, path::Path, path::PathBuf};

use docket_model::{
    EngineName,
    document::{Located, decode, read_list},
};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::{EngineConfig, EngineKind, connect, engine_label::is_label_key};

/// A file of engines that cannot be used.
#[derive(Debug, Error)]
pub enum EnginesFileError {
    /// It cannot be read.
    #[error("cannot read the file of engines `{}`", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// It is not a list in YAML.
    #[error("{}:{located}: write a list of engines, each with `name` and `urls`", .file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The error and its position.
        located: Box<Located>,
    },
    /// An engine is not valid.
    #[error("{}:{line}: {reason}", .file.display())]
    Engine {
        /// The file.
        file: PathBuf,
        /// The line where the engine begins.
        line: usize,
        /// What is wrong, and what to write.
        reason: String,
    },
    /// It names no engine.
    #[error("`{}` names no engine: write a list of engines, each with `name` and `urls`", .0.display())]
    Empty(PathBuf),
}

/// An engine as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: EngineName,
    #[serde(default = "docker")]
    kind: String,
    #[serde(default)]
    urls: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, Value>,
    tls: Option<PathBuf>,
}

fn docker() -> String {
    EngineKind::Docker.as_str().to_owned()
}

/// Reads a file of engines. `tls` names a folder, relative to the file's own.
///
/// # Errors
/// [`EnginesFileError`] with the file, the line, and what to write.
pub fn read_engines_file(path: &Path) -> Result<Vec<EngineConfig>, EnginesFileError> {
    let bytes =
        fs::read(path).map_err(|error| EnginesFileError::Unreadable(path.to_owned(), error))?;
    let syntax = |located| {
        let located = Box::new(located);
        EnginesFileError::Syntax { file: path.to_owned(), located }
    };
    let items = decode(&bytes).and_then(read_list).map_err(syntax)?;
    if items.is_empty() {
        return Err(EnginesFileError::Empty(path.to_owned()));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let engines = items.into_iter().map(|(line, item)| {
        let wrong = |reason| EnginesFileError::Engine { file: path.to_owned(), line, reason };
        engine(item, folder).map_err(wrong)
    });
    engines.collect()
}

fn engine(item: Value, folder: &Path) -> Result<EngineConfig, String> {
    let Listed { name, kind, urls, labels, tls } =
        serde_json::from_value(item).map_err(|error| error.to_string())?;
    let kind = EngineKind::parse(&kind).ok_or_else(|| {
        format!("engine `{name}` has the unknown kind `{kind}`: write docker, swarm or kubernetes")
    })?;
    if urls.iter().any(|url| url.trim().is_empty())
        || (urls.is_empty() && kind != EngineKind::Kubernetes)
    {
        return Err(format!("engine `{name}` has no URL: write urls: [tcp://HOST:PORT]"));
    }
    let certificates = tls.map(|tls| folder.join(tls));
    if let Some(certificates) = &certificates {
        check_use_of_tls(&name, kind, &urls, certificates)?;
    }
    let labels = labels.into_iter().map(|(key, value)| label(&name, key, value));
    Ok(EngineConfig { labels: labels.collect::<Result<_, _>>()?, kind, urls, certificates, name })
}

/// Refuses `tls` where no URL is reached by it.
fn check_use_of_tls(
    name: &EngineName,
    kind: EngineKind,
    urls: &[String],
    certificates: &Path,
) -> Result<(), String> {
    if kind == EngineKind::Kubernetes {
        return Err(format!(
            "engine `{name}`: `tls` does not apply to kind `kubernetes`: leave it out; the kubeconfig names the \
             certificates"
        ));
    }
    if urls.iter().any(|url| connect::may_use_tls(name, url, certificates)) {
        return Ok(());
    }
    Err(format!(
        "engine `{name}`: `tls` does not apply to `{}`: leave it out, or write urls: [tcp://HOST:PORT]",
        urls.join("`, `")
    ))
}

fn label(name: &EngineName, key: String, value: Value) -> Result<(String, String), String> {
    let text = match value {
        Value::String(text) => Some(text),
        // YAML reads `rack: 1` as a number; labels are texts.
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match text {
        Some(text) if is_label_key(&key) => Ok((key, text)),
        _ => Err(format!(
            "engine `{name}`: the label `{key}` is not valid: write KEY: TEXT, with neither spaces \
             nor `=`, `!` and `~` in the key"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<EngineConfig>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("engines.yml");
        fs::write(&file, text).unwrap();
        let place = format!("{}/", folder.path().display());
        read_engines_file(&file).map_err(|error| error.to_string().replace(&place, ""))
    }

    #[test]
    fn a_file_has_several_engines_with_labels_and_certificates_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("engines.yml");
        let text = "- name: web1\n  urls: [tcp://web1:2376]\n  labels: {rack: 1, zone: a}\n  tls: web1\n\
                    - {name: cluster, kind: swarm, urls: ['tcp://m1:2376', 'tcp://m2:2376']}\n\
                    - {name: k, kind: kubernetes}\n";
        fs::write(&file, text).unwrap();

        let engines = read_engines_file(&file).unwrap();

        let [web1, cluster, k] = &*engines else { panic!("{engines:?}") };
        assert_eq!(web1.certificates, Some(folder.path().join("web1")));
        let labels: Vec<_> =
            web1.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(labels, ["rack=1", "zone=a"]);
        assert_eq!((cluster.kind, cluster.urls.len()), (EngineKind::Swarm, 2));
        assert_eq!((k.kind, k.urls.len()), (EngineKind::Kubernetes, 0));
    }

    #[test]
    fn an_error_in_a_file_has_its_line_and_what_to_write() {
        let wrong = [
            "",
            "name: web1",
            "- {name: web1, urls: [",
            "- name: a\n  urls: [tcp://a]\n- name: web 1\n  urls: [tcp://b]",
            "- {name: a, url: tcp://a}",
            "- {name: a}",
            "- {name: a, kind: podman, urls: [tcp://a]}",
            "- {name: a, urls: [tcp://a], labels: {a b: c}}",
            "- {name: a, urls: [tcp://a], labels: {a: [c]}}",
            "- {name: a, urls: [tcp://a], tls: a}\n- {name: b, urls: ['unix:///run/b'], tls: b}",
            "- {name: a, urls: ['ssh://root@a'], tls: a}",
            "- {name: a, kind: swarm, urls: ['ssh://root@m1', 'unix:///run/b'], tls: a}",
            "- {name: a, kind: kubernetes, tls: a}",
        ];
        let errors: Vec<_> = wrong.into_iter().map(|text| read(text).unwrap_err()).collect();
        insta::assert_snapshot!(errors.join("\n"), @r"
        `engines.yml` names no engine: write a list of engines, each with `name` and `urls`
        engines.yml:1:1: expected a list: write a list of engines, each with `name` and `urls`
        engines.yml:2:1: invalid YAML: while parsing a node, did not find expected node content: write a list of engines, each with `name` and `urls`
        engines.yml:3: `web 1` is not a valid name of an engine: use 1 to 63 letters, digits, `_`, `.` and `-`, beginning with a letter or a digit
        engines.yml:1: unknown field `url`, expected one of `name`, `kind`, `urls`, `labels`, `tls`
        engines.yml:1: engine `a` has no URL: write urls: [tcp://HOST:PORT]
        engines.yml:1: engine `a` has the unknown kind `podman`: write docker, swarm or kubernetes
        engines.yml:1: engine `a`: the label `a b` is not valid: write KEY: TEXT, with neither spaces nor `=`, `!` and `~` in the key
        engines.yml:1: engine `a`: the label `a` is not valid: write KEY: TEXT, with neither spaces nor `=`, `!` and `~` in the key
        engines.yml:2: engine `b`: `tls` does not apply to `unix:///run/b`: leave it out, or write urls: [tcp://HOST:PORT]
        engines.yml:1: engine `a`: `tls` does not apply to `ssh://root@a`: leave it out, or write urls: [tcp://HOST:PORT]
        engines.yml:1: engine `a`: `tls` does not apply to `ssh://root@m1`, `unix:///run/b`: leave it out, or write urls: [tcp://HOST:PORT]
        engines.yml:1: engine `a`: `tls` does not apply to kind `kubernetes`: leave it out; the kubeconfig names the certificates
        ");
    }
}
