//! Credential helpers of Docker's client: programs that print the login at a registry.

use std::time::Duration;

use docker_credential::DockerCredential;
use serde::Deserialize;
use tokio::process::Command;

use crate::engine::login_command::{LoginAnswer, run_login_command};

/// How long a helper may take: it may ask a server, and has no user whom it could ask.
const LIMIT: Duration = Duration::from_secs(30);

/// A login, as a helper prints it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks the helper of this name for the login at a registry; none where it knows of none.
///
/// # Errors
/// What is wrong with the helper, without anything that it wrote, which may be secret.
pub(super) async fn ask(helper: &str, registry: &str) -> Result<Option<DockerCredential>, String> {
    let program = format!("docker-credential-{helper}");
    ask_program(Command::new(&program), &program, registry).await
}

async fn ask_program(
    mut command: Command,
    name: &str,
    registry: &str,
) -> Result<Option<DockerCredential>, String> {
    command.arg("get");
    let answer = run_login_command(command, name, registry.as_bytes(), LIMIT).await?;
    let LoginAnswer { output, status, .. } = answer;
    if !status.success() {
        let knows_none = String::from_utf8_lossy(&output).contains("credentials not found");
        return if knows_none { Ok(None) } else { Err(format!("`{name}` failed")) };
    }
    let Answer { username, secret } = serde_json::from_slice(&output)
        .map_err(|_| format!("`{name}` printed no login of the form that Docker reads"))?;
    Ok(Some(match username.as_str() {
        "<token>" => DockerCredential::IdentityToken(secret),
        _ => DockerCredential::UsernamePassword(username, secret),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask_script(script: &str) -> Result<Option<DockerCredential>, String> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        ask_program(command, "helper", "reg:5000").await
    }

    #[tokio::test]
    async fn a_helper_gets_the_registry_and_prints_its_login() {
        let login = ask_script(r#"echo "{\"Username\":\"me\",\"Secret\":\"at $(cat)\"}""#).await;
        let token = ask_script(r#"echo '{"Username":"<token>","Secret":"t"}'"#).await;
        let none = ask_script("echo credentials not found in native keychain; exit 1").await;

        let password =
            DockerCredential::UsernamePassword("me".to_owned(), "at reg:5000".to_owned());
        assert_eq!(login, Ok(Some(password)));
        assert_eq!(token, Ok(Some(DockerCredential::IdentityToken("t".to_owned()))));
        assert_eq!(none, Ok(None));
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_helper_is_said_without_what_it_printed() {
        let failed = ask_script("echo secret; exit 1").await;
        let printed = ask_script("echo secret").await;

        assert_eq!(failed, Err("`helper` failed".to_owned()));
        let expected = "`helper` printed no login of the form that Docker reads";
        assert_eq!(printed, Err(expected.to_owned()));
    }
}
