//! Files with secrets: how they are read, and the warning if other users can read them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use insta::assert_snapshot;
use tempfile::tempdir;

use crate::{docket, transcript};

const TOKEN: &str = "correct-horse-battery-staple";

fn file(folder: &Path, bytes: impl AsRef<[u8]>, mode: u32) -> PathBuf {
    let file = folder.join("token");
    fs::write(&file, bytes).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    file
}

/// A server with these options, which ends because its file of allocations is missing.
fn serve(folder: &Path, options: &[&str]) -> String {
    let fixed = ["server", "--listen", "127.0.0.1:0", "--file", "nowhere.yml"];
    let mut server = docket(fixed.iter().chain(options));
    server.env("DOCKET_LOG", "docket=warn").env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    transcript(server.current_dir(folder))
}

#[test]
fn a_client_warns_of_a_token_file_that_others_can_read() {
    let folder = tempdir().unwrap();
    let list = |mode| {
        file(folder.path(), TOKEN, mode);
        let mut list = docket(["list", "--token-file", "token", "--host", "http://127.0.0.1:1"]);
        transcript(list.current_dir(folder.path()))
    };
    let warning =
        "warning: other users can read the token file token (mode 0644): chmod 600 token\n";
    assert!(list(0o644).contains(warning), "{}", list(0o644));
    assert!(!list(0o600).contains("warning"), "{}", list(0o600));
}

#[test]
fn a_server_warns_of_a_token_file_and_a_private_key_that_others_can_read() {
    let folder = tempdir().unwrap();
    let warnings = |mode| {
        file(folder.path(), TOKEN, mode);
        let text = serve(
            folder.path(),
            &["--token-file", "token", "--tls-key", "token", "--tls-cert", "c"],
        );
        let warnings = text.lines().filter_map(|line| line.split_once("other users"));
        warnings.map(|(_, rest)| rest.to_owned()).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(warnings(0o600), "");
    assert_snapshot!(warnings(0o640), @"
    can read the token file token (mode 0640): chmod 600 token
    can read the private key token (mode 0640): chmod 600 token
    ");
}

#[test]
fn a_token_is_read_as_editors_save_it_or_rejected_with_the_remedy() {
    let folder = tempdir().unwrap();
    let output = |bytes: &[u8]| {
        file(folder.path(), bytes, 0o600);
        let list = ["list", "--token-file", "token", "--host", "http://127.0.0.1:1"];
        let client = transcript(docket(list).current_dir(folder.path()));
        let server = serve(folder.path(), &["--token-file", "token"]);
        [client, server]
    };

    for read in output(format!("\u{feff}{TOKEN}\r\n").as_bytes()) {
        assert!(!read.contains("token file") && !read.contains("DOCKET_TOKEN_FILE"), "{read}");
    }
    let wide: Vec<u8> =
        format!("\u{feff}{TOKEN}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for rejected in output(&wide) {
        let remedy = "cannot read `token` (from --token-file or DOCKET_TOKEN_FILE): line 1, column \
                      1: the file is UTF-16: save it as UTF-8";
        assert!(rejected.contains(remedy), "{rejected}");
    }
}
