//! Logins at registries, as Docker's own client keeps them: its configuration file and helpers.

use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
};

use bollard::{BollardRequest, auth::DockerCredentials};
use docker_credential::{CredentialRetrievalError, DockerCredential};
use http::HeaderValue;

/// Where bollard puts the login.
const HEADER: &str = "x-registry-auth";

/// A login to be sent with a pull, or why it goes without one.
#[derive(Debug, Clone, Default)]
pub(super) struct Login {
    /// None is no mistake: most images are for everyone.
    pub(super) credentials: Option<DockerCredentials>,
    /// What is wrong with the login that is configured.
    pub(super) trouble: Option<String>,
}

/// Looks a registry's login up; blocks while a credential helper runs.
///
/// Like Docker's client it goes on without a login where none can be had.
pub(super) fn look_up(config: &Path, registry: &str) -> Login {
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
    Login { credentials: None, trouble: Some(reason) }
}

/// Writes the login in the alphabet that engines read; in bollard's, some passwords are lost.
pub(super) fn in_url_alphabet(mut request: BollardRequest) -> BollardRequest {
    let header = request.headers_mut().get_mut(HEADER);
    if let Some(header) = header {
        let text = header.to_str().unwrap_or_default();
        let text = text.replace('+', "-").replace('/', "_");
        if let Ok(mut value) = HeaderValue::try_from(text) {
            value.set_sensitive(true);
            *header = value;
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bollard::body_full;
    use bytes::Bytes;

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
        let mut request = BollardRequest::new(body_full(Bytes::new()));
        request.headers_mut().insert(HEADER, HeaderValue::from_static("a+b/c="));
        let request = in_url_alphabet(request);
        assert_eq!(request.headers()[HEADER], "a-b_c=");
    }
}
