//! Notifications, at a receiver that accepts, fails, redirects or does not answer; across restarts and crashes.

use std::{fs, time::Duration};

use chrono::TimeDelta;
use docket_tests::{
    Engine, Home, NotificationReceiver, Server,
    allocation::{allocation, idle, once},
    eventually,
    notification_receiver::{Answer, Received},
    raw_http_client::Request,
    wall_clock,
};
use serde_json::{Value, json};

/// A home whose servers send everything to a target named `hook`, and may send to this receiver.
fn home(receiver: &NotificationReceiver) -> Home {
    let home = Home::durable(Engine::shared().address());
    let file = home.path("notify.yml");
    let (url, key) = (home.path("url"), home.path("key"));
    fs::write(&url, receiver.url("/secret-target")).unwrap();
    fs::write(&key, "0123456789abcdef").unwrap();
    let text = "Targets: {hook: {Webhook: {UrlFile: url, KeyFile: key}}}\n\
                Default: [{To: hook}]\nAllowedHosts: [127.0.0.1]\n";
    fs::write(&file, text).unwrap();
    home.with_options([
        "--notify",
        file.to_str().unwrap(),
        "--public-url",
        "https://docket.example.org",
    ])
}

fn started(home: &Home) -> Server {
    let server = home.server();
    server.await_ready();
    server
}

/// An allocation that is run manually, and fails.
fn failing(name: &str) -> Value {
    let mut posted = idle(name);
    posted["Container"]["Config"]["Cmd"] = json!(["sh", "-c", "echo all sums; exit 3"]);
    posted
}

/// Runs an allocation to its end, with another command if one is given.
fn run(server: &Server, name: &str, command: Option<&str>) {
    let body = command.map_or(json!({}), |command| json!({"Cmd": [command]}));
    let asked = server.send(&Request::post_to(&format!("/{name}/runs"), body));
    assert_eq!(asked.status, 202, "{}", asked.text());
    let run = asked.json()["Run"].as_str().unwrap().to_owned();
    eventually(&format!("the end of {run}"), || {
        let run = server.get(&format!("/{name}/runs/{run}")).json();
        run["Ended"].is_string().then_some(())
    });
}

/// Waits until nothing waits for delivery; returns how many messages were dropped.
fn await_empty_outbox(server: &Server) -> u64 {
    eventually("an empty outbox", || {
        let outbox = server.get("/-/health").json()["Outbox"].take();
        let is_empty = outbox.is_null() || outbox["Waiting"] == 0;
        is_empty.then(|| outbox["Dropped"].as_u64().unwrap_or_default())
    })
}

#[test]
fn the_first_failure_is_sent_a_second_is_not_and_then_the_recovery() {
    let receiver = NotificationReceiver::start();
    let home = home(&receiver);
    let server = started(&home);
    server.push(&failing("report"));

    run(&server, "report", None);
    run(&server, "report", None);
    run(&server, "report", Some("true"));

    let messages = receiver.await_messages(2);
    let events: Vec<_> = messages.iter().map(Received::event).collect();
    assert_eq!(events, ["failed", "recovered"]);
    let [failed, recovered] = &*messages else { panic!("{messages:?}") };
    assert_eq!(failed.path, "/secret-target");
    assert_eq!(failed.header("docket-id"), failed.body["Id"].as_str().unwrap());
    assert!(failed.header("docket-signature").starts_with("v1="), "{failed:?}");
    assert_eq!(failed.body["ReasonCode"], "exit-code");
    let text = failed.body["Text"].as_str().unwrap();
    assert!(text.starts_with("report failed: exit code 3."), "{text}");
    let run = failed.body["Run"].as_str().unwrap();
    assert_eq!(failed.body["Link"], format!("https://docket.example.org/#/a/report/{run}"));
    assert_eq!(recovered.body["Failing"]["Count"], 2);
    assert_eq!(await_empty_outbox(&server), 0);
}

#[test]
fn a_receiver_that_fails_gets_the_same_message_again_and_a_redirect_is_not_followed() {
    let receiver = NotificationReceiver::start();
    let home = home(&receiver);
    let server = started(&home);
    receiver.answer_next(&[Answer::Status(503), Answer::Never, Answer::Huge]);
    server.push(&failing("report"));

    run(&server, "report", None);
    // A receiver that does not answer delays no run.
    run(&server, "report", Some("true"));

    let messages = receiver.await_messages(4);
    let ids: Vec<_> = messages.iter().map(|message| message.header("docket-id")).collect();
    assert_eq!(ids[..4], [ids[0]; 4], "{messages:?}");
    assert_eq!(await_empty_outbox(&server), 0);

    let before = receiver.received().len();
    receiver.answer_next(&[Answer::Redirect]);
    server.push(&failing("other"));
    run(&server, "other", None);
    receiver.await_messages(before + 1);
    assert_eq!(await_empty_outbox(&server), 1);
    assert!(receiver.received().iter().all(|message| message.path == "/secret-target"));
    let journal = eventually("an entry of the journal", || {
        let journal = server.docket(["journal"]).ok();
        journal.contains("dropped").then_some(journal)
    });
    assert!(journal.contains("1 notification to the target `hook` dropped"), "{journal}");
    assert!(journal.contains("redirects are not followed"), "{journal}");
}

