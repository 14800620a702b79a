//! The login command of a kubeconfig (`exec`): it prints the credentials for a while.
//!
//! 1. docket runs it, not `kube`, which would do so without a limit while it makes a client.
//! 2. What it prints is secret; what it writes to stderr says why it fails.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use docket_server::engine::{LoginAnswer, run_login_command};
use kube::config::{AuthInfo, ExecConfig};
use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;

use super::call_error::without_passwords;

/// How long the command may take: less than an answer of the API server, so that a call says what it waited for.
const LIMIT: Duration = Duration::from_secs(20);
/// How long before their end credentials are renewed.
const MARGIN: TimeDelta = TimeDelta::seconds(10);
/// The longest text of the command in a reason, in characters.
const LONGEST_WORDS: usize = 500;

/// A command that logs in.
#[derive(Debug, Clone)]
pub(crate) struct LoginCommand {
    program: String,
    config: ExecConfig,
    /// What the command is given about its call.
    about: String,
}

/// Credentials, as a command prints them.
pub(super) struct Credentials(Status);

#[derive(Deserialize)]
struct ExecCredential {
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<DateTime<Utc>>,
}

impl LoginCommand {
    /// The command, taken out of what a kubeconfig has about a user; none where it has other credentials.
    ///
    /// # Errors
    /// Why the user cannot be logged in, in words.
    pub(crate) fn take(user: &mut AuthInfo) -> Result<Option<Self>, String> {
        if let Some(provider) = &user.auth_provider {
            return if provider.config.contains_key("cmd-path") {
                Err(format!(
                    "its user logs in by the auth provider `{}`, which Kubernetes 1.26 has removed: use a login \
                     command (`exec`)",
                    provider.name
                ))
            } else {
                Ok(None)
            };
        }
        let has_password = user.username.is_some() && user.password.is_some();
        if has_password || user.token.is_some() || user.token_file.is_some() {
            return Ok(None);
        }
        let Some(config) = user.exec.take() else { return Ok(None) };
        let Some(program) = config.command.clone() else {
            return Err("its login command (`exec`) has no `command`".to_owned());
        };
        let spec = json!({"interactive": false, "cluster": config.cluster});
        let about =
            json!({"apiVersion": config.api_version, "kind": "ExecCredential", "spec": spec});
        Ok(Some(Self { program, about: about.to_string(), config }))
    }

    /// Runs it once.
    ///
    /// # Errors
    /// Why there are no credentials, in words.
    pub(super) async fn run(&self) -> Result<Credentials, String> {
        let Self { program, config, about } = self;
        let mut command = Command::new(program);
        command.args(config.args.iter().flatten()).env("KUBERNETES_EXEC_INFO", about);
        for variable in config.env.iter().flatten() {
            if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
                command.env(name, value);
            }
        }
        let answer = run_login_command(command, program, &[], LIMIT).await;
        let answer = answer.map_err(|error| match &config.install_hint {
            Some(hint) if error.starts_with("cannot run") => format!("{error} ({hint})"),
            _ => error,
        });
        credentials(program, &answer.map_err(|error| format!("login command: {error}"))?)
    }
}

/// The credentials in an answer.
fn credentials(program: &str, answer: &LoginAnswer) -> Result<Credentials, String> {
    let LoginAnswer { output, words, status } = answer;
    if !status.success() {
        let words: String = without_passwords(words.trim()).chars().take(LONGEST_WORDS).collect();
        let why = if words.is_empty() { String::new() } else { format!(": {words}") };
        return Err(format!("the login command `{program}` failed ({status}){why}"));
    }
    // It may print YAML, too. The error would quote what it printed.
    let printed: ExecCredential = serde_saphyr::from_slice(output)
        .map_err(|_| format!("the login command `{program}` printed no `ExecCredential`"))?;
    let status = printed.status.unwrap_or_default();
    let has_certificate =
        status.client_certificate_data.is_some() && status.client_key_data.is_some();
    if status.token.is_none() && !has_certificate {
        return Err(format!(
            "the login command `{program}` printed neither a token nor a certificate with its key"
        ));
    }
    Ok(Credentials(status))
}

