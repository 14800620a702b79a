//! A child process that ends when this process ends, even if this process is killed.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A child process that runs until its standard input closes; the kernel closes it with this process.
pub(crate) struct GuardedProcess {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl GuardedProcess {
    /// Starts a program that reads its standard input to the end before it ends.
    pub(crate) fn start(command: &mut Command) -> Self {
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let commands = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, commands, answers }
    }

    /// Starts a program that does not watch its standard input.
    pub(crate) fn start_endless(command: &mut Command) -> Self {
        // Bash gives a background program /dev/null as its input, so `cat` alone reads ours.
        const KEEPER: &str = r#""$@" & cat >/dev/null; kill "$!"; wait "$!""#;
        let mut keeper = Command::new("bash");
        keeper.args(["-c", KEEPER, "keeper"]).arg(command.get_program()).args(command.get_args());
        Self::start(&mut keeper)
    }

    /// The next line that the program prints.
    pub(crate) fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the program ended; what it said stands above");
        line.trim_end().to_owned()
    }

    /// Sends a line, and returns the line that the program answers with.
    pub(crate) fn tell(&mut self, command: &str) -> String {
        writeln!(self.commands.as_mut().unwrap(), "{command}").unwrap();
        self.answer()
    }
}

impl Drop for GuardedProcess {
    fn drop(&mut self) {
        // The end of its input is what ends the program.
        drop(self.commands.take());
        let _ = self.child.wait();
    }
}
