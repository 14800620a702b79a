//! Values that cannot work, as `check` and `push` report them: with their place and what to write.

use insta::assert_snapshot;
use tempfile::tempdir;

use crate::{
    docket_with_file,
    stub_server::{Stub, ok},
    transcript,
};

fn check(file: &str) -> String {
    transcript(&mut docket_with_file(["check"], tempdir().unwrap().path(), file))
}

#[test]
fn a_value_that_always_fails_is_an_error_with_a_remedy() {
    assert_snapshot!(check(r"
- Name: a
  Cron: ''
  Labels: [team=finance]
  Container:
    Config:
      Image: Busybox:1.36
      Env: {MODE: nightly, LEVEL: 5}
      StopTimeout: 10s
    HostConfig:
      Memory: 64m
      Binds: [./data:/data]
"), @r#"
    exit code 1
    --- stderr
      × Labels: expected a mapping of strings, found a list: write `Labels: {team: finance}`
       ╭─[docket.yml:4:11]
     3 │   Cron: ''
     4 │   Labels: [team=finance]
       ·           ─
     5 │   Container:
       ╰────

      × Container.Config.Image: an image name has no capital letters before its tag: write
      │ `busybox:1.36`
       ╭─[docket.yml:7:14]
     6 │     Config:
     7 │       Image: Busybox:1.36
       ·              ────────────
     8 │       Env: {MODE: nightly, LEVEL: 5}
       ╰────

      × Container.Config.Env: expected a list, found a mapping: write `Env: [MODE=nightly, LEVEL=5]`
       ╭─[docket.yml:8:12]
     7 │       Image: Busybox:1.36
     8 │       Env: {MODE: nightly, LEVEL: 5}
       ·            ─
     9 │       StopTimeout: 10s
       ╰────

      × Container.Config.StopTimeout: expected a whole number, found the string "10s": write 10, the
      │ number of seconds
        ╭─[docket.yml:9:20]
      8 │       Env: {MODE: nightly, LEVEL: 5}
      9 │       StopTimeout: 10s
        ·                    ───
     10 │     HostConfig:
        ╰────

      × Container.HostConfig.Memory: expected a whole number, found the string "64m": write 67108864,
      │ the number of bytes
        ╭─[docket.yml:11:15]
     10 │     HostConfig:
     11 │       Memory: 64m
        ·               ───
     12 │       Binds: [./data:/data]
        ╰────

      × Container.HostConfig.Binds[0]: `./data` is not an absolute path, and the engine knows no
      │ current directory: write the path from the root of its host, such as `/srv/data:/data`
        ╭─[docket.yml:12:15]
     11 │       Memory: 64m
     12 │       Binds: [./data:/data]
        ·               ────────────
        ╰────

    error: docket.yml: 6 errors
    "#);
}

#[test]
fn a_value_that_is_probably_wrong_is_a_warning_and_is_pushed() {
    let file = "- Name: a
  Cron: \"\"
  Container:
    Config: {Image: busybox, Cmd: echo hello world, Env: [HOME_PAGE], OpenStdin: true}
    HostConfig:
      Mounts: [{Type: tmpfs, Target: /scratch, TmpfsOptions: {Mode: 750}}]
";
    assert_snapshot!(check(file), @"
    exit code 0
    --- stdout
    docket.yml: 1 allocation, 4 warnings
    --- stderr
    warning: docket.yml:4:35: Container.Config.Cmd: `echo hello world` is one word, and so the name of a program: write each word by itself, `Cmd: [echo, hello, world]`
    warning: docket.yml:4:59: Container.Config.Env[0]: `HOME_PAGE` has no `=`, which removes a variable of the image: write `HOME_PAGE=VALUE` to set it (the server's own variables are not passed on)
    warning: docket.yml:4:82: Container.Config.OpenStdin: nothing is attached to standard input, so a program that reads it waits forever: leave `OpenStdin` out
    warning: docket.yml:6:69: Container.HostConfig.Mounts[0].TmpfsOptions.Mode: 750 is decimal, the mode 1356 in octal: write 0750 if that is meant
    ");
    let stub = Stub::tcp(|_| {
        ok(r#"{"created":1,"updated":0,"unchanged":0,"results":[{"Name":"a","Result":"created"}]}"#)
    });
    let folder = tempdir().unwrap();
    let pushed = stub.transcript(&mut docket_with_file(["push"], folder.path(), file));
    assert!(pushed.contains("Created allocation a"), "{pushed}");
    assert_eq!(pushed.matches("warning: docket.yml:").count(), 4, "{pushed}");
}

#[test]
fn a_file_mode_is_octal_without_quotes_too() {
    for mode in ["0750", "'0750'", "0o750", "488"] {
        let file = format!(
            "- Name: a
  Cron: \"\"
  Container:
    Config: {{Image: busybox}}
    HostConfig:
      Mounts: [{{Type: tmpfs, Target: /scratch, TmpfsOptions: {{Mode: {mode}}}}}]
"
        );
        let stub = Stub::tcp(|_| {
            ok(
                r#"{"created":1,"updated":0,"unchanged":0,"results":[{"Name":"a","Result":"created"}]}"#,
            )
        });
        let folder = tempdir().unwrap();
        let pushed = stub.transcript(&mut docket_with_file(["push"], folder.path(), &file));
        assert!(!pushed.contains("warning"), "{pushed}");
        let sent = &stub.requests()[0].body;
        assert!(sent.contains(r#""TmpfsOptions":{"Mode":488}"#), "{sent}");
    }
}