impl Credentials {
    /// Adds them to what is known of the user.
    pub(super) fn add_to(&self, user: &mut AuthInfo) {
        let Self(Status { token, client_certificate_data, client_key_data, .. }) = self;
        user.token = token.clone().map(Into::into);
        if let (Some(certificate), Some(key)) = (client_certificate_data, client_key_data) {
            // As a kubeconfig has them.
            user.client_certificate_data = Some(STANDARD.encode(certificate));
            user.client_key_data = Some(STANDARD.encode(key).into());
        }
    }

    /// Whether they have ended, or are about to.
    #[expect(
        clippy::disallowed_methods,
        reason = "the command has computed the end by the clock of this machine"
    )]
    pub(super) fn have_ended(&self) -> bool {
        let now = DateTime::<Utc>::from(SystemTime::now());
        self.0.expiration_timestamp.is_some_and(|end| end - MARGIN <= now)
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

    use super::*;

    fn printed(output: &str, words: &str, code: i32) -> Result<Credentials, String> {
        let status = ExitStatus::from_raw(code << 8);
        let answer =
            LoginAnswer { output: output.as_bytes().to_vec(), words: words.to_owned(), status };
        credentials("login", &answer)
    }

    fn user_of(exec: &serde_json::Value) -> AuthInfo {
        serde_json::from_value(exec.clone()).unwrap()
    }

    #[test]
    fn credentials_are_read_from_json_and_from_yaml() {
        let json = r#"{"kind": "ExecCredential", "status": {"token": "t"}}"#;
        let yaml = "status:\n  clientCertificateData: c\n  clientKeyData: k\n";
        let (mut by_token, mut by_certificate) = (AuthInfo::default(), AuthInfo::default());

        printed(json, "", 0).unwrap().add_to(&mut by_token);
        printed(yaml, "", 0).unwrap().add_to(&mut by_certificate);

        let shown = |user: &AuthInfo| serde_json::to_value(user).unwrap();
        assert!(by_token.token.is_some() && by_certificate.token.is_none());
        assert_eq!(shown(&by_certificate)["client-certificate-data"], "Yw==");
        assert!(by_certificate.client_key_data.is_some());
    }

    #[test]
    fn credentials_end_at_the_time_that_the_command_prints() {
        let ends = |at: &str| {
            let status = json!({"token": "t", "expirationTimestamp": at});
            printed(&json!({"status": status}).to_string(), "", 0).unwrap().have_ended()
        };

        assert!(ends("2001-01-01T00:00:00Z"));
        assert!(!ends("2999-01-01T00:00:00Z"));
        assert!(!printed(r#"{"status":{"token":"t"}}"#, "", 0).unwrap().have_ended());
    }

    #[test]
    fn what_is_wrong_with_a_command_is_said_without_what_it_printed() {
        for (output, words, code, expected) in [
            (
                "secret",
                "no session at https://me:secret@sso/\n",
                1,
                "the login command `login` failed (exit status: 1): no session at https://***@sso/",
            ),
            ("secret", "", 2, "the login command `login` failed (exit status: 2)"),
            ("secret", "", 0, "the login command `login` printed no `ExecCredential`"),
            (
                r#"{"status":{"clientKeyData":"secret"}}"#,
                "",
                0,
                "the login command `login` printed neither a token nor a certificate with its key",
            ),
        ] {
            assert_eq!(printed(output, words, code).err().as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_user_with_other_credentials_or_none_has_no_command() {
        let exec = json!({"command": "login", "apiVersion": "v1"});
        let command = LoginCommand::take(&mut user_of(&json!({"exec": exec}))).unwrap();
        let unused =
            LoginCommand::take(&mut user_of(&json!({"exec": exec, "token": "t"}))).unwrap();
        let none = LoginCommand::take(&mut AuthInfo::default()).unwrap();
        let nameless = LoginCommand::take(&mut user_of(&json!({"exec": {}}))).unwrap_err();
        let provider = json!({"name": "gcp", "config": {"cmd-path": "gcloud"}});
        let removed =
            LoginCommand::take(&mut user_of(&json!({"auth-provider": provider}))).unwrap_err();

        assert!(command.is_some() && unused.is_none() && none.is_none());
        assert_eq!(nameless, "its login command (`exec`) has no `command`");
        assert!(removed.contains("`gcp`"), "{removed}");
    }
}
