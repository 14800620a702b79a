//! What readers of events get, whole bodies at a time.

use std::time::Duration;

use docket_model::journal::{Entry, Event};
use insta::assert_snapshot;

use super::*;

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// All that a reader gets while something happens, up to the end of the server.
async fn read(asking: Asking, path: &str, happens: impl Future<Output = ()>) -> String {
    let stopping = asking.api.authentication.stopping.clone();
    let happens = async {
        pass(1).await;
        happens.await;
        pass(1).await;
        stopping.cancel();
    };
    let (answer, ()) = tokio::join!(asking.send(Method::GET, path, ""), happens);
    answer
}

async fn body(api: &Api, path: &str, happens: impl Future<Output = ()>) -> String {
    let answer = read(Asking::of(api), path, happens).await;
    answer.split_once("\n\n").unwrap().1.to_owned()
}

/// The types of all events in a body, each with something of its data.
fn kinds(body: &str) -> Vec<String> {
    let events = body.split("\n\n").filter_map(|event| event.split_once("event: "));
    let response = events.map(|(_, event)| {
        let (kind, data) = event.split_once("\ndata: ").unwrap();
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        let name = data["Allocation"].as_str().unwrap_or("-");
        format!("{kind} {name}")
    });
    response.collect()
}

fn labelled(name: &str, team: &str) -> String {
    format!(
        r#"{{"Name":"{name}","Cron":"","Labels":{{"team":"{team}","own":"{name}"}},
        "Container":{{"Config":{{"Image":"x"}}}}}}"#
    )
}

async fn stopped(api: &Api) {
    let entry = Entry {
        at: api.allocations.clock.now(),
        allocation: None,
        event: Event::Stopped,
        by: None,
    };
    api.allocations.store.record(entry).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn changes_come_as_events_with_ids_and_whole_records() {
    let api = api(Access::default());

    let response = read(Asking::of(&api), "/-/events", async {
        post(&api, &labelled("a", "x")).await;
        post_to(&api, "/a/runs", r#"{"By":"ann"}"#).await;
    });

    assert_snapshot!(response.await, @r#"
    200 OK
    content-type: text/event-stream

    retry: 2000

    :
    id: 0

    id: 1
    event: allocation
    data: {"At":"2026-11-21T09:00:01Z","Allocation":"a","Event":"Created","By":"a local user"}

    id: 2
    event: run
    data: {"At":"2026-11-21T09:00:01Z","Allocation":"a","Run":{"Run":"20261121T090000.999Z","Allocation":"a","Instant":"2026-11-21T09:00:00.999Z","Trigger":"manual","By":"ann","State":"starting","Decided":"2026-11-21T09:00:01Z","Attempts":[{"Attempt":1,"Container":null,"EngineName":"default","Engine":null,"Image":null,"Started":null,"Ended":null,"ExitCode":null,"OutOfMemory":false,"OutputBytes":null,"OutputOmitted":null}]}}
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_gives_signs_of_life() {
    let api = api(Access::default());

    let response = body(&api, "/-/events?kind=server", async {
        post(&api, &labelled("a", "x")).await;
        pass(31).await;
    });

    let response = response.await;
    assert_eq!(response.matches(":\nid: 1\n\n").count(), 2, "{response}");
}

#[tokio::test(start_paused = true)]
async fn a_reader_gets_what_it_wants_and_nothing_else() {
    let cases = [
        ("", "allocation a, allocation b, run a, run b, server -"),
        ("?kind=run", "run a, run b"),
        ("?kind=allocation,server", "allocation a, allocation b, server -"),
        ("?allocation=a", "allocation a, run a, server -"),
        ("?allocation=a&allocation=b&kind=run", "run a, run b"),
        ("?label=team=x&kind=run", "run a"),
        ("?label=team&label=own%3Db&kind=run&kind=allocation", "allocation b, run b"),
        ("?label=team=z", "server -"),
        ("?state=starting", "run a, run b"),
        ("?state=starting,failed&allocation=a", "run a"),
        ("?state=failed", ""),
    ];
    for (query, expected) in cases {
        let api = api(Access::default());

        let path = format!("/-/events{query}");
        let response = body(&api, &path, async {
            post(&api, &labelled("a", "x")).await;
            post(&api, &labelled("b", "y")).await;
            post_to(&api, "/a/runs", "").await;
            post_to(&api, "/b/runs", "").await;
            stopped(&api).await;
        });

        assert_eq!(kinds(&response.await).join(", "), expected, "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_comes_back_goes_on_behind_what_it_got() {
    let api = api(Access::default());
    let first = read(Asking::of(&api), "/-/events", stopped(&api)).await;
    let api = Api { authentication: authentication(Access::default()), ..api };
    stopped(&api).await;
    post(&api, &labelled("a", "x")).await;

    let last_id = first.rsplit("id: ").next().unwrap().lines().next().unwrap();
    let asking = Asking::of(&api).with("last-event-id", "1");
    let response = read(asking, "/-/events?since=0", async {}).await;

    assert_eq!(last_id, "1");
    let body = response.split_once("\n\n").unwrap().1;
    assert_eq!(kinds(body), ["server -", "allocation a"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_cannot_continue_gets_a_gap_first() {
    let cases = [
        ("8", "docket was restarted at 2026-11-21T09:00:00Z: reload everything"),
        ("10", "not all of the 8193 events since your last one are kept: reload everything"),
        ("8204", "this event has not happened yet: reload everything"),
        ("20261121T090000Z-7", "the id is not a number: reload everything"),
    ];
    for (since, reason) in cases {
        let api = api_over_store(Access::default(), 9);
        for _ in 0..8194 {
            stopped(&api).await;
        }

        let response = body(&api, &format!("/-/events?since={since}"), stopped(&api)).await;

        let expected = format!(
            "retry: 2000\n\nid: 8203\nevent: gap\ndata: {{\"Reason\":\"{reason}\"}}\n\n\
             id: 8204\nevent: server\n"
        );
        assert!(response.starts_with(&expected), "{response}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_in_a_query_for_events_is_named() {
    let api = api(Access::default());
    let detail = async |query: &str| {
        let answer = get(&api, &format!("/-/events?{query}")).await;
        let (head, body) = answer.split_once("\n\n").unwrap();
        assert!(head.starts_with("400 Bad Request"), "{answer}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        body["detail"].as_str().unwrap().to_owned()
    };

    assert_eq!(detail("kind=run,rum").await, "kind: `rum` is not one of run, allocation, server");
    assert_eq!(detail("label==x").await, "label: `=x` is not a label: write KEY or KEY=VALUE");
    assert_eq!(
        detail("allocaton=a").await,
        "unknown parameter `allocaton`: did you mean `allocation`?"
    );
    assert_eq!(
        detail("x=a").await,
        "unknown parameter `x`: write allocation, label, kind, state, since"
    );
    assert!(detail("allocation=a%20b").await.starts_with("allocation: ` ` at position 2"));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_too_slow_gets_a_gap_and_the_end() {
    let api = api(Access::default());

    // The reader is not looked at while all this happens at once.
    let response = body(&api, "/-/events", async {
        for _ in 0..10_000 {
            stopped(&api).await;
        }
    });

    let response = response.await;
    assert!(response.ends_with(
        "id: 10000\nevent: gap\ndata: {\"Reason\":\"the client reads too slowly and missed events: \
         reconnect and reload everything\"}\n\n"
    ));
}
