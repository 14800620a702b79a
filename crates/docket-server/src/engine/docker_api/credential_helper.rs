//! Credential helpers of Docker's client: programs that print the login at a registry.
//!
//! 1. No helper runs for longer than [`LIMIT`], or after its caller has gone.

use std::{process::Stdio, time::Duration};

use docker_credential::DockerCredential;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    time::timeout,
};

/// How long a helper may take: it may ask a server, and has no user whom it could ask.
const LIMIT: Duration = Duration::from_secs(30);
/// The longest answer: the tokens of registries have some thousand bytes.
const LONGEST_ANSWER: u64 = 64 << 10;

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
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    // With a group of its own, so that what it starts ends with it.
    command.process_group(0);
    let child = command.spawn().map_err(|error| format!("cannot run `{name}`: {error}"))?;
    let (answer, has_succeeded) = timeout(LIMIT, Helper(child).answer(registry))
        .await
        .map_err(|_| format!("`{name}` did not answer within {} s", LIMIT.as_secs()))?
        .map_err(|error| format!("cannot read what `{name}` prints: {error}"))?;
    if !has_succeeded {
        let knows_none = String::from_utf8_lossy(&answer).contains("credentials not found");
        return if knows_none { Ok(None) } else { Err(format!("`{name}` failed")) };
    }
    let Answer { username, secret } = serde_json::from_slice(&answer)
        .map_err(|_| format!("`{name}` printed no login of the form that Docker reads"))?;
    Ok(Some(match username.as_str() {
        "<token>" => DockerCredential::IdentityToken(secret),
        _ => DockerCredential::UsernamePassword(username, secret),
    }))
}

/// A helper that runs; it is killed, with what it has started, when it is dropped before its end.
struct Helper(Child);

impl Helper {
    /// What it prints about a registry, and whether it succeeded.
    async fn answer(mut self, registry: &str) -> std::io::Result<(Vec<u8>, bool)> {
        if let Some(mut input) = self.0.stdin.take() {
            // One that ends without reading it says why by its exit code.
            let _ = input.write_all(registry.as_bytes()).await;
        }
        let mut answer = Vec::new();
        if let Some(output) = self.0.stdout.take() {
            output.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
        }
        Ok((answer, self.0.wait().await?.success()))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // None once it has ended: another group may have its number by then.
        let group = self.0.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let Some(group) = group {
            // It may have ended in this moment.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than enough for what a test waits for.
    const PLENTY: Duration = Duration::from_secs(60);

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

    #[tokio::test(start_paused = true)]
    async fn a_helper_that_does_not_answer_is_given_up() {
        let hanging = ask_script("exec sleep 1000").await;

        assert_eq!(hanging, Err("`helper` did not answer within 30 s".to_owned()));
    }

    #[tokio::test]
    async fn a_helper_that_is_given_up_ends_with_what_it_has_started() {
        // The reader of the pipe sees its end once no process has it open any more.
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let script = format!("sleep 1000 >'{}' & wait", pipe.display());
        let asked = tokio::spawn(async move { ask_script(&script).await });
        let started = timeout(PLENTY, tokio::fs::File::open(&pipe)).await;
        let mut started = started.expect("the helper started nothing").unwrap();

        asked.abort();

        let mut written = Vec::new();
        let ended = timeout(PLENTY, started.read_to_end(&mut written)).await;
        ended.expect("what the helper started still runs").unwrap();
        assert_eq!(written, b"");
    }
}
