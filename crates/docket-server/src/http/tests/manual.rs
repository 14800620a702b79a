//! Manual runs and changes.

use std::time::Duration;

use super::*;

/// A name whose container runs for an hour, and whose runs exclude one another.
const LONG: &str = r#"{"Name":"long","Cron":"0 9 * * *","Overlap":"Forbid","Timeout":"2h",
    "Container":{"Config":{"Image":"long"}}}"#;

/// The status and one key of the body.
fn response(answer: &str, keys: &[&str]) -> String {
    let (status, body) = (answer.lines().next().unwrap(), answer.rsplit('\n').next().unwrap());
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let values = keys.iter().map(|key| body[key].to_string().replace('"', ""));
    [status.to_owned()].into_iter().chain(values).collect::<Vec<_>>().join(" | ")
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_manual_run_obeys_overlap_and_can_be_cancelled() {
    let api = api(Access::default());
    meet_engine(&api).await;
    post(&api, LONG).await;

    let first = post_to(&api, "/long/runs", r#"{"By":"ann"}"#).await;
    pass(1).await;
    let second = post_to(&api, "/long/runs", "").await;
    let cancel = "/long/runs/20261121T090000.999Z/cancel";
    let cancelled = post_to(&api, cancel, r#"{"By":"bob"}"#).await;
    pass(60).await;
    let ended = get(&api, "/long/runs/20261121T090000.999Z").await;
    let again = post_to(&api, cancel, "").await;

    assert_eq!(
        response(&first, &["Run", "State", "Trigger", "By"]),
        "202 Accepted | 20261121T090000.999Z | starting | manual | ann"
    );
    assert_eq!(response(&second, &["State", "ReasonCode"]), "409 Conflict | skipped | overlap");
    assert_eq!(response(&cancelled, &["State"]), "202 Accepted | cancelling");
    assert_eq!(response(&ended, &["State", "ReasonCode"]), "200 OK | cancelled | cancelled-by");
    assert_eq!(
        response(&again, &["detail"]),
        "409 Conflict | the run `long/20261121T090000.999Z` is over: it was cancelled"
    );
}

#[tokio::test(start_paused = true)]
async fn only_instants_of_the_past_are_made_up_for() {
    let api = api(Access::default());
    post(&api, LONG).await;

    let at = |at: &str| format!(r#"{{"At":"{at}"}}"#);
    let future = post_to(&api, "/long/runs", &at("2026-11-22T09:00:00Z")).await;
    let other = post_to(&api, "/long/runs", &at("2026-11-20 10:00")).await;
    let past = post_to(&api, "/long/runs", &at("2026-11-20 09:00")).await;
    let twice = post_to(&api, "/long/runs", &at("2026-11-20T08:00:00Z")).await;

    assert_eq!(
        response(&future, &["detail"]),
        "422 Unprocessable Entity | 2026-11-22T09:00:00Z is in the future: only past instants can be \
         backfilled"
    );
    assert_eq!(
        response(&other, &["detail"]),
        "422 Unprocessable Entity | 2026-11-20 10:00 CET is not an instant of this schedule; the \
         nearest are 2026-11-20 09:00 CET and 2026-11-21 09:00 CET"
    );
    let offset = post_to(&api, "/long/runs", &at("2026-11-20T13:00:00+04:00")).await;
    assert_eq!(
        response(&offset, &["detail"]),
        "422 Unprocessable Entity | 2026-11-20T13:00:00+04:00 is not an instant of this schedule; the \
         nearest are 2026-11-20T12:00:00+04:00 and 2026-11-21T12:00:00+04:00"
    );
    assert_eq!(response(&past, &["Run", "State"]), "202 Accepted | 20261120T080000Z | starting");
    assert!(twice.starts_with("409 Conflict"), "{twice}");
}

#[tokio::test(start_paused = true)]
async fn a_suspension_is_shown_until_it_ends() {
    let api = api(Access::default());
    post(&api, LONG).await;

    let body = r#"{"By":"ann","Reason":"the database moves","Until":"2026-11-21 11:00"}"#;
    let suspended = post_to(&api, "/long/suspend", body).await;
    let pushed = post(&api, &LONG.replace("2h", "3h")).await;
    let still = get(&api, "/long").await;
    let resumed = post_to(&api, "/long/resume", "").await;
    let past = post_to(&api, "/long/suspend", r#"{"Until":"2026-11-21 09:00"}"#).await;

    let shown = r#""Suspended":{"By":"ann","Reason":"the database moves","Since":"2026-11-21T09:00:00Z","Until":"2026-11-21T10:00:00Z"}"#;
    assert!(suspended.contains(shown), "{suspended}");
    assert!(pushed.ends_with(r#"{"created":false}"#), "{pushed}");
    assert!(still.contains(shown), "{still}");
    assert!(!resumed.contains("Suspended"), "{resumed}");
    assert_eq!(
        response(&past, &["detail"]),
        "400 Bad Request | `Until` is in the past: 2026-11-21T08:00:00Z"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_in_a_wish_is_named() {
    let api = api(Access::default());
    post(&api, LONG).await;

    let absent = post_to(&api, "/lon/runs", "").await;
    let key = post_to(&api, "/long/runs", r#"{"Comand":["a"]}"#).await;
    let variable = post_to(&api, "/long/runs", r#"{"Env":["NOVALUE"]}"#).await;
    let state = get(&api, "/long/runs?state=lots").await;
    let plain = Asking::of(&api).send(Method::POST, "/long/runs", "{}").await;
    let got = get(&api, "/long/suspend").await;

    assert_eq!(
        response(&absent, &["detail"]),
        "404 Not Found | no allocation is named `lon`: did you mean `long`?"
    );
    assert!(key.starts_with("400 Bad Request") && key.contains("`Comand`"), "{key}");
    assert_eq!(
        response(&variable, &["detail"]),
        "400 Bad Request | Env: `NOVALUE` is not a variable: write KEY=VALUE"
    );
    assert!(state.contains("state: `lots` is not one of waiting, starting,"), "{state}");
    assert!(plain.starts_with("415 "), "{plain}");
    assert!(got.starts_with("405 ") && got.contains("POST"), "{got}");
}

#[tokio::test(start_paused = true)]
async fn chains_are_held_together() {
    let api = api(Access::default());
    let named = |name: &str, due: &str| {
        format!(r#"{{"Name":"{name}",{due},"Container":{{"Config":{{"Image":"x"}}}}}}"#)
    };
    post(&api, &named("a", r#""Cron":"""#)).await;
    post(&api, &named("b", r#""After":["a"]"#)).await;

    let unknown = post(&api, &named("c", r#""After":["z"]"#)).await;
    let circle = post(&api, &format!("[{}]", named("a", r#""After":["b"]"#))).await;
    let parent = Asking::of(&api).send(Method::DELETE, "/a", "").await;

    assert!(
        unknown.ends_with(r#"{"overall":{},"fields":{"After[0]":"no allocation is named `z`"}}"#)
    );
    assert!(
        circle.contains(r#"{"[0].After[0]":"dependency cycle: `a` after `b` after `a`"}"#),
        "{circle}"
    );
    assert_eq!(
        response(&parent, &["detail"]),
        "409 Conflict | `b` runs after `a`: delete what runs after it first, or change its `After`"
    );
}

#[tokio::test(start_paused = true)]
async fn what_goes_to_the_journal_is_bounded() {
    let api = api(Access::default());
    post(&api, LONG).await;
    let body = |key: &str, length: usize| format!(r#"{{"{key}":"{}"}}"#, "x".repeat(length));

    for (path, key, most) in [
        ("/long/runs", "By", 256),
        ("/long/suspend", "By", 256),
        ("/long/resume", "By", 256),
        ("/long/reset", "By", 256),
        ("/long/suspend", "Reason", 4096),
    ] {
        let fits = post_to(&api, path, &body(key, most)).await;
        let too_long = post_to(&api, path, &body(key, most + 1)).await;

        assert!(fits.starts_with('2'), "{path}: {fits}");
        let detail = format!("400 Bad Request | {key}: {} bytes; the maximum is {most}", most + 1);
        assert_eq!(response(&too_long, &["detail"]), detail, "{path}");
    }
}

#[tokio::test]
async fn a_body_that_is_an_array_is_not_taken_for_an_object() {
    let api = api(Access::default());
    post(&api, LONG).await;

    for path in ["/long/runs", "/long/suspend", "/long/resume", "/-/pause", "/-/unpause"] {
        let answer = post_to(&api, path, "[null, null]").await;
        let expected = "400 Bad Request | the body is not a JSON object";
        assert_eq!(response(&answer, &["detail"]), expected, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn suspensions_of_all_leave_those_by_name_as_they_are() {
    let api = api(Access::default());
    post(&api, LONG).await;
    let suspended = |answer: &str| response(answer, &["Status"]).split("Suspended:").nth(1).map(by);
    let all = r#"{"By":"bob","All":true}"#;

    let by_name = post_to(&api, "/long/suspend", r#"{"By":"ann"}"#).await;
    let both = post_to(&api, "/long/suspend", all).await;
    let again = post_to(&api, "/long/resume", all).await;
    let resumed = post_to(&api, "/long/resume", "").await;
    let of_all = post_to(&api, "/long/suspend", all).await;
    let until = r#"{"By":"ann","Until":"2026-11-21T10:00:00Z"}"#;
    let longer = post_to(&api, "/long/suspend", until).await;
    let back = post_to(&api, "/long/resume", all).await;
    pass(2 * 3600).await;
    let later = get(&api, "/long").await;

    let answers = [by_name, both, again, resumed, of_all, longer, back, later];
    assert_eq!(
        answers.map(|answer| suspended(&answer).unwrap_or("no one".to_owned())),
        ["ann", "ann", "ann", "no one", "bob", "bob", "ann", "no one"]
    );
    assert!(post_to(&api, "/-/pause", all).await.contains("All: is only for"));
    let journal = get(&api, "/-/journal?allocation=long").await;
    assert_eq!(journal.matches(r#""Suspended":{"By""#).count(), 6, "{journal}");
}

/// Who made a suspension, by the text behind its key.
fn by(suspension: &str) -> String {
    suspension.split_once("By:").unwrap().1.split(',').next().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn next_instants_begin_after_the_end_of_a_suspension_or_a_pause() {
    let api = api(Access::default());
    let hourly = |more: &str| {
        format!(
            r#"{{"Name":"hourly","Cron":"0 * * * *",{more}"Container":{{"Config":{{"Image":"x"}}}}}}"#
        )
    };
    post(&api, &hourly("")).await;
    let next = async || {
        let allocation = get(&api, "/hourly").await;
        let instants = get(&api, "/hourly/instants?limit=1").await;
        let next = response(&allocation, &["Status"]);
        let next = next.split("Next:").nth(1).unwrap().split([',', '}']).next().unwrap().to_owned();
        let warnings = allocation.contains("Warnings");
        (next, response(&instants, &["Instants", "Suspended"]), warnings)
    };
    let shown = |next: &str, instants: &str, reason: &str| {
        (next.to_owned(), format!("200 OK | {instants} | {reason}"), false)
    };

    let before = next().await;
    post_to(&api, "/hourly/suspend", r#"{"By":"ann","Until":"2026-11-21T12:00:00Z"}"#).await;
    let suspended = next().await;
    post_to(&api, "/-/pause", r#"{"By":"bob","Until":"2026-11-21T14:30:00Z"}"#).await;
    let paused = next().await;
    post_to(&api, "/-/unpause", "").await;
    post_to(&api, "/hourly/suspend", r#"{"By":"ann"}"#).await;
    let without_end = next().await;
    post_to(&api, "/hourly/resume", "").await;
    post(&api, &hourly(r#""Suspended":true,"#)).await;
    let by_specification = next().await;

    assert_eq!(before, shown("2026-11-21T10:00:00Z", "[{At:2026-11-21T10:00:00Z}]", "null"));
    // An instant at the end itself starts.
    let end = "hourly is suspended by ann until 2026-11-21T12:00:00Z";
    assert_eq!(suspended, shown("2026-11-21T12:00:00Z", "[{At:2026-11-21T12:00:00Z}]", end));
    let end = format!("{end}; docket is paused by bob until 2026-11-21T14:30:00Z");
    assert_eq!(paused, shown("2026-11-21T15:00:00Z", "[{At:2026-11-21T15:00:00Z}]", &end));
    assert_eq!(without_end, shown("null", "[]", "hourly is suspended by ann until it is resumed"));
    let reason = "hourly is suspended by its specification";
    assert_eq!(by_specification, shown("null", "[]", reason));
}
