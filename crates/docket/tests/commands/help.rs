//! The help of every command, whole.

use insta::assert_snapshot;

use crate::{docket, transcript};

#[test]
fn every_command_has_a_help_with_defaults_variables_and_examples() {
    let commands = [
        "server",
        "push",
        "check",
        "list",
        "get",
        "delete",
        "run",
        "cancel",
        "runs",
        "logs",
        "why",
        "events",
        "next",
        "suspend",
        "resume",
        "reset",
        "journal",
        "backup",
        "health",
        "completions",
    ];
    assert_snapshot!("help", transcript(&mut docket(["--help"])));
    for command in commands {
        let help = transcript(&mut docket([command, "--help"]));
        assert!(help.contains("Examples:"), "{help}");
        assert_snapshot!(format!("help_{command}"), help);
    }
}

#[test]
fn a_shell_can_complete_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = transcript(&mut docket(["completions", shell]));
        assert!(script.starts_with("exit code 0") && script.contains("push"), "{script}");
    }
}

#[test]
fn the_version_is_told() {
    let version = concat!("exit code 0\n--- stdout\ndocket ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(transcript(&mut docket(["--version"])), version);
}
