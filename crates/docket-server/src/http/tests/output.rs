//! What a run writes, as events.

use std::time::Duration;

use docket_model::wire::{FrameKind, OUTPUT_FRAMES, output_frame};
use serde_json::{Value, json};

use super::*;
use crate::test_log::TestLog;

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// A manual run of a container of some kind; the path of its output.
async fn output_of(api: &Api, image: &str) -> String {
    start(api, json!({"Image": image}), 0).await + "?follow=true"
}

/// Starts a manual run of a container with these options, a second after nine; the path of its output.
async fn start(api: &Api, config: Value, retries: u32) -> String {
    meet_engine(api).await;
    let container = json!({"Config": config});
    let body = json!({"Name": "a", "Cron": "", "Retries": retries, "Container": container});
    post(api, &body.to_string()).await;
    let answer = post_to(api, "/a/runs", "").await;
    let run: Value = serde_json::from_str(answer.split_once("\n\n").unwrap().1).unwrap();
    format!("/a/runs/{}/output", run["Run"].as_str().unwrap())
}

fn events(api: &Api) -> Asking {
    Asking::of(api).with("accept", "text/event-stream")
}

#[tokio::test(start_paused = true)]
async fn an_output_comes_as_texts_and_ends_with_the_record() {
    let api = api(Access::default());
    let path = output_of(&api, "exit-3").await;

    let response = events(&api).send(Method::GET, &path, "").await;

    let (head, rest) = response.split_once("\n\n").unwrap();
    assert_eq!(head, "200 OK\ncontent-type: text/event-stream");
    let (texts, end) = rest.split_once("event: end\ndata: ").unwrap();
    assert_eq!(texts, "retry: 2000\n\n:\nid: 0\n\nid: 6\ndata: \"exit-3\"\n\nid: 6\n");
    let run: serde_json::Value = serde_json::from_str(end.trim_end()).unwrap();
    assert_eq!((&run["State"], &run["Attempts"][0]["ExitCode"]), (&"failed".into(), &3.into()));
}

