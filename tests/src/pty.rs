//! A real terminal of its own, whose keys are pressed and whose screen is read.

use std::{
    process::{Command, Output},
    time::Duration,
};

use tempfile::TempDir;

use crate::wait::seen_within;

/// How long something may take to be seen.
// A screen is drawn in milliseconds, but a busy machine may start the program seconds later.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A terminal that ends, with what runs in it, when it is dropped.
pub struct Terminal {
    /// Where its socket is, apart from all others.
    directory: TempDir,
}

impl Terminal {
    /// Starts a shell script in a terminal of this size.
    pub fn start(script: &str, (width, height): (u16, u16)) -> Self {
        let terminal = Self { directory: TempDir::new().unwrap() };
        let (width, height) = (width.to_string(), height.to_string());
        terminal.tmux(&["new-session", "-d", "-x", &width, "-y", &height, script]);
        terminal
    }

    /// Presses keys, by tmux's names for them; other texts are typed.
    pub fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Gives it another size.
    pub fn resize(&self, (width, height): (u16, u16)) {
        let (width, height) = (width.to_string(), height.to_string());
        self.tmux(&["resize-window", "-x", &width, "-y", &height]);
    }

    /// What it shows.
    pub fn screen(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p"]).stdout).unwrap()
    }

    /// Whether it shows a screen that fits in time.
    pub fn seen(&self, mut fits: impl FnMut(&str) -> bool) -> bool {
        seen_within(TIMEOUT, || fits(&self.screen()).then_some(())).is_some()
    }

    /// Waits until the screen matches; returns it.
    pub fn await_screen(&self, sought: &str, fits: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let is_seen = self.seen(|screen| {
            screen.clone_into(&mut last);
            fits(screen)
        });
        assert!(is_seen, "not on the screen: {sought}\n{last}");
        last
    }

    /// Waits until it shows this text.
    pub fn await_text(&self, text: &str) -> String {
        self.await_screen(text, |screen| screen.contains(text))
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {arguments:?}: {error}");
        output
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        // A server of its own: one shared by tests would end with the first of them.
        command.arg("-S").arg(self.directory.path().join("socket"));
        // Neither the developer's configuration of tmux nor a session around the tests may have an
        // effect.
        command.args(["-f", "/dev/null"]).args(arguments).env_remove("TMUX");
        // In another locale tmux replaces the lines of tables by ASCII.
        command.env("LC_ALL", "C.UTF-8").env("TERM", "xterm-256color");
        command
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It ends by itself once its program has ended.
        let _ = self.command(&["kill-server"]).output();
    }
}
