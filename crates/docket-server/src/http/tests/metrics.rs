//! What Prometheus reads.

use std::time::Duration;

use super::*;

fn allocation(name: &str) -> String {
    format!(
        r#"{{"Name":"{name}","Cron":"0 12 * * *","TimeZone":"UTC","Overlap":"Forbid",
        "Container":{{"Config":{{"Image":"{name}"}}}}}}"#
    )
}

/// The samples of the metrics with this beginning, but for those that are 0.
async fn samples(api: &Api, beginning: &str) -> Vec<String> {
    let answer = get(api, "/-/metrics").await;
    let samples =
        answer.lines().filter(|line| line.starts_with(beginning) && !line.ends_with(" 0"));
    samples.map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn runs_are_counted_when_they_end_and_shown_while_they_are_under_way() {
    let api = api(Access::default());
    meet_engine(&api).await;
    post(&api, &allocation("long")).await;
    post_to(&api, "/long/runs", "").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Another one does not run beside it.
    post_to(&api, "/long/runs", "").await;

    assert_eq!(
        samples(&api, "docket_runs_total").await,
        [r#"docket_runs_total{result="skipped",trigger="manual"} 1"#]
    );
    let running = r#"docket_runs_under_way{state="running"} 1"#;
    assert!(samples(&api, "docket_runs_under_way").await.contains(&running.to_owned()));
    let started = r#"docket_run_lateness_seconds_count{trigger="manual"} 1"#;
    assert_eq!(samples(&api, "docket_run_lateness_seconds_count").await, [started]);
    assert_eq!(samples(&api, "docket_run_duration_seconds_count").await, [""; 0]);

    tokio::time::sleep(Duration::from_hours(2)).await;

    let ended = r#"docket_runs_total{result="succeeded",trigger="manual"} 1"#;
    assert!(samples(&api, "docket_runs_total").await.contains(&ended.to_owned()));
    let ended = r#"docket_run_duration_seconds_count{result="succeeded",trigger="manual"} 1"#;
    assert_eq!(samples(&api, "docket_run_duration_seconds_count").await, [ended]);
}

#[tokio::test(start_paused = true)]
async fn so_many_allocations_have_figures_and_the_others_are_counted() {
    let api = api(Access::default());
    for name in ["first", "second", "third"] {
        post(&api, &allocation(name)).await;
    }

    assert_eq!(
        samples(&api, "docket_allocations").await,
        ["docket_allocations 3", "docket_allocations_without_figures 1",]
    );
    let noon = 1_795_262_400;
    let next = samples(&api, "docket_allocation_next_start_timestamp_seconds").await;
    let mut next: Vec<_> = next.iter().map(|line| line.split_once('{').unwrap().1).collect();
    next.sort_unstable();
    let expected = ["first", "second"].map(|name| format!("allocation=\"{name}\"}} {noon}"));
    assert_eq!(next, expected);
}

#[tokio::test(start_paused = true)]
async fn the_older_format_is_for_clients_that_accept_no_other() {
    let api = api(Access::default());
    for (accept, content_type, end) in [
        ("*/*", "application/openmetrics-text; version=1.0.0", true),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
            "application/openmetrics",
            true,
        ),
        ("text/plain", "text/plain; version=0.0.4", false),
    ] {
        let asking = Asking::of(&api).with("accept", accept);
        let answer = asking.answer(Method::GET, "/-/metrics", "").await;
        let given = answer.headers().get(header::CONTENT_TYPE).unwrap().to_str().unwrap();
        assert!(given.starts_with(content_type), "{accept}: {given}");
        let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap();
        assert_eq!(body.ends_with(b"# EOF\n"), end, "{accept}");
    }
}
