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
        "top",
        "events",
        "engines",
        "next",
        "notify",
        "suspend",
        "resume",
        "reset",
        "pause",
        "unpause",
        "journal",
        "backup",
        "health",
        "schema",
        "completions",
        "man",
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
fn every_command_has_a_manual_page() {
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man1");

    let printed = transcript(&mut docket(["man"]));
    transcript(docket(["man"]).arg(&pages));

    let version = env!("CARGO_PKG_VERSION");
    let title = |name| format!(".TH {name} 1  \"docket {version}\" \n");
    assert!(printed.contains(&title("docket")), "{printed}");
    let push = std::fs::read_to_string(pages.join("docket-push.1")).unwrap();
    assert!(push.contains(&title("docket-push")), "{push}");
    assert_snapshot!(push.split_once(".SH EXAMPLES\n").unwrap().1, @r"
    .nf
      docket push
      docket push jobs/
      docket push nightly.yml \-\-host docket.example.org:3000
      docket get report \-o json | docket push \- \-\-host other.example.org:3000
    .fi
    ");
    let server = std::fs::read_to_string(pages.join("docket-server.1")).unwrap();
    assert_snapshot!(server.split_once(".fi\n").unwrap().1, @r"
    .PP
    Without \-\-listen the variables HOST and PORT apply, as in the original docket.
    ");
    let count = std::fs::read_dir(&pages).unwrap().count();
    let commands = printed.matches("docket\\-").count();
    assert!(count > 20 && commands >= count - 1, "{count} pages, {commands} commands");
}

#[test]
fn the_version_names_the_edition_of_the_time_zone_data() {
    let version = concat!("exit code 0\n--- stdout\ndocket ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(transcript(&mut docket(["-V"])), version);
    let long = format!("{version}time zone data: <version> (bundled)\n");
    assert_eq!(transcript(&mut docket(["--version"])), long);
}
