//! Docker contexts: the files in which Docker's client keeps the engines it knows.

use std::{
    collections::HashMap,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

use ring::digest;
use serde::{Deserialize, de::DeserializeOwned};

use super::endpoint_error::ConnectError;

/// The context that means: no context.
const NO_CONTEXT: &str = "default";

/// What a context says about its Docker engine.
#[derive(Debug)]
pub(in crate::engine) struct Context {
    pub(in crate::engine) name: String,
    pub(in crate::engine) host: String,
    /// The folder with certificates, if there is one.
    pub(in crate::engine) certificates: Option<PathBuf>,
    pub(in crate::engine) skips_verification: bool,
}

/// The part of `config.json` that chooses a context.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigFile {
    #[serde(default)]
    current_context: String,
}

/// The part of a context's `meta.json` that names its engine.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetaFile {
    #[serde(default)]
    endpoints: HashMap<String, MetaEndpoint>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct MetaEndpoint {
    #[serde(rename = "Host")]
    host: String,
    #[serde(rename = "SkipTLSVerify")]
    skips_verification: bool,
}

/// The context in force: the one `asked` for, else the one that `config.json` names.
pub(in crate::engine) fn chosen(
    asked: Option<String>,
    config: &Path,
) -> Result<Option<Context>, ConnectError> {
    let config_file = config.join("config.json");
    let (name, chosen_by) = if let Some(name) = asked {
        (name, "`DOCKER_CONTEXT`".to_owned())
    } else {
        let read: Option<ConfigFile> = read(&config_file)?;
        let name = read.map(|file| file.current_context).unwrap_or_default();
        (name, format!("`{}`", config_file.display()))
    };
    // Docker's client keeps no files for `default`.
    if name.is_empty() || name == NO_CONTEXT {
        return Ok(None);
    }
    let contexts = config.join("contexts");
    let folder = folder_name(&name);
    let file = contexts.join("meta").join(&folder).join("meta.json");
    let Some(mut meta) = read::<MetaFile>(&file)? else {
        return Err(ConnectError::NoSuchContext { name, chosen_by, file });
    };
    let endpoint = meta.endpoints.remove("docker").unwrap_or_default();
    let certificates = contexts.join("tls").join(folder).join("docker");
    Ok(Some(Context {
        name,
        host: endpoint.host,
        // Docker's client makes the folder only for a context that has certificates.
        certificates: certificates.is_dir().then_some(certificates),
        skips_verification: endpoint.skips_verification,
    }))
}

/// The folder of a context: the SHA-256 of its name, in hexadecimal digits.
pub(in crate::engine) fn folder_name(context: &str) -> String {
    let hash = digest::digest(&digest::SHA256, context.as_bytes());
    hash.as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// What a JSON file says; nothing where there is no such file.
fn read<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, ConnectError> {
    let unreadable = |source| ConnectError::Unreadable { file: file.to_owned(), source };
    match fs::read(file) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map(Some).map_err(|error| unreadable(error.into()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error)),
    }
}

/// Writes a context as Docker's client does; returns its `meta.json`.
#[cfg(test)]
pub(in crate::engine) fn write(config: &Path, name: &str, endpoint: &str) -> PathBuf {
    let folder = config.join("contexts/meta").join(folder_name(name));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("meta.json");
    let meta =
        format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{endpoint}}}}}"#);
    fs::write(&file, meta).unwrap();
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contexts_folder_is_the_hash_of_its_name() {
        assert_eq!(
            folder_name("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
