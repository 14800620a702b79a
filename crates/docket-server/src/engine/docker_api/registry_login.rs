//! Logins at registries, as Docker's own client keeps them: its configuration file and helpers.

use std::{io, path::Path};

use bollard::auth::DockerCredentials;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use http::HeaderValue;
use serde_json::Value;

use super::{
    credential_helper,
    login_registry_name::{Reference, login_key},
};
use crate::engine::bounded;

/// A login to be sent with a pull, or why it goes without one.
#[derive(Debug, Clone, Default)]
pub(in crate::engine) struct Login {
    /// None is no mistake: most images are for everyone.
    pub(in crate::engine) credentials: Option<DockerCredentials>,
    /// What is wrong with the login that is configured.
    pub(in crate::engine) trouble: Option<String>,
}

/// Looks the login at the registry of an image up; none without a configuration.
///
/// Like Docker's client it goes on without a login where none can be had.
pub(in crate::engine) async fn of_image(config: Option<&Path>, image: &Reference) -> Login {
    match config {
        Some(config) => look_up(config, login_key(image)).await,
        None => Login::default(),
    }
}

/// How a login at a registry is made that docket finds.
pub(in crate::engine) fn remedy(registry: &str) -> String {
    let registry = if registry == "docker.io" { "" } else { registry };
    let command = format!("docker login {registry}");
    format!("run `{}` as the user who runs the server", command.trim_end())
}

async fn look_up(config: &Path, registry: &str) -> Login {
    let file = config.join("config.json");
    let text = match tokio::fs::read(&file).await {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Login::default(),
        Err(error) => {
            return Login::without(format!("cannot read `{}`: {error}", file.display()));
        }
    };
    match find(&text, &file, registry).await {
        Ok(found) => {
            Login { credentials: found.map(|credential| sent(credential, registry)), trouble: None }
        }
        Err(reason) => Login::without(reason),
    }
}

/// Finds a login as Docker's client does: from the registry's own helper, in the file, or from the helper for
/// all registries.
async fn find(
    text: &[u8],
    file: &Path,
    registry: &str,
) -> Result<Option<DockerCredential>, String> {
    use CredentialRetrievalError as E;
    let file = file.display();
    let unreadable = || format!("`{file}` is no JSON that Docker writes");
    let mut configuration: Value = serde_json::from_slice(text).map_err(|_| unreadable())?;
    // Taken out, because the library would wait for a helper without a limit.
    let mut take = |key| configuration.as_object_mut().and_then(|keys| keys.remove(key));
    let (helpers, store) = (take("credHelpers"), take("credsStore"));
    let helper = |name: Option<&Value>| {
        name.and_then(Value::as_str).filter(|name| !name.is_empty()).map(str::to_owned)
    };
    if let Some(helper) = helper(helpers.as_ref().and_then(|helpers| helpers.get(registry))) {
        return credential_helper::ask(&helper, registry).await;
    }
    let rest = configuration.to_string();
    match docker_credential::get_credential_from_reader(rest.as_bytes(), registry) {
        Ok(credential) => Ok(Some(credential)),
        Err(E::NoCredentialConfigured) => match helper(store.as_ref()) {
            Some(helper) => credential_helper::ask(&helper, registry).await,
            None => Ok(None),
        },
        Err(E::ConfigReadError) => Err(unreadable()),
        Err(other) => Err(format!("the login in `{file}` is of no use: {other}")),
    }
}

/// A login as it is sent to an engine.
fn sent(credential: DockerCredential, registry: &str) -> DockerCredentials {
    let (username, password, identitytoken) = match credential {
        DockerCredential::UsernamePassword(name, password) => (Some(name), Some(password), None),
        DockerCredential::IdentityToken(token) => (None, None, Some(token)),
    };
    DockerCredentials {
        username,
        password,
        identitytoken,
        serveraddress: Some(registry.to_owned()),
        ..DockerCredentials::default()
    }
}

impl Login {
    /// None, and why.
    fn without(reason: String) -> Self {
        Self { credentials: None, trouble: Some(bounded(reason)) }
    }
}

/// The login as the header of a request has it: JSON in Base64, in the alphabet for addresses.
pub(in crate::engine) fn header(credentials: &DockerCredentials) -> Option<HeaderValue> {
    // What is written here are plain texts, which JSON can always hold.
    let json = serde_json::to_vec(credentials).ok()?;
    let mut value = HeaderValue::try_from(base64(&json)).ok()?;
    // Keeps the login out of debug output.
    value.set_sensitive(true);
    Some(value)
}

/// Base64 in the alphabet for addresses, as engines read it; with the other one some passwords are
/// lost.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let octet = |place: usize| u32::from(group.get(place).copied().unwrap_or_default());
        let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
        for place in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or_default();
            let digit = ALPHABET.get(digit).copied().unwrap_or_default();
            text.push(if place <= group.len() { digit.into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn logins(config: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), config).unwrap();
        folder
    }

    #[tokio::test]
    async fn passwords_and_identity_tokens_are_read_from_dockers_configuration() {
        let folder = logins(
            r#"{"auths":{"reg:5000":{"auth":"bWU6cGE6c3M="},"token.example":{"identitytoken":"t"}}}"#,
        );
        let credentials = look_up(folder.path(), "reg:5000").await.credentials.unwrap();
        assert_eq!(credentials.username.as_deref(), Some("me"));
        assert_eq!(credentials.password.as_deref(), Some("pa:ss"));
        assert_eq!(credentials.serveraddress.as_deref(), Some("reg:5000"));
        let credentials = look_up(folder.path(), "token.example").await.credentials.unwrap();
        assert_eq!(credentials.identitytoken.as_deref(), Some("t"));
        let none = look_up(folder.path(), "other.example").await;
        assert_eq!((none.credentials, none.trouble), (None, None));
    }

    #[tokio::test]
    async fn without_a_usable_login_it_goes_on_anonymously_and_says_why() {
        let empty = tempfile::tempdir().unwrap();
        let none = look_up(empty.path(), "r").await;
        assert_eq!((none.credentials, none.trouble), (None, None));

        let no_helper = r#"{"credHelpers":{"r":"no-such-helper"}}"#;
        for config in ["{", r#"{"auths":{"r":{"auth":"%"}}}"#, no_helper] {
            let login = look_up(logins(config).path(), "r").await;
            assert_eq!(login.credentials, None);
            assert!(login.trouble.is_some(), "{config}");
        }
    }

    #[test]
    fn the_login_is_sent_in_the_alphabet_that_engines_read() {
        let texts = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let coded = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        assert_eq!(texts.map(|text| base64(text.as_bytes())), coded);
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "-__-");

        let header = header(&DockerCredentials::default()).unwrap();
        assert!(header.is_sensitive() && !header.is_empty());
    }
}
