//! Responses in YAML.

use actix_web::http::Method;
use docket_model::document;
use insta::assert_snapshot;
use serde_json::json;

use super::*;

async fn get_yaml(api: &Api, path: &str) -> String {
    Asking::of(api).with("accept", "application/yaml").send(Method::GET, path, "").await
}

/// A server that accepts bodies of up to 1 MiB.
fn large_api() -> Api {
    let specifications = SpecificationSettings {
        max_body: 1 << 20,
        unknown_options: UnknownOptions::Refuse,
        has_env_dir: false,
        notify: Arc::default(),
    };
    Api { specifications: Data::new(specifications), ..api(Access::default()) }
}

/// The specifications of a response, as JSON.
fn read(response: &str) -> Vec<serde_json::Value> {
    let body = response.split_once("\n\n").unwrap().1;
    let document = document::read(body, UnknownOptions::Refuse).unwrap();
    let each = document.specifications.into_iter();
    each.map(|read| serde_json::to_value(read.specification).unwrap()).collect()
}

/// A specification whose texts need quotes or several lines.
fn awkward(name: &str) -> serde_json::Value {
    json!({
        "Name": name, "Description": "yes", "Labels": {"empty": "", "lines": "two\nlines\n\n", "on": "0123"},
        "Cron": "*/5 * * * *",
        "Container": {"Config": {"Image": "busybox", "Cmd": ["sh", "-c", "a: b # no\n- 'x'", "\u{2028}", "~"]}},
    })
}

#[tokio::test(start_paused = true)]
async fn an_allocation_is_written_as_yaml_for_those_who_prefer_it() {
    let api = api(Access::default());
    post(&api, FOO).await;

    assert_snapshot!(get_yaml(&api, "/foo").await, @r#"
    200 OK
    content-type: application/yaml

    Name: foo
    Cron: "0 9 * * 1-5"
    Container:
      Config:
        Image: busybox
        Cmd: [echo, hi]
        Labels:
          Team: a
      HostConfig:
        NanoCpus: 500000000
    Logs: []
    Status:
      Next: "2026-11-23T08:00:00Z"
      Schedule: "at 09:00 on weekdays"
      TimeZone: Europe/Berlin
      Running: 0
      LastRun: null
      Revision: 1
      Origin: api
      Created: "2026-11-21T09:00:00Z"
    "#);
    assert_snapshot!(get_yaml(&api, "/?limit=1&logs=false").await, @r#"
    200 OK
    content-type: application/yaml

    - Name: foo
      Cron: "0 9 * * 1-5"
      Container:
        Config:
          Image: busybox
          Cmd: [echo, hi]
          Labels:
            Team: a
        HostConfig:
          NanoCpus: 500000000
      Status:
        Next: "2026-11-23T08:00:00Z"
        Schedule: "at 09:00 on weekdays"
        TimeZone: Europe/Berlin
        Running: 0
        LastRun: null
        Revision: 1
        Origin: api
        Created: "2026-11-21T09:00:00Z"
    "#);
}

#[tokio::test(start_paused = true)]
async fn what_is_printed_as_yaml_can_be_pushed_back_unchanged() {
    let api = large_api();
    let names: Vec<_> = (0..200).map(|number| format!("a{number}")).collect();
    let specifications: Vec<_> = names.iter().map(|name| awkward(name)).collect();
    let created = post(&api, &json!(specifications).to_string()).await;
    assert!(created.starts_with("200"), "{created}");

    let one = read(&get_yaml(&api, "/a7").await);
    let all = read(&get_yaml(&api, "/").await);
    let pushed = post(&api, &json!(all).to_string()).await;

    assert_eq!(one, [awkward("a7")]);
    assert_eq!(all, specifications);
    assert!(pushed.contains(r#""created":0,"updated":0,"unchanged":200"#), "{pushed}");
}

#[tokio::test(start_paused = true)]
async fn an_allocation_larger_than_a_piece_is_written_whole() {
    let api = large_api();
    let mut large = awkward("large");
    large["Container"]["Config"]["Env"] = json!(["A=".to_owned() + &"x".repeat(200_000)]);
    let created = post(&api, &json!(large).to_string()).await;
    assert!(created.starts_with("200"), "{created}");

    let one = read(&get_yaml(&api, "/large").await);
    let all = read(&get_yaml(&api, "/").await);

    assert_eq!(one, [large.clone()]);
    assert_eq!(all, [large]);
}

#[tokio::test(start_paused = true)]
async fn no_allocations_are_an_empty_yaml_list() {
    let api = api(Access::default());

    let all = get_yaml(&api, "/").await;

    assert!(all.ends_with("\n\n[]\n"), "{all}");
}

#[tokio::test(start_paused = true)]
async fn neither_json_nor_yaml_is_not_acceptable() {
    let api = api(Access::default());
    post(&api, FOO).await;

    for path in ["/", "/foo"] {
        let asking = Asking::of(&api).with("accept", "application/xml");
        let response = asking.send(Method::GET, path, "").await;

        assert!(response.starts_with("406 Not Acceptable"), "{response}");
        assert!(response.contains("`application/yaml`"), "{response}");
    }
}

#[tokio::test(start_paused = true)]
async fn json_is_converted_to_yaml_unchecked() {
    let api = api(Access::default());

    let converted = post_to(&api, "/-/yaml", r#"{"Name":"a","Cron":"","Other":[1,"2"]}"#).await;
    let invalid = post_to(&api, "/-/yaml", "{").await;

    assert_snapshot!(converted, @r#"
    200 OK
    content-type: application/yaml

    Name: a
    Cron: ""
    Other: [1, "2"]
    "#);
    assert!(invalid.starts_with("400 Bad Request"), "{invalid}");
    assert!(invalid.contains("the body is not valid JSON"), "{invalid}");
}
