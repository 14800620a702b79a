//! Newer time zone files of the host: a server loads them while it runs.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use docket_stub_engine::Options;
use docket_tests::{
    Home, Server, StubEngine, allocation::allocation, eventually, program, wall_clock,
};
use serde_json::{Value, json};

/// A zone directory in which Berlin is some hours ahead of UTC all year.
fn write_zones(directory: &Path, version: &str, hours: u8) {
    fs::create_dir_all(directory.join("Europe")).unwrap();
    // A compiled zone without changes, followed by a rule of POSIX (RFC 9636, version 2).
    let mut header = b"TZif2".to_vec();
    header.extend([0; 15]);
    header.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4]);
    let block = [header.as_slice(), &[0; 6], b"UTC\0"].concat();
    let file = [&block, block.as_slice(), format!("\nXXX-{hours}\n").as_bytes()].concat();
    fs::write(directory.join("Europe/Berlin"), file).unwrap();
    fs::write(directory.join("tzdata.zi"), format!("# version {version}\n")).unwrap();
}

/// An allocation that is due each day when Berlin's clock shows this.
fn daily(name: &str, clock: DateTime<Utc>) -> Value {
    let cron = clock.format("%-S %-M %-H * * * *").to_string();
    let mut daily = allocation(name, &cron, &["true"]);
    daily["TimeZone"] = json!("Europe/Berlin");
    daily
}

#[test]
fn newer_files_are_loaded_without_a_restart_and_start_no_instant_of_the_past() {
    let stub = StubEngine::start(Options::default());
    let home = Home::durable(&stub.docker_host());
    let zones = tempfile::tempdir().unwrap();
    write_zones(zones.path(), "2998a", 1);
    let mut server = home.server_with(|command| {
        command.env("TZDIR", zones.path());
    });
    let data = |server: &Server| server.get("/-/health").json()["TimeZoneData"].clone();
    assert_eq!(data(&server), json!({"Version": "2998a", "Origin": zones.path()}));
    // By the new rules, the clock is two hours ahead of UTC at these moments.
    let (past, at) = (wall_clock::ahead(4), wall_clock::ahead(40));
    server.push(&daily("soon", at + TimeDelta::hours(2)));
    server.push(&daily("past", past + TimeDelta::hours(2)));
    let next = |server: &Server, name: &str| {
        let next = server.allocation(name)["Status"]["Next"].clone();
        next.as_str().unwrap().parse::<DateTime<Utc>>().unwrap()
    };
    assert_eq!(next(&server, "soon"), at + TimeDelta::hours(1));
    assert_eq!(next(&server, "past"), past + TimeDelta::hours(1));
    eventually("the instant is past", || (wall_clock::now() > past).then_some(()));

    write_zones(zones.path(), "2998b", 2);
    let log = server.await_log("time zone data was updated");

    assert!(log.contains("Europe/Berlin"), "{log}");
    assert_eq!(next(&server, "past"), past + TimeDelta::days(1));
    let run = server.ended_run_at("soon", at);
    assert_eq!(run["State"], "succeeded", "{run}");
    assert_eq!(server.runs("past"), Vec::<Value>::new());
    assert_eq!(data(&server)["Version"], "2998b");
    let journal = server.get("/-/journal?limit=100").json();
    let entries = journal.as_array().unwrap();
    let changed = entries.iter().find(|entry| entry["Event"]["ZoneDataChanged"].is_object());
    let changed = &changed.unwrap()["Event"]["ZoneDataChanged"];
    assert_eq!(changed["Zones"], json!(["Europe/Berlin"]));
    let missing = past.to_rfc3339_opts(SecondsFormat::Secs, true);
    let why = server.get(&format!("/past/why?at={missing}")).text();
    assert!(why.contains("Newer time zone data was loaded"), "{why}");
    server.stop();
}

/// Runs `docket next` in a mount namespace of its own, after these commands.
fn next_with(mounts: &str) -> String {
    let next = "next '0 9 * * *' -n 1 --from 2026-12-01T00:00:00Z";
    let script = format!("set -e; {mounts}; exec {} {next}", program().display());
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "sh", "-c", &script]).env_remove("TZ");
    let Output { status, stdout, stderr } = unshare.output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap().trim().to_owned()
}

#[test]
fn the_zone_of_the_host_is_found_by_a_link_a_copy_and_a_mount() {
    let folder = tempfile::tempdir().unwrap();
    let berlin = folder.path().join("berlin");
    fs::copy("/usr/share/zoneinfo/Europe/Berlin", &berlin).unwrap();
    let etc = folder.path().join("etc");
    let (berlin, etc) = (berlin.display(), etc.display());
    // The whole of /etc is a copy, so that the link itself can be replaced.
    let own_etc = format!("cp -a /etc {etc}; mount --bind {etc} /etc; rm -f /etc/localtime");
    let nine_in_berlin = "2026-12-01T09:00:00+01:00";

    let link = format!("{own_etc}; ln -s /usr/share/zoneinfo/Europe/Berlin /etc/localtime");
    assert_eq!(next_with(&link), nine_in_berlin);
    let copy = format!("{own_etc}; cp {berlin} /etc/localtime");
    assert_eq!(next_with(&copy), nine_in_berlin);
    // Also a copy of an older edition than the one in use.
    let vancouver = "cp /usr/share/zoneinfo/America/Vancouver /etc/localtime";
    let vancouver = next_with(&format!("{own_etc}; rm -f /etc/timezone; {vancouver}"));
    assert_eq!(vancouver, "2026-12-01T09:00:00-07:00");
    let none = format!("{own_etc}; rm -f /etc/timezone");
    assert_eq!(next_with(&none), "2026-12-01T09:00:00Z");
    // In a container where /etc/localtime is a link, the host's is mounted where the link leads.
    let mount = format!(
        "{own_etc}; ln -s /usr/share/zoneinfo/Etc/UTC /etc/localtime; \
         mount --bind {berlin} /etc/localtime"
    );
    assert_eq!(next_with(&mount), nine_in_berlin);
}
