//! Logins at registries, as Docker's own client keeps them: its configuration file and helpers.

use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
};

use bollard::auth::DockerCredentials;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use http::HeaderValue;

use crate::engine::bounded;

/// A login to be sent with a pull, or why it goes without one.
#[derive(Debug, Clone, Default)]
pub(in crate::engine) struct Login {
    /// None is no mistake: most images are for everyone.
    pub(in crate::engine) credentials: Option<DockerCredentials>,
    /// What is wrong with the login that is configured.
    pub(in crate::engine) trouble: Option<String>,
}

/// Looks a registry's login up; blocks while a credential helper runs.
///
/// Like Docker's client it goes on without a login where none can be had.
pub(in crate::engine) fn look_up(config: &Path, registry: &str) -> Login {
    let file = config.join("config.json");
    let opened = match File::open(&file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Login::default(),
        Err(error) => return trouble(format!("cannot read `{}`: {error}", file.display())),
    };
    let found = docker_credential::get_credential_from_reader(BufReader::new(opened), registry);
    let (username, password, identitytoken) = match found {
        Ok(DockerCredential::UsernamePassword(name, password)) => {
            (Some(name), Some(password), None)
        }
        Ok(DockerCredential::IdentityToken(token)) => (None, None, Some(token)),
        Err(error) => return without(&error, &file),
    };
    Login {
        credentials: Some(DockerCredentials {
            username,
            password,
            identitytoken,
            serveraddress: Some(registry.to_owned()),
            ..DockerCredentials::default()
        }),
        trouble: None,
    }
}

/// Goes without a login. What a helper wrote is not repeated: it may hold a secret.
fn without(error: &CredentialRetrievalError, file: &Path) -> Login {
    use CredentialRetrievalError as E;
    let file = file.display();
    match error {
        E::NoCredentialConfigured | E::ConfigNotFound => Login::default(),
        // So a helper says that it knows of no login.
        E::HelperFailure { stdout, .. } if stdout.contains("credentials not found") => {
            Login::default()
        }
        E::HelperFailure { helper, .. } => trouble(format!("`{helper}` failed")),
        E::ConfigReadError => trouble(format!("`{file}` is no JSON that Docker writes")),
        other => trouble(format!("the login in `{file}` is of no use: {other}")),
    }
}

fn trouble(reason: String) -> Login {
    Login { credentials: None, trouble: Some(bounded(reason)) }
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

    #[test]
    fn passwords_and_identity_tokens_are_read_from_dockers_configuration() {
        let folder = logins(
            r#"{"auths":{"reg:5000":{"auth":"bWU6cGE6c3M="},"token.example":{"identitytoken":"t"}}}"#,
        );
        let credentials = look_up(folder.path(), "reg:5000").credentials.unwrap();
        assert_eq!(credentials.username.as_deref(), Some("me"));
        assert_eq!(credentials.password.as_deref(), Some("pa:ss"));
        assert_eq!(credentials.serveraddress.as_deref(), Some("reg:5000"));
        let credentials = look_up(folder.path(), "token.example").credentials.unwrap();
        assert_eq!(credentials.identitytoken.as_deref(), Some("t"));
        let none = look_up(folder.path(), "other.example");
        assert_eq!((none.credentials, none.trouble), (None, None));
    }

    #[test]
    fn without_a_usable_login_it_goes_on_anonymously_and_says_why() {
        let empty = tempfile::tempdir().unwrap();
        let none = look_up(empty.path(), "r");
        assert_eq!((none.credentials, none.trouble), (None, None));

        let no_helper = r#"{"credHelpers":{"r":"no-such-helper"}}"#;
        for config in ["{", r#"{"auths":{"r":{"auth":"%"}}}"#, no_helper] {
            let login = look_up(logins(config).path(), "r");
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
