//! The stub engine beside a real one: the same requests have the same answers and the same events.

use std::time::Duration;

use docket_stub_engine::{Options, Program};
use docket_tests::{
    Engine, StubEngine,
    raw_http_client::{Address, Reply, Request},
    wall_clock,
};
use serde_json::{Value, json};

/// One client of an engine, which notes the statuses of all answers.
struct Client {
    address: Address,
    statuses: Vec<u16>,
    ids: Vec<String>,
}

impl Client {
    fn of_stub(stub: &StubEngine) -> Self {
        Self::at(Address::Unix(stub.socket().to_owned()))
    }

    fn of_real_engine() -> Self {
        Self::at(Address::Unix(Engine::shared().socket().to_owned()))
    }

    fn at(address: Address) -> Self {
        Self { address, statuses: Vec::new(), ids: Vec::new() }
    }

    fn send(&mut self, request: &Request) -> Reply {
        let reply = request.send(&self.address);
        self.statuses.push(reply.status);
        reply
    }

    /// Creates a container; returns its id.
    fn create(&mut self, name: &str, script: &str, labels: &Value) -> String {
        let body = json!({
            "Image": "busybox:latest",
            "Cmd": ["sh", "-c", script],
            "StopSignal": "SIGKILL",
            "Labels": labels,
            "HostConfig": { "NetworkMode": "none" },
        });
        let path = format!("/containers/create?name={name}");
        let id = self.send(&Request::post_to(&path, body)).json()["Id"].take();
        self.ids.push(id.as_str().unwrap().to_owned());
        self.ids.last().unwrap().clone()
    }

    fn post(&mut self, id: &str, action: &str) {
        self.send(&Request::new("POST", &format!("/containers/{id}/{action}")));
    }

    fn delete(&mut self, id: &str, query: &str) {
        self.send(&Request::new("DELETE", &format!("/containers/{id}{query}")));
    }

    /// The past events of its containers that fit more filters, and the statuses of all answers.
    fn reported(&self, filters: &[(&str, &str)]) -> (Vec<Value>, &[u16]) {
        let mut all = json!({ "container": self.ids });
        for (filter, value) in filters {
            all[filter] = json!([value]);
        }
        let all = all.to_string().replace('"', "%22").replace(' ', "%20");
        let until = wall_clock::now();
        let until = format!("{}.{:09}", until.timestamp(), until.timestamp_subsec_nanos());
        let request = Request::get(&format!("/events?since=1&until={until}&filters={all}"));
        let reply = request.send(&self.address);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let text = reply.text();
        let events = text.lines().map(|line| self.anonymous(serde_json::from_str(line).unwrap()));
        (events.collect(), &self.statuses)
    }

    /// An event without what differs from one engine to the other.
    fn anonymous(&self, mut event: Value) -> Value {
        let (time, nanos) = (event["time"].take(), event["timeNano"].take());
        assert_eq!(time.as_i64().unwrap(), nanos.as_i64().unwrap() / 1_000_000_000);
        let age = wall_clock::now().timestamp() - time.as_i64().unwrap();
        assert!((0..600).contains(&age), "{age}");
        let number = |id: Value| self.ids.iter().position(|it| id == it.as_str()).unwrap();
        let (id, actor) = (event["id"].take(), event["Actor"]["ID"].take());
        assert_eq!(id, actor);
        event["id"] = json!(number(id));
        event
    }
}

/// A container that ends by itself is started, started again when it has ended, and removed.
fn run_twice(client: &mut Client) {
    let labels = json!({ "color": "red", "name": "hidden", "io.docket.instant": "now" });
    let ended = client.create("stub-compared-1", "exit 3", &labels);
    for action in ["start", "wait", "start", "wait"] {
        client.post(&ended, action);
    }
    client.delete(&ended, "");
    client.post(&ended, "start");
    let created = client.create("stub-compared-2", "true", &labels);
    client.delete(&created, "");
    client.delete(&created, "");
}

/// A container that runs on is ended in every way.
fn end_in_every_way(client: &mut Client) {
    let labels = json!({ "exitCode": "hides the real one" });
    let id = client.create("stub-compared-3", "sleep 3600", &labels);
    for action in ["start", "start", "pause", "start", "unpause", "kill", "wait", "kill", "start"] {
        client.post(&id, action);
    }
    client.delete(&id, "");
    for action in ["stop", "stop", "start"] {
        client.post(&id, action);
    }
    client.delete(&id, "?force=true");
}

#[test]
fn a_container_that_is_started_again_has_the_same_events_as_on_a_real_engine() {
    let stub = StubEngine::start(Options::of(Program::failing(3)));
    let (mut stub, mut real) = (Client::of_stub(&stub), Client::of_real_engine());

    run_twice(&mut stub);
    run_twice(&mut real);

    assert_eq!(stub.reported(&[]), real.reported(&[]));
    for filter in
        [("event", "die"), ("label", "color=red"), ("label", "exitCode=3"), ("type", "image")]
    {
        assert_eq!(stub.reported(&[filter]), real.reported(&[filter]), "{filter:?}");
    }
    let (events, _) = real.reported(&[]);
    let actions: Vec<_> = events.iter().map(|event| event["Action"].as_str().unwrap()).collect();
    let (ran, removed) = (["start", "die"], ["create", "destroy"]);
    assert_eq!(actions, [&["create"], &ran[..], &ran, &["destroy"], &removed].concat());
}

#[test]
fn a_container_that_others_end_has_the_same_events_as_on_a_real_engine() {
    let stub = StubEngine::start(Options::of(Program::lasting(Duration::MAX)));
    let (mut stub, mut real) = (Client::of_stub(&stub), Client::of_real_engine());

    end_in_every_way(&mut stub);
    end_in_every_way(&mut real);

    // A real engine may report that a stop is done before it reports the end.
    let in_order = |client: &Client| {
        let (mut events, statuses) = client.reported(&[]);
        let stops: Vec<_> = events.extract_if(.., |event| event["Action"] == "stop").collect();
        (events, stops, statuses.to_vec())
    };
    assert_eq!(in_order(&stub), in_order(&real));
}
