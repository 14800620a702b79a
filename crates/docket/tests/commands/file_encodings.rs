//! Files as editors on other systems save them: read, or rejected with the place and the remedy.

use std::path::Path;

use insta::assert_snapshot;
use tempfile::{TempDir, tempdir};

use crate::{docket, transcript};

const YAML: &str = "- Name: café\r\n  Cron: \"0 9 * * *\"\r\n";
const GOOD: &str = "- Name: a\n  Cron: \"\"\n  Description: |\n    one\n    two\n  \
                    Container: {Config: {Image: busybox}}\n";

fn folder(bytes: impl AsRef<[u8]>) -> TempDir {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("docket.yml"), bytes).unwrap();
    folder
}

fn check(folder: &Path) -> String {
    transcript(docket(["check", "docket.yml"]).current_dir(folder))
}

fn wide(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

#[test]
fn a_byte_order_mark_and_any_line_ends_are_read() {
    let json = r#"[{"Name":"a","Cron":"","Description":"\ud83d\ude00","Container":{"Config":{"Image":"busybox"}}}]"#;
    for text in [GOOD, json] {
        for text in [text.to_owned(), text.replace('\n', "\r\n"), text.replace('\n', "\r")] {
            for text in [text.clone(), format!("\u{feff}{text}")] {
                let output = check(folder(&text).path());
                assert!(output.starts_with("exit code 0\n"), "{text:?}: {output}");
                let output = transcript(docket(["check", "-"]).write_stdin(text.clone()));
                assert!(output.starts_with("exit code 0\n"), "{text:?}: {output}");
            }
        }
    }
}

#[test]
fn an_error_after_a_byte_order_mark_and_crlf_has_its_place() {
    let text =
        "\u{feff}- Name: a\r\n  Cron: \"0 25 * * *\"\r\n  Container: {Config: {Image: b}}\r\n";
    assert_snapshot!(check(folder(text).path()), @r#"
    exit code 1
    --- stderr
      × Cron: hour: 25 is out of range (0-23)
       ╭─[docket.yml:2:12]
     1 │ - Name: a
     2 │   Cron: "0 25 * * *"
       ·            ──
     3 │   Container: {Config: {Image: b}}
       ╰────

    error: docket.yml: 1 error
    "#);
}

#[test]
fn latin_1_is_rejected_at_its_first_letter() {
    let latin: Vec<u8> = YAML.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    assert_snapshot!(check(folder(&latin).path()), @r#"
    exit code 1
    --- stderr
      × byte 0xE9 is not UTF-8 (`é` in Latin-1): save the file as UTF-8
       ╭─[docket.yml:1:12]
     1 │ - Name: caf�
       ·            ▲
     2 │   Cron: "0 9 * * *"
       ╰────

    error: docket.yml: 1 error
    "#);
    assert_snapshot!(transcript(docket(["push", "-"]).write_stdin(latin)), @r#"
    exit code 1
    --- stderr
      × byte 0xE9 is not UTF-8 (`é` in Latin-1): save the file as UTF-8
       ╭─[standard input:1:12]
     1 │ - Name: caf�
       ·            ▲
     2 │   Cron: "0 9 * * *"
       ╰────

    error: standard input: 1 error
    "#);
}

#[test]
fn utf_16_is_rejected_with_and_without_its_mark() {
    let marked = format!("\u{feff}{}", YAML.replace('\r', ""));
    assert_snapshot!(check(folder(wide(&marked, u16::to_le_bytes)).path()), @r#"
    exit code 1
    --- stderr
      × the file is UTF-16: save it as UTF-8
       ╭─[docket.yml:1:1]
     1 │ ��-? ?N?a?m?e?:? ?c?a?f?�?
       · ▲
     2 │ ? ? ?C?r?o?n?:? ?"?0? ?9? ?*? ?*? ?*?"?
       ╰────

    error: docket.yml: 1 error
    "#);
    for bytes in [
        wide(&marked, u16::to_be_bytes),
        wide(YAML, u16::to_le_bytes),
        wide(YAML, u16::to_be_bytes),
        wide("[{}]", u16::to_le_bytes),
    ] {
        let text = check(folder(bytes).path());
        assert!(text.contains("the file is UTF-16: save it as UTF-8"), "{text}");
        assert!(text.contains("[docket.yml:1:1]"), "{text}");
    }
}

#[test]
fn a_mark_within_concatenated_files_and_a_nul_are_rejected_at_their_place() {
    assert_snapshot!(check(folder(format!("{GOOD}\u{feff}{GOOD}")).path()), @r#"
    exit code 1
    --- stderr
      × byte order mark (U+FEFF) at the beginning of a line, where files were joined: remove it
       ╭─[docket.yml:7:1]
     6 │   Container: {Config: {Image: busybox}}
     7 │ ﻿- Name: a
       · ▲
     8 │   Cron: ""
       ╰────

    error: docket.yml: 1 error
    "#);
    assert_snapshot!(check(folder(format!("{GOOD}#\0\n{GOOD}")).path()), @"
    exit code 1
    --- stderr
      × NUL byte: save the file as plain text in UTF-8
       ╭─[docket.yml:7:2]
     6 │   Container: {Config: {Image: busybox}}
     7 │ #?
       ·  ▲
     8 │ - Name: a
       ╰────

    error: docket.yml: 1 error
    ");
}

#[test]
fn a_server_rejects_a_file_in_another_encoding_with_the_place() {
    let latin = folder(b"- Name: caf\xe9\n");
    let wide = folder(b"\xff\xfe-\0");
    let serve = |folder: &TempDir| {
        let mut server = docket(["server", "--listen", "127.0.0.1:0", "--file", "docket.yml"]);
        server.env("DOCKET_LOG", "error").env("DOCKER_HOST", "unix:///nowhere/docker.sock");
        transcript(server.current_dir(folder.path()))
    };
    assert_snapshot!(serve(&latin), @"
    exit code 1
    --- stderr
    error: the allocations were not loaded: docket.yml:1:12: byte 0xE9 is not UTF-8 (`é` in Latin-1): save the file as UTF-8
    ");
    assert_snapshot!(serve(&wide), @"
    exit code 1
    --- stderr
    error: the allocations were not loaded: docket.yml:1:1: the file is UTF-16: save it as UTF-8
    ");
}
