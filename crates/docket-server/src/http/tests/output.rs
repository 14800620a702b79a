//! What a run writes, as events.

use std::time::Duration;

use docket_model::wire::{FrameKind, OUTPUT_FRAMES, output_frame};

use super::*;
use crate::test_log::TestLog;

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// A manual run of a container of some kind; the path of its output.
async fn output_of(api: &Api, image: &str) -> String {
    meet_engine(api).await;
    let body =
        format!(r#"{{"Name":"a","Cron":"","Container":{{"Config":{{"Image":"{image}"}}}}}}"#);
    post(api, &body).await;
    let answer = post_to(api, "/a/runs", "").await;
    let body = answer.split_once("\n\n").unwrap().1;
    let run: serde_json::Value = serde_json::from_str(body).unwrap();
    format!("/a/runs/{}/output?follow=true", run["Run"].as_str().unwrap())
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
