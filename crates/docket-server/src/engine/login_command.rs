//! Programs of others that print a login: Docker's credential helpers, and the login commands of a kubeconfig.
//!
//! 1. None runs for longer than its limit, or after its caller has gone, and neither does what it has started.

use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, sink},
    process::{Child, ChildStderr, Command},
    sync::oneshot,
    time::{sleep, timeout},
};

/// The longest answer: the tokens of registries and clouds have some thousand bytes.
const LONGEST_ANSWER: u64 = 64 << 10;
/// How much is kept of what it writes to stderr.
const MOST_WORDS: u64 = 4 << 10;
/// How long stderr is read once it has ended: what it has started may hold it open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What a login command has printed.
#[derive(Debug)]
pub struct LoginAnswer {
    /// What it wrote to stdout, which may be secret.
    pub output: Vec<u8>,
    /// The beginning of what it wrote to stderr.
    pub words: String,
    /// How it ended.
    pub status: ExitStatus,
}

/// Runs a login command with this input, and reads its answer. It has no user whom it could ask.
///
/// # Errors
/// What is wrong with it, by this name, without anything that it wrote.
pub async fn run_login_command(
    mut command: Command,
    name: &str,
    input: &[u8],
    limit: Duration,
) -> Result<LoginAnswer, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // With a group of its own, so that what it starts ends with it.
    command.process_group(0);
    let child = command.spawn().map_err(|error| format!("cannot run `{name}`: {error}"))?;
    timeout(limit, Running(child).answer(input))
        .await
        .map_err(|_| format!("`{name}` did not answer within {} s", limit.as_secs()))?
        .map_err(|error| format!("cannot read what `{name}` prints: {error}"))
}

/// A command that runs; it is killed, with what it has started, when it is dropped before its end.
struct Running(Child);

impl Running {
    async fn answer(mut self, input: &[u8]) -> io::Result<LoginAnswer> {
        let (has_ended, ended) = oneshot::channel::<()>();
        let stderr = self.0.stderr.take();
        let answered = async {
            let answered = self.output_and_status(input).await;
            drop(has_ended);
            answered
        };
        let mut words = Vec::new();
        let read_words = async {
            let last_words = async {
                // The sender is dropped once the command has ended.
                let _ = ended.await;
                sleep(LAST_WORDS).await;
            };
            tokio::select! {
                () = read_words(stderr, &mut words) => {}
                () = last_words => {}
            }
        };
        let (answered, ()) = tokio::join!(answered, read_words);
        let (output, status) = answered?;
        Ok(LoginAnswer { output, words: String::from_utf8_lossy(&words).into_owned(), status })
    }

    async fn output_and_status(&mut self, input: &[u8]) -> io::Result<(Vec<u8>, ExitStatus)> {
        if let Some(mut stdin) = self.0.stdin.take() {
            // One that ends without reading it says why by its exit code.
            let _ = stdin.write_all(input).await;
        }
        let mut output = Vec::new();
        if let Some(stdout) = self.0.stdout.take() {
            stdout.take(LONGEST_ANSWER).read_to_end(&mut output).await?;
        }
        Ok((output, self.0.wait().await?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // None once it has ended: another group may have its number by then.
        let group = self.0.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let Some(group) = group {
            // It may have ended in this moment.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Reads stderr to its end, and keeps its beginning.
async fn read_words(stderr: Option<ChildStderr>, words: &mut Vec<u8>) {
    let Some(stderr) = stderr else { return };
    let mut beginning = stderr.take(MOST_WORDS);
    // A command whose stderr cannot be read says why by its exit code. One whose stderr is closed before its end
    // would be ended by that.
    if beginning.read_to_end(words).await.is_ok() {
        let _ = copy(&mut beginning.into_inner(), &mut sink()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than enough for what a test waits for.
    const PLENTY: Duration = Duration::from_secs(60);

    async fn run_script(script: &str) -> Result<LoginAnswer, String> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run_login_command(command, "login", b"input", Duration::from_secs(30)).await
    }

    #[tokio::test]
    async fn a_command_gets_its_input_and_its_answer_is_kept_apart_from_its_words() {
        let script = "echo at $(cat); echo why >&2; head -c 100000 /dev/zero >&2; exit 3";
        let LoginAnswer { output, words, status } = run_script(script).await.unwrap();

        assert_eq!(String::from_utf8(output).unwrap(), "at input\n");
        assert_eq!((words.len(), words.lines().next()), (4 << 10, Some("why")));
        assert_eq!(status.code(), Some(3));
    }

    #[tokio::test]
    async fn a_command_that_leaves_a_process_with_its_stderr_has_ended() {
        let script = "sleep 1000 >/dev/null & echo $!; echo why >&2";
        let answer = timeout(PLENTY, run_script(script)).await.unwrap().unwrap();

        let left = String::from_utf8(answer.output).unwrap().trim().parse().unwrap();
        rustix::process::kill_process(Pid::from_raw(left).unwrap(), Signal::KILL).unwrap();
        assert_eq!((&*answer.words, answer.status.success()), ("why\n", true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_does_not_answer_is_given_up() {
        let hanging = run_script("exec sleep 1000").await;

        assert_eq!(hanging.unwrap_err(), "`login` did not answer within 30 s");
    }

    #[tokio::test]
    async fn a_command_that_is_given_up_ends_with_what_it_has_started() {
        // The reader of the pipe sees its end once no process has it open any more.
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let script = format!("sleep 1000 >'{}' & wait", pipe.display());
        let asked = tokio::spawn(async move { run_script(&script).await });
        let started = timeout(PLENTY, tokio::fs::File::open(&pipe)).await;
        let mut started = started.expect("the command started nothing").unwrap();

        asked.abort();

        let mut written = Vec::new();
        let ended = timeout(PLENTY, started.read_to_end(&mut written)).await;
        ended.expect("what the command started still runs").unwrap();
        assert_eq!(written, b"");
    }
}