#[tokio::test(start_paused = true)]
async fn a_reader_goes_on_behind_the_bytes_that_it_has() {
    let api = api(Access::default());
    let path = output_of(&api, "exit-3").await;
    let texts = async |asking: Asking| {
        let response = asking.send(Method::GET, &path, "").await;
        let (texts, end) = response.split_once("event: end\n").unwrap();
        assert!(end.contains(r#""State":"failed""#), "{end}");
        texts.split_once("retry: 2000\n\n").unwrap().1.to_owned()
    };

    let again = texts(events(&api).with("last-event-id", "2")).await;
    let nothing_more = texts(events(&api).with("last-event-id", "6")).await;
    let wrong = events(&api).with("last-event-id", "x").send(Method::GET, &path, "").await;

    assert_eq!(again, ":\nid: 2\n\nid: 6\ndata: \"it-3\"\n\nid: 6\n");
    assert_eq!(nothing_more, ":\nid: 6\n\nid: 6\n");
    assert!(wrong.contains("Last-Event-ID: `x` is not a number"), "{wrong}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_run_gives_signs_of_life_and_the_end_of_the_server_is_not_its_end() {
    let api = api(Access::default());
    let path = output_of(&api, "long").await;
    let plain = Asking::of(&api).send(Method::GET, &path, "");
    let stopping = async {
        pass(40).await;
        api.authentication.stopping.cancel();
    };

    let (response, plain, ()) =
        tokio::join!(events(&api).send(Method::GET, &path, ""), plain, stopping);

    let beats = ":\nid: 4\n\n".repeat(2);
    assert!(response.ends_with(&format!("id: 4\ndata: \"long\"\n\n{beats}")), "{response}");
    assert!(plain.ends_with("\n\nlong"), "{plain}");
}

#[tokio::test(start_paused = true)]
async fn an_output_that_is_not_followed_comes_in_frames_too() {
    let api = api(Access::default());
    for (image, seconds) in [("exit-3", 5), ("long", 0)] {
        let path = output_of(&api, image).await.replace("?follow=true", "");
        pass(seconds).await;
        let frames = Asking::of(&api).with("accept", OUTPUT_FRAMES);

        let answer = frames.send(Method::GET, &path, "").await;

        let (head, body) = answer.split_once("\n\n").unwrap();
        assert!(head.contains(OUTPUT_FRAMES), "{head}");
        let end = image.len() as u64;
        let expected = output_frame(FrameKind::Output, end, image.as_bytes());
        assert_eq!(body.as_bytes(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_output_that_is_removed_while_it_is_read_breaks_off() {
    for (query, format) in
        [("", "*/*"), ("", OUTPUT_FRAMES), ("?follow=true", "*/*"), ("?follow=true", OUTPUT_FRAMES)]
    {
        let api = api(Access::default());
        let image = if query.is_empty() { "exit-3" } else { "sleep-60" };
        let path = output_of(&api, image).await.replace("?follow=true", query);
        pass(5).await;

        let answer = Asking::of(&api).with("accept", format).answer(Method::GET, &path, "").await;
        Asking::of(&api).send(Method::DELETE, "/a", "").await;
        let body = actix_web::body::to_bytes(answer.into_body());
        let body = tokio::time::timeout(Duration::from_secs(600), body).await;

        assert!(matches!(body, Ok(Err(_))), "{query} {format}: {body:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_output_that_cannot_be_read_is_logged_in_the_span_of_its_run() {
    let api = api(Access::default());
    let path = output_of(&api, "sleep-60").await;
    let run = path.split('/').nth(3).unwrap();
    pass(5).await;
    let (log, _logging) = TestLog::start();

    let answer = events(&api).answer(Method::GET, &path, "").await;
    Asking::of(&api).send(Method::DELETE, "/a", "").await;
    actix_web::body::to_bytes(answer.into_body()).await.unwrap();

    let lines = log.lines_with("the output could not be read");
    let span = format!("WARN run{{allocation=a run={run}}}: ");
    assert!(matches!(&*lines, [line] if line.starts_with(&span)), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn the_head_of_an_output_needs_no_follower() {
    let api = api(Access::default());
    let path = output_of(&api, "long").await;
    let begun = tokio::time::Instant::now();

    for path in [path.clone(), path.replace("?follow=true", "")] {
        for format in ["*/*", OUTPUT_FRAMES, "text/event-stream"] {
            let asking = Asking::of(&api).with("accept", format);
            let response = asking.send(Method::HEAD, &path, "").await;

            let (head, body) = response.split_once("\n\n").unwrap();
            assert!(head.starts_with("200 OK\ncontent-type: "), "{head}");
            assert_eq!(body, "", "{path} {format}");
        }
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_term_is_not_the_end_of_an_output() {
    let api = api(Access::default());
    let path = output_of(&api, "long").await.replace("?follow=true", "");
    pass(5).await;
    api.allocations.runner().unwrap().records.term.depose();

    let response = get(&api, &path).await;

    assert!(response.starts_with("503 Service Unavailable"), "{response}");
    assert!(response.contains("the server is stopping"), "{response}");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_attempt_gets_the_number_of_attempts() {
    let api = api(Access::default());
    let path = output_of(&api, "exit-3").await.replace("?follow=true", "");
    pass(5).await;

    let missing = get(&api, &format!("{path}?attempt=7")).await;
    let no_number = get(&api, &format!("{path}?attempt=x")).await;
    let first_part = get(&api, &format!("{path}?part=1")).await;
    let no_part = get(&api, &format!("{path}?part=3&attempt=1")).await;

    assert!(missing.contains("attempt: there is no attempt 7, the run has 1 attempt"), "{missing}");
    assert!(no_number.contains("attempt: `x` is not a number from 1 to"), "{no_number}");
    assert!(first_part.starts_with("200"), "{first_part}");
    assert!(no_part.contains("part: there is no part 3, the run has 1 part"), "{no_part}");
}

/// Starts a run whose container does these steps; returns the path of its output after ten seconds and a half.
async fn output_of_steps(api: &Api, image: &str, steps: &[&str]) -> String {
    let path = start(api, json!({"Image": image, "Cmd": steps}), 0).await;
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    path
}

const STEPS: [&str; 4] = ["out one", "error oh", "out two", "error no"];

/// The bodies for these queries.
async fn bodies<const COUNT: usize>(
    api: &Api,
    path: &str,
    queries: [&str; COUNT],
) -> [String; COUNT] {
    let mut bodies = [const { String::new() }; COUNT];
    for (body, query) in bodies.iter_mut().zip(queries) {
        let answer = get(api, &format!("{path}?{query}")).await;
        let (head, text) = answer.split_once("\n\n").unwrap();
        assert!(head.starts_with("200 OK"), "{query}: {answer}");
        text.clone_into(body);
    }
    bodies
}

#[tokio::test(start_paused = true)]
async fn last_lines_and_those_of_a_stream_come_from_the_store_and_from_the_engine() {
    for end in ["exit 0", "asked ignores"] {
        let api = api(Access::default());
        let path = output_of_steps(&api, "script", &[&STEPS[..], &[end]].concat()).await;
        let follow = if end == "exit 0" { "&follow=true" } else { "" };

        let last =
            ["tail=2", "tail=0", "tail=all", "tail=9"].map(|query| query.to_owned() + follow);
        let last = bodies(&api, &path, last.each_ref().map(String::as_str)).await;
        let of_streams = ["stream=stderr", "stream=stdout&tail=1", "tail=1&stream=stderr"];
        let of_streams = bodies(&api, &path, of_streams).await;

        let all = "one\noh\ntwo\nno\n";
        assert_eq!(last, ["two\nno\n", "", all, all], "{end}");
        assert_eq!(of_streams, ["oh\nno\n", "two\n", "no\n"], "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn lines_have_their_times_and_can_be_those_since_a_time() {
    for end in ["exit 0", "asked ignores"] {
        let api = api(Access::default());
        let path = output_of_steps(&api, "script", &[&STEPS[..], &[end]].concat()).await;

        let timed = bodies(&api, &path, ["timestamps=true&tail=2", "timestamps=true&skip=5"]).await;
        let since = ["since=2026-11-21T09:00:03Z", "since=10:00:04", "since=8s", "since=1h"];
        let since = bodies(&api, &path, since).await;

        let [two, no] = ["2026-11-21T09:00:03.000Z two\n", "2026-11-21T09:00:04.000Z no\n"];
        assert_eq!(timed, [format!("{two}{no}"), format!("h\n{two}{no}")], "{end}");
        assert_eq!(since, ["two\nno\n", "no\n", "no\n", "one\noh\ntwo\nno\n"], "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_output_without_times_is_shown_whole_and_says_so() {
    let api = api(Access::default());
    let path = output_of_steps(&api, "untimed", &[]).await;

    let [timed, since] = bodies(&api, &path, ["timestamps=true", "since=1m"]).await;

    let note = "[docket: the times of this output are not known";
    assert_eq!(timed, format!("{note}]\n- untimed"));
    assert_eq!(since, format!("{note}, so all of it is shown]\nuntimed"));
}

#[tokio::test(start_paused = true)]
async fn a_follower_gets_the_last_lines_and_goes_on_behind_them() {
    let api = api(Access::default());
    let config = json!({"Image": "script", "Cmd": ["out one", "error oh", "out two", "exit 0"]});
    let path = start(&api, config, 0).await + "?follow=true";
    // Two of its lines are written.
    tokio::time::sleep(Duration::from_millis(1500)).await;

    let query = format!("{path}&tail=1&timestamps=true");
    let followed = events(&api).send(Method::GET, &query, "").await;
    let again = events(&api).with("last-event-id", "5").send(Method::GET, &query, "").await;
    let of_stream = events(&api).send(Method::GET, &format!("{path}&stream=stdout"), "").await;

    let texts = |answer: &str| {
        let (_, texts) = answer.split_once("retry: 2000\n\n").unwrap();
        texts.split_once("event: end\n").unwrap().0.to_owned()
    };
    let timed = |second, line| format!(r#"data: "2026-11-21T09:00:0{second}.000Z {line}\n""#);
    let [oh, two] = [timed(2, "oh"), timed(3, "two")];
    assert_eq!(texts(&followed), format!(":\nid: 4\n\nid: 7\n{oh}\n\nid: 11\n{two}\n\nid: 11\n"));
    assert_eq!(
        texts(&again),
        format!(":\nid: 5\n\nid: 7\ndata: \"h\\n\"\n\nid: 11\n{two}\n\nid: 11\n")
    );
    assert!(texts(&of_stream).starts_with(":\nid: 0\n\nid: 4\ndata: \"one\\n\"\n"), "{of_stream}");
    assert!(!of_stream.contains("oh"), "{of_stream}");
}

#[tokio::test(start_paused = true)]
async fn frames_of_some_lines_have_the_positions_of_all() {
    let api = api(Access::default());
    let path = output_of_steps(&api, "script", &[&STEPS[..], &["exit 0"]].concat()).await;
    let frames = Asking::of(&api).with("accept", OUTPUT_FRAMES);

    let query = format!("{path}?stream=stderr&timestamps=true&tail=2");
    let answer = frames.send(Method::GET, &query, "").await;

    let line = |end, text: &str| output_frame(FrameKind::Error, end, text.as_bytes());
    let lines = [(7, "2026-11-21T09:00:02.000Z oh\n"), (14, "2026-11-21T09:00:04.000Z no\n")];
    let expected = lines.map(|(end, text)| line(end, text)).concat();
    assert_eq!(answer.split_once("\n\n").unwrap().1.as_bytes(), expected);
}

#[tokio::test(start_paused = true)]
async fn each_parameter_of_an_output_names_itself_in_its_error() {
    let api = api(Access::default());
    let path = output_of_steps(&api, "script", &[&STEPS[..], &["exit 0"]].concat()).await;
    let errors = [
        ("tail=-1", "tail: `-1` is not a number from 0 to 10000, or `all`"),
        ("tail=10001", "tail: `10001` is not a number from 0 to 10000, or `all`"),
        ("tail=5&skip=3", "tail: cannot be given with `skip`"),
        ("since=10", "since: 10 what? write 10s or 10m"),
        ("since=soon", "since: `soon` is not a valid time: write 2026-11-21T09:00:00Z"),
        ("since=soon", "in Europe/Berlin time; or a duration, such as 24h"),
        ("timestamps=yes", "timestamps: `yes` is neither `true` nor `false`"),
        ("stream=err", "stream: `err` is neither `stdout` nor `stderr`"),
        ("tails=5", "unknown parameter `tails`: did you mean `tail`?"),
    ];
    for (query, expected) in errors {
        let answer = get(&api, &format!("{path}?{query}")).await;

        assert!(answer.starts_with("400 Bad Request"), "{answer}");
        assert!(answer.contains(expected), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_lines_reach_back_over_the_attempts_of_a_run() {
    let api = api(Access::default());
    let config = json!({"Image": "script", "Cmd": ["out one", "out two", "exit 1"]});
    let path = start(&api, config, 1).await + "?follow=true";
    pass(120).await;

    let last = [1, 2, 3, 4, 5].map(|lines| format!("{path}&tail={lines}"));
    let mut texts = Vec::new();
    for path in last {
        texts.push(get(&api, &path).await.split_once("\n\n").unwrap().1.to_owned());
    }

    let expected = ["two\n", "one\ntwo\n", "two\none\ntwo\n", "one\ntwo\none\ntwo\n"];
    assert_eq!(texts, [&expected[..], &expected[3..]].concat());
}
