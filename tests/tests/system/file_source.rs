//! `--file`: allocations that only their file can change.

use std::{fs, path::Path};

use docket_tests::{
    Engine, Server,
    allocation::{idle, once},
    docket_cli::{bounded, run},
    eventually,
    raw_http_client::Request,
    wall_clock,
};
use serde_json::Value;
use tempfile::TempDir;

/// JSON is YAML too.
fn write(path: &Path, allocations: &[Value]) {
    fs::write(path, Value::from(allocations.to_vec()).to_string()).unwrap();
}

fn serving(path: &Path) -> Server {
    Server::start_with(Engine::shared(), |command| {
        command.arg("--file").arg(path);
    })
}

fn names(server: &Server) -> Vec<String> {
    let list = server.get("/").json();
    list.as_array().unwrap().iter().map(|item| item["Name"].as_str().unwrap().to_owned()).collect()
}

fn await_names(server: &Server, expected: &[&str]) {
    eventually(&format!("the allocations {expected:?}"), || {
        (names(server) == expected).then_some(())
    });
}

#[test]
fn allocations_of_a_file_run_and_are_read_only_over_the_api() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("docket.yml");
    write(&file, &[once("foo", wall_clock::ahead(4), &["echo", "from a file"])]);
    let server = serving(&file);

    let pushed = server.send(&Request::post(idle("foo")));
    let deleted = server.send(&Request::new("DELETE", "/foo"));
    let run = server.ended_run("foo");

    for reply in [pushed, deleted] {
        assert_eq!(reply.status, 409);
        assert!(reply.problem().contains("docket.yml"), "{}", reply.problem());
    }
    assert_eq!(server.output("foo", &run), b"from a file\n");
    let origin = server.allocation("foo")["Status"]["Origin"].clone();
    assert!(origin.as_str().unwrap().contains("docket.yml"), "{origin}");
}

#[test]
fn a_hang_up_reads_the_file_again_and_leaves_what_was_pushed() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("docket.yml");
    write(&file, &[idle("old"), idle("kept")]);
    let server = serving(&file);
    server.push(&idle("pushed"));

    write(&file, &[idle("kept"), idle("new")]);
    server.signal("HUP");

    await_names(&server, &["kept", "pushed", "new"]);
}

#[test]
fn a_file_that_became_bad_keeps_the_old_allocations_and_the_server_says_so() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("docket.yml");
    write(&file, &[idle("old")]);
    let server = serving(&file);
    let mut bad = idle("bad");
    bad["Cron"] = "30-10 * * * *".into();

    write(&file, &[idle("new"), bad]);
    server.signal("HUP");
    eventually("a server that is not ready and says why", || {
        let reply = server.get("/-/ready");
        (reply.status == 503 && reply.text().contains("30-59,0-10")).then_some(())
    });
    let kept = names(&server);
    write(&file, &[idle("new")]);
    server.signal("HUP");

    assert_eq!(kept, ["old"]);
    await_names(&server, &["new"]);
    eventually("a server that is ready", || (server.get("/-/ready").status == 200).then_some(()));
    let reloads = eventually("both reloads in the journal", || {
        let journal = server.get("/-/journal").json();
        let events = journal.as_array().unwrap().iter().map(|entry| entry["Event"].clone());
        let reloads: Vec<_> = events
            .filter(|event| event.get("FileLoaded").or(event.get("FileRejected")).is_some())
            .collect();
        (reloads.len() == 2).then_some(reloads)
    });
    assert_eq!(reloads[0]["FileLoaded"]["Allocations"], 1);
    let rejected = &reloads[1]["FileRejected"];
    assert_eq!(rejected["File"], file.display().to_string());
    assert!(rejected["Reason"].as_str().unwrap().contains("30-59,0-10"), "{rejected}");
}

#[test]
fn a_directory_stands_for_its_files() {
    let directory = TempDir::new().unwrap();
    write(&directory.path().join("a.yml"), &[idle("one")]);
    write(&directory.path().join("b.yaml"), &[idle("two")]);
    // As an editor leaves it.
    std::os::unix::fs::symlink("ann@db.42", directory.path().join(".#b.yaml")).unwrap();
    fs::write(directory.path().join("README.txt"), "no allocations").unwrap();

    let server = serving(directory.path());

    assert_eq!(names(&server), ["one", "two"]);
}

#[test]
fn a_server_does_not_start_with_a_bad_file() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("docket.yml");
    fs::write(&file, "- Name: foo\n  Cron: '0 25 * * *'\n").unwrap();

    let refused = run(bounded()
        .args(["server", "--listen", "127.0.0.1:0", "--file"])
        .arg(&file)
        .env("DOCKER_HOST", Engine::shared().address()));

    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("25 is out of range (0-23)"), "{}", refused.err);
}

#[test]
fn all_that_the_server_cannot_do_of_a_file_is_reported_with_its_place() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("docket.yml");
    let container = "  Container: {Config: {Image: busybox}}";
    let env_files = format!("  Cron: ''\n  EnvFiles: [secrets]\n{container}\n");
    let placed = format!("  Cron: ''\n  Placement: {{Engine: nowhere}}\n{container}\n");
    let text = format!("- Name: one\n{env_files}- Name: two\n{placed}- Name: three\n{env_files}");
    fs::write(&file, text).unwrap();

    let refused = run(bounded()
        .args(["server", "--listen", "127.0.0.1:0", "--file"])
        .arg(&file)
        .env("DOCKER_HOST", Engine::shared().address()));

    assert_eq!(refused.code, 1, "{refused:?}");
    let path = file.display();
    for (line, name, field) in
        [(1, "one", "EnvFiles"), (5, "two", "Placement.Engine"), (9, "three", "EnvFiles")]
    {
        let error = format!("{path}:{line}: `{name}`: {field}: ");
        assert!(refused.err.contains(&error), "{error} {}", refused.err);
    }
}
