//! `EnvFiles`: the variables of containers, and the errors of unusable files.

use std::{fs, os::unix::fs::symlink, process::Command};

use docket_tests::{Engine, Server, allocation::allocation};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server with env files below `env`, beside a file that is not.
fn serving(files: &[(&str, &[u8])]) -> (TempDir, Server) {
    let directory = TempDir::new().unwrap();
    let env = directory.path().join("env");
    fs::create_dir(&env).unwrap();
    for (name, bytes) in files {
        fs::write(env.join(name), bytes).unwrap();
    }
    fs::write(directory.path().join("secret"), "A=secret\n").unwrap();
    let server = Server::start_with(Engine::shared(), |command| {
        command.arg("--env-dir").arg(&env);
    });
    (directory, server)
}

/// The end of a run that prints its variables A and B, with this file.
fn run_with(server: &Server, name: &str, file: &str) -> Value {
    let mut wanted = allocation(name, "", &["sh", "-c", "echo \"[$A] [$B]\""]);
    wanted["EnvFiles"] = json!([file]);
    server.push(&wanted);
    server.run_manually(name);
    server.ended_run(name)
}

#[test]
fn files_of_other_editors_give_their_variables_or_the_place_and_the_remedy() {
    let (_directory, server) = serving(&[
        ("windows", b"\xef\xbb\xbfA=one\r\n# a comment\r\n\r\nB=two words\r\n"),
        ("latin", b"A=one\r\nB=caf\xe9\r\n"),
        ("wide", b"\xff\xfeA\x00=\x001\x00"),
        ("joined", b"\xef\xbb\xbfA=1\n\xef\xbb\xbfB=2\n"),
        ("mac", b"A=one\rB=two\r"),
        ("bare", b"A=one\nB\n"),
    ]);

    let run = run_with(&server, "windows", "windows");

    assert_eq!(run["State"], "succeeded", "{run}");
    assert_eq!(server.output("windows", &run), b"[one] [two words]\n");
    for (file, problem) in [
        (
            "latin",
            "line 2, column 6: byte 0xE9 is not UTF-8 (`é` in Latin-1): save the file as UTF-8",
        ),
        ("wide", "line 1, column 1: the file is UTF-16: save it as UTF-8"),
        (
            "joined",
            "line 2, column 1: byte order mark (U+FEFF) at the beginning of a line, where files were joined: remove it",
        ),
        (
            "mac",
            "line 1: a carriage return without a line feed: save the file with LF or CRLF at the ends of lines",
        ),
        ("bare", "line 2: no `=`: write NAME=VALUE (the server's own variables are not passed on)"),
    ] {
        let run = run_with(&server, file, file);
        let message = format!("the env file `{file}` has an error in {problem}");
        assert_eq!(run["ReasonCode"], "env-files");
        assert_eq!(run["ReasonValues"], json!({ "Message": message }));
    }
}

#[test]
fn files_are_reached_below_the_directory_and_nowhere_else() {
    let (directory, server) = serving(&[("one", b"A=inside")]);
    let env = directory.path().join("env");
    symlink("one", env.join("link")).unwrap();
    symlink("../secret", env.join("climbs")).unwrap();
    symlink(directory.path().join("secret"), env.join("absolute")).unwrap();
    assert!(Command::new("mkfifo").arg(env.join("pipe")).status().unwrap().success());
    fs::create_dir(env.join("directory")).unwrap();

    let run = run_with(&server, "link", "link");

    assert_eq!(server.output("link", &run), b"[inside] []\n");
    let outside = "leads out of `--env-dir`: put it there, or use a relative link that stays below \
                   that directory";
    for (file, problem) in [
        ("climbs", outside),
        ("absolute", outside),
        ("pipe", "is a pipe, not a regular file"),
        ("directory", "is a directory, not a regular file"),
    ] {
        let run = run_with(&server, file, file);
        let message = format!("the env file `{file}` {problem}");
        assert_eq!((&run["State"], &run["ReasonCode"]), (&json!("failed"), &json!("env-files")));
        assert_eq!(run["ReasonValues"], json!({ "Message": message }));
    }
    assert!(!server.log().contains("A=secret"));
}
