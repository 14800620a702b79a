//! Allocations, errors and access.

use actix_web::http::Method;
use insta::assert_snapshot;

use super::*;
use crate::file_source::FileStatus;

#[tokio::test(start_paused = true)]
async fn a_name_is_created_then_updated_then_deleted_as_in_the_original() {
    let api = api(Access::default());

    let empty = get(&api, "/").await;
    let created = post(&api, FOO).await;
    let updated = post(&api, FOO).await;
    let deleted = Asking::of(&api).send(Method::DELETE, "/foo", "").await;

    assert_snapshot!(empty, @r#"
    200 OK
    content-type: application/json; charset=UTF-8

    []
    "#);
    assert_snapshot!(created, @r#"
    200 OK
    content-type: application/json; charset=UTF-8

    {"created":true}
    "#);
    assert!(updated.ends_with(r#"{"created":false}"#), "{updated}");
    assert!(deleted.ends_with(r#"{"deleted":true}"#), "{deleted}");
}

#[tokio::test(start_paused = true)]
async fn an_allocation_is_shown_as_it_was_posted_in_canonical_case_with_its_status() {
    let api = api(Access::default());
    post(&api, FOO).await;

    let shown = get(&api, "/foo").await;
    let with_slash = get(&api, "/foo/").await;
    let listed = get(&api, "/").await;

    assert_snapshot!(shown, @r#"
    200 OK
    content-type: application/json; charset=UTF-8

    {"Name":"foo","Cron":"0 9 * * 1-5","Container":{"Config":{"Image":"busybox","Cmd":["echo","hi"],"Labels":{"Team":"a"}},"HostConfig":{"NanoCpus":500000000}},"Logs":[],"Status":{"Next":"2026-11-23T08:00:00Z","Schedule":"at 09:00 on weekdays","TimeZone":"Europe/Berlin","Running":0,"LastRun":null,"Revision":1,"Origin":"api","Created":"2026-11-21T09:00:00Z"}}
    "#);
    assert_eq!(with_slash, shown);
    let body = shown.split_once("\n\n").unwrap().1;
    assert!(listed.ends_with(&format!("\n[{body}]")), "{listed}");
}

#[tokio::test(start_paused = true)]
async fn an_allocation_that_never_ran_does_not_say_never_again() {
    let api = api(Access::default());
    let past = r#"{"Name":"past","Cron":"0 9 1 1 * 2020","Container":{"Config":{"Image":"x"}}}"#;
    post(&api, past).await;

    let shown = get(&api, "/past").await;

    assert!(
        shown.contains("never runs: all its instants are in the past") && !shown.contains("again"),
        "{shown}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_printed_can_be_posted_back() {
    let api = api(Access::default());
    post(&api, FOO).await;
    let shown = get(&api, "/foo").await;

    let again = post(&api, &format!("[{}]", shown.split_once("\n\n").unwrap().1)).await;

    assert!(again.ends_with(r#"{"created":0,"updated":0,"unchanged":1}"#), "{again}");
}

#[tokio::test(start_paused = true)]
async fn all_errors_are_reported_together_under_their_paths() {
    let api = api(Access::default());

    let nothing = post(&api, "{}").await;
    let wrong = post(&api, r#"{"Name":"a b","Cron":"0 25 * * *","Container":{"Config":{}}}"#).await;

    assert_snapshot!(nothing, @r#"
    422 Unprocessable Entity
    content-type: application/json; charset=UTF-8

    {"overall":{},"fields":{"Name":"Required","Cron":"Required","Container.Config":"Config is required"}}
    "#);
    assert_snapshot!(wrong, @r#"
    422 Unprocessable Entity
    content-type: application/json; charset=UTF-8

    {"overall":{},"fields":{"Name":"` ` at position 2 is not allowed in a name: use letters, digits, `_`, `.` and `-`","Cron":"hour: 25 is out of range (0-23)","Container.Config.Image":"Image is required"}}
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_sender_who_accepts_problems_gets_the_place_of_each_error() {
    let api = api(Access::default());
    let asking = Asking::of(&api)
        .with("content-type", "application/json")
        .with("accept", "application/problem+json");

    let wrong = r#"{"Name":"a","Cron":"0 25 * * *","Container":{"Config":{"Image":"x"}}}"#;

    assert_snapshot!(asking.send(Method::POST, "/", wrong).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json

    {"status":422,"title":"Unprocessable Entity","detail":"Cron: hour: 25 is out of range (0-23)","errors":[{"field":"Cron","message":"hour: 25 is out of range (0-23)","schedule":[{"field":"Cron","part":"hour","text":"25","offset":2,"length":2,"message":"25 is out of range (0-23)"}]}]}
    "#);
}

#[tokio::test(start_paused = true)]
async fn an_array_is_taken_as_a_whole_or_not_at_all() {
    let api = api(Access::default());
    let one = |name: &str| {
        format!(r#"{{"Name":"{name}","Cron":"","Container":{{"Config":{{"Image":"x"}}}}}}"#)
    };

    let (a, b) = (one("a"), one("b"));
    let refused = post(&api, &format!("[{a},{b},{a},{{}}]")).await;
    let nothing_yet = get(&api, "/").await;
    let taken = post_to(&api, "/?results=true", &format!("[{a},{b}]")).await;

    assert_snapshot!(refused, @r#"
    422 Unprocessable Entity
    content-type: application/json; charset=UTF-8

    {"overall":{},"fields":{"[2].Name":"duplicate name `a`, which [0] has as well","[3].Name":"Required","[3].Cron":"Required","[3].Container.Config":"Config is required"}}
    "#);
    assert!(nothing_yet.ends_with("[]"));
    assert_snapshot!(taken, @r#"
    200 OK
    content-type: application/json; charset=UTF-8

    {"created":2,"updated":0,"unchanged":0,"results":[{"Name":"a","Result":"created"},{"Name":"b","Result":"created"}]}
    "#);
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_body_that_is_not_json_has_its_place() {
    let api = api(Access::default());

    assert_snapshot!(post(&api, "{\n\"Name\": }").await, @r#"
    400 Bad Request
    content-type: application/json; charset=UTF-8

    {"overall":{"DeserializationError":"expected value at line 2 column 9"},"fields":{}}
    "#);
    assert_snapshot!(post(&api, r#"{"Name":"a","Name":"b"}"#).await, @r#"
    400 Bad Request
    content-type: application/json; charset=UTF-8

    {"overall":{"DeserializationError":"duplicate key `Name` at line 1 column 18"},"fields":{}}
    "#);
    assert_snapshot!(post(&api, "{} x").await, @r#"
    400 Bad Request
    content-type: application/json; charset=UTF-8

    {"overall":{"DeserializationError":"trailing characters at line 1 column 4"},"fields":{}}
    "#);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_named_with_the_nearest_that_is() {
    let api = api(Access::default());
    post(&api, FOO).await;

    assert_snapshot!(get(&api, "/fo").await, @r#"
    404 Not Found
    content-type: application/problem+json

    {"status":404,"title":"Not Found","detail":"no allocation is named `fo`: did you mean `foo`?"}
    "#);
    assert_snapshot!(Asking::of(&api).send(Method::DELETE, "/nothing", "").await, @r#"
    404 Not Found
    content-type: application/problem+json

    {"status":404,"title":"Not Found","detail":"no allocation is named `nothing`"}
    "#);
    assert_snapshot!(get(&api, "/foo/runs/20261121T090000Z").await, @r#"
    404 Not Found
    content-type: application/problem+json

    {"status":404,"title":"Not Found","detail":"there is no record of the run `foo/20261121T090000Z`"}
    "#);
    assert_snapshot!(get(&api, "/foo/runs/yesterday").await, @r#"
    400 Bad Request
    content-type: application/problem+json

    {"status":400,"title":"Bad Request","detail":"`yesterday` is no run: runs are named by their instant in UTC, such as 20261121T090000Z"}
    "#);
    assert_snapshot!(get(&api, "/-/nowhere").await, @r#"
    404 Not Found
    content-type: application/problem+json

    {"status":404,"title":"Not Found","detail":"there is nothing at `/-/nowhere`"}
    "#);
    assert_snapshot!(get(&api, "/?limit=many").await, @r#"
    400 Bad Request
    content-type: application/problem+json

    {"status":400,"title":"Bad Request","detail":"limit: `many` is not a number from 1 to 10000"}
    "#);
}

#[tokio::test(start_paused = true)]
async fn what_a_route_does_not_do_is_refused_with_what_it_does() {
    let api = api(Access::default());

    assert_snapshot!(Asking::of(&api).send(Method::PUT, "/foo", "").await, @r#"
    405 Method Not Allowed
    content-type: application/problem+json
    allow: GET, HEAD, DELETE

    {"status":405,"title":"Method Not Allowed","detail":"use one of GET, HEAD, DELETE here"}
    "#);
    assert_snapshot!(Asking::of(&api).send(Method::DELETE, "/", "").await, @r#"
    405 Method Not Allowed
    content-type: application/problem+json
    allow: GET, HEAD, POST

    {"status":405,"title":"Method Not Allowed","detail":"use one of GET, HEAD, POST here"}
    "#);
    assert_snapshot!(Asking::of(&api).send(Method::POST, "/", FOO).await, @r#"
    415 Unsupported Media Type
    content-type: application/problem+json

    {"status":415,"title":"Unsupported Media Type","detail":"send the header `Content-Type: application/json`"}
    "#);
    assert_snapshot!(post(&api, &" ".repeat(1001)).await, @r#"
    413 Payload Too Large
    content-type: application/problem+json

    {"status":413,"title":"Payload Too Large","detail":"the body is larger than 1000B, the limit of this server: start it with a larger `--max-body` (`DOCKET_MAX_BODY`)"}
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_long_list_is_paged_by_links() {
    let api = api(Access::default());
    for name in ["a", "b", "c"] {
        let body = format!(
            r#"{{"Name":"{name}","Cron":"","Labels":{{"n":"{name}"}},"Container":{{"Config":{{"Image":"x"}}}}}}"#
        );
        post(&api, &body).await;
    }
    let names = |answer: &str| {
        let body = answer.split_once("\n\n").unwrap().1;
        let listed: Vec<serde_json::Value> = serde_json::from_str(body).unwrap();
        listed.iter().map(|item| item["Name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };

    let first = get(&api, "/?limit=2").await;
    let link = first.lines().find_map(|line| line.strip_prefix("link: <")).unwrap();
    let rest = get(&api, link.split_once('>').unwrap().0).await;
    let labelled = get(&api, "/?label=n=b").await;
    let labelled_page = get(&api, "/?limit=1&label=n").await;

    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(names(&rest), ["c"]);
    assert!(!rest.contains("link:"));
    assert_eq!(names(&labelled), ["b"]);
    assert!(labelled_page.contains("</?limit=1&cursor=1&label=n>"), "{labelled_page}");
}

#[tokio::test(start_paused = true)]
async fn a_guarded_server_answers_those_who_have_the_token() {
    let token = Some(Token::parse("0123456789abcdef").unwrap());
    let api = api(Access { token, ..Access::default() });

    let without = get(&api, "/").await;
    let wrong = Asking::of(&api).with("authorization", "Bearer 0123456789abcdeF");
    let right = Asking::of(&api).with("authorization", "bearer 0123456789abcdef");

    assert_snapshot!(without, @r#"
    401 Unauthorized
    content-type: application/problem+json
    www-authenticate: Bearer realm="docket"

    {"status":401,"title":"Unauthorized","detail":"send the server's token as `Authorization: Bearer TOKEN`"}
    "#);
    let wrong = wrong.send(Method::GET, "/", "").await;
    assert_eq!(
        wrong,
        without.replace(
            "send the server's token as `Authorization: Bearer TOKEN`",
            "this is not the server's token",
        )
    );
    assert!(right.send(Method::GET, "/", "").await.starts_with("200"));
    assert!(get(&api, "/-/health").await.starts_with("200"));
}

#[tokio::test(start_paused = true)]
async fn a_page_of_another_origin_or_name_is_refused() {
    let open = api(Access::default());
    let public_url = Some("https://docket.example.org".to_owned());
    let behind_proxy = api(Access { public_url, ..Access::default() });
    let from = |api, origin| Asking::of(api).with("origin", origin).send(Method::GET, "/", "");
    let to = |api, host| Asking::of(api).with("host", host).send(Method::GET, "/", "");

    assert_snapshot!(from(&open, "https://evil.example").await, @r#"
    403 Forbidden
    content-type: application/problem+json

    {"status":403,"title":"Forbidden","detail":"a page of https://evil.example may not use this server: if a proxy serves docket there, start the server with `--public-url https://evil.example`"}
    "#);
    assert_snapshot!(to(&open, "evil.example:3000").await, @r#"
    403 Forbidden
    content-type: application/problem+json

    {"status":403,"title":"Forbidden","detail":"this server does not have the name `evil.example`: use its address or localhost, or start it with `--public-url http://evil.example:3000`"}
    "#);
    for (api, origin) in
        [(&open, "http://localhost:3000"), (&behind_proxy, "https://docket.example.org")]
    {
        assert!(from(api, origin).await.starts_with("200"), "{origin}");
    }
    for (api, host) in [
        (&open, "127.0.0.1:3000"),
        (&open, "[::1]:3000"),
        (&open, "LOCALHOST"),
        (&behind_proxy, "docket.example.org"),
    ] {
        assert!(to(api, host).await.starts_with("200"), "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn readiness_tells_why_not() {
    let status = FileStatus::default();
    status.set(Some("docket.yml is not in force: it is empty".to_owned()));
    let api = api(Access::default());
    let running = &api.status;
    let status = ServerStatus {
        started: running.started,
        background: running.background.clone(),
        ticks: running.ticks.clone(),
        file: Some(status),
    };
    let api = Api { status: Data::new(status), ..api };

    assert_snapshot!(get(&api, "/-/ready").await, @r#"
    503 Service Unavailable
    content-type: application/problem+json

    {"status":503,"title":"Service Unavailable","detail":"the engine has not answered since the server started; docket.yml is not in force: it is empty"}
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_list_without_logs_is_asked_for_page_by_page() {
    let api = api(Access::default());
    post(&api, FOO).await;
    post(&api, &FOO.replace("foo", "other")).await;

    let page = get(&api, "/?logs=false&limit=1").await;
    let whole = get(&api, "/?logs=false").await;

    assert!(page.contains(r#"link: </?limit=1&cursor=1&logs=false>; rel="next""#), "{page}");
    assert!(!page.contains("Logs") && !whole.contains("Logs"), "{whole}");
    assert_eq!(whole.matches(r#""Name":"#).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_the_engine_cannot_do_is_refused_by_its_field_and_nothing_is_stored() {
    let api = api(Access::default());
    let foo = r#"{"Name":"foo","Cron":"","Container":{"Config":{"Image":"x"}}}"#;
    let bar = r#"{"Name":"bar","Cron":"","Container":{"Config":{"Image":"x"},"HostConfig":{"Privileged":true}}}"#;
    let both = format!("[{foo},{bar}]");

    let pushed = Asking::of(&api).with("content-type", "application/json");
    let pushed = pushed.with("accept", "application/problem+json");
    let pushed = pushed.send(Method::POST, "/", &both).await;
    let checked = Asking::of(&api).with("content-type", "application/json");
    let checked = checked.send(Method::POST, "/-/check", &both).await;

    assert_snapshot!(pushed, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json

    {"status":422,"title":"Unprocessable Entity","detail":"[1].Container.HostConfig.Privileged: this engine has no privileges","errors":[{"field":"[1].Container.HostConfig.Privileged","message":"this engine has no privileges"}]}
    "#);
    let finding = r#""Field":"Container.HostConfig.Privileged","Message":"this engine has no privileges","Fatal":true"#;
    assert!(checked.contains(finding), "{checked}");
    assert!(get(&api, "/").await.ends_with("[]"), "nothing is stored");
}

#[tokio::test(start_paused = true)]
async fn all_that_the_server_cannot_do_is_refused_at_once() {
    let api = api(Access::default());
    let both = r#"[{"Name":"foo","Cron":"","EnvFiles":["a"],"Container":{"Config":{"Image":"x"}}},
        {"Name":"bar","Cron":"","Container":{"Config":{"Image":"x"},"HostConfig":{"Privileged":true}}}]"#;

    let pushed = Asking::of(&api).with("content-type", "application/json");
    let pushed = pushed.with("accept", "application/problem+json");
    let pushed = pushed.send(Method::POST, "/", &both).await;

    assert!(
        pushed.contains(r#"{"field":"[0].EnvFiles","message":"the server has no folder"#),
        "{pushed}"
    );
    assert!(pushed.contains(r#"{"field":"[1].Container.HostConfig.Privileged""#), "{pushed}");
}

#[tokio::test(start_paused = true)]
async fn the_former_route_of_the_check_on_an_engine_responds_like_the_present_one() {
    let api = api(Access::default());
    meet_engine(&api).await;
    let privileged = r#"{"Name":"bar","Cron":"","Container":{"Config":{"Image":"x"},"HostConfig":{"Privileged":true}}}"#;

    let present = post_to(&api, "/-/check?engine=", privileged).await;
    let former = post_to(&api, "/-/rehearsal", privileged).await;
    let read = get(&api, "/-/rehearsal").await;

    assert!(
        former.starts_with("200 OK") && former.contains("this engine has no privileges"),
        "{former}"
    );
    assert_eq!(former, present);
    assert!(read.starts_with("405 Method Not Allowed") && read.contains("allow: POST"), "{read}");
}