#[test]
fn what_was_missed_while_the_server_was_down_is_sent_after_its_start() {
    let receiver = NotificationReceiver::start();
    let home = home(&receiver);
    let server = started(&home);
    let at = wall_clock::ahead(3);
    let mut missed = once("report", at, &["true"]);
    missed["StartingDeadline"] = "1s".into();
    server.push(&missed);
    server.stop();
    let late = at + TimeDelta::seconds(2);
    eventually("the end of the deadline", || (wall_clock::now() > late).then_some(()));

    let server = started(&home);

    let messages = receiver.await_messages(1);
    assert_eq!(messages[0].event(), "missed", "{messages:?}");
    let text = messages[0].body["Text"].as_str().unwrap();
    assert!(text.contains("docket was not running"), "{text}");
    assert_eq!(await_empty_outbox(&server), 0);
}

#[test]
fn killed_before_and_after_sending_the_server_sends_the_same_message_again() {
    let receiver = NotificationReceiver::start();
    let home = home(&receiver);
    let server = started(&home);
    let at = wall_clock::ahead(3);
    let mut posted = once("report", at, &["false"]);
    posted["StartingDeadline"] = "10m".into();
    server.push(&posted);
    server.stop();
    let bound = Duration::from_secs(120);

    // The run is in the store, and its message is not sent.
    assert!(home.crashing_server("NotificationDue", 1).died_within(bound), "{}", home.crash_log());
    assert_eq!(receiver.received().len(), 0);
    // It is sent, and still in the outbox.
    assert!(home.crashing_server("NotificationSent", 1).died_within(bound), "{}", home.crash_log());
    assert_eq!(receiver.received().len(), 1);
    let server = started(&home);

    let messages = receiver.await_messages(2);
    assert_eq!(messages[0].body["Id"], messages[1].body["Id"], "{messages:?}");
    assert_eq!((messages[0].event(), messages[1].event()), ("failed", "failed"));
    assert_eq!(await_empty_outbox(&server), 0);
    assert_eq!(server.runs("report").len(), 1);
}

#[test]
fn a_url_of_an_allocation_is_sent_to_allowed_hosts_only_and_never_shown() {
    let receiver = NotificationReceiver::start();
    let home = home(&receiver);
    let server = started(&home);
    let mut posted = failing("report");
    let entry = |url: &str| json!([{"Webhook": url, "Output": 5}]);

    posted["Notify"] = entry("https://hooks.example.org/secret-path");
    let refusal = server.refusal(&posted).to_string();
    assert!(refusal.contains("`hooks.example.org`: add it to `AllowedHosts`"), "{refusal}");
    posted["Notify"] = json!([{"To": "hok"}]);
    let refusal = server.refusal(&posted).to_string();
    assert!(refusal.contains("there is no target `hok`: did you mean `hook`?"), "{refusal}");
    let mask = receiver.url("/•••");
    posted["Notify"] = entry(&mask);
    let refusal = server.refusal(&posted).to_string();
    assert!(refusal.contains("write the whole URL"), "{refusal}");

    posted["Notify"] = entry(&receiver.url("/secret-path"));
    assert!(server.push(&posted));
    let shown = server.allocation("report");
    assert_eq!(shown["Notify"], entry(&mask));
    assert!(!server.push(&shown));
    run(&server, "report", None);

    let messages = receiver.await_messages(1);
    assert_eq!(messages[0].path, "/secret-path");
    assert_eq!(messages[0].body["Output"], json!(["all sums"]));
    await_empty_outbox(&server);
    let metrics = server.get("/-/metrics").text();
    assert!(metrics.contains("docket_outbox_messages 0"), "{metrics}");
    let everything =
        [server.get("/").text(), server.docket(["journal"]).ok(), metrics, server.log()].concat();
    assert!(!everything.contains("secret-path") && !everything.contains("secret-target"));
}

#[test]
fn each_target_can_be_tested() {
    let receiver = NotificationReceiver::start();
    let home = home(&receiver);
    let server = started(&home);

    let tested = server.docket(["notify", "--test"]);
    assert_eq!(tested.code, 0, "{tested:?}");
    assert_eq!(tested.out, "hook: delivered, the receiver answered 200 OK: received\n");
    assert_eq!(receiver.received()[0].event(), "test");
    receiver.answer_next(&[Answer::Status(404)]);
    let tested = server.docket(["notify", "--test", "hook"]);
    assert_eq!(tested.code, 1, "{tested:?}");
    assert!(tested.out.contains("not delivered, the receiver answered 404"), "{tested:?}");
    let tested = server.docket(["notify", "--test", "hok"]);
    assert!(tested.code == 1 && tested.err.contains("did you mean `hook`?"), "{tested:?}");

    // Without a file nothing is sent, and an allocation cannot ask for it.
    let home = Home::in_memory(Engine::shared().address());
    let server = started(&home);
    let mut posted = allocation("report", "@yearly", &["true"]);
    posted["Notify"] = json!([{"To": "hook"}]);
    let refusal = server.refusal(&posted).to_string();
    assert!(refusal.contains("start it with `--notify FILE`"), "{refusal}");
}
