//! The document describes what is answered, and all of it.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::Method;
use docket_model::allocation::KEYS;
use serde_json::Value;

use super::{Asking, FOO, api, get};
use crate::config::{Access, Token};

async fn document() -> Value {
    let response = get(&api(Access::default()), "/-/openapi.json").await;
    let (head, body) = response.split_once("\n\n").unwrap();
    assert!(head.starts_with("200 OK"), "{head}");
    serde_json::from_str(body).unwrap()
}

/// The methods of each path.
fn described(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let paths = document["paths"].as_object().unwrap().iter();
    let methods =
        |item: &Value| item.as_object().unwrap().keys().map(|it| it.to_uppercase()).collect();
    paths.map(|(path, item)| (path.clone(), methods(item))).collect()
}

#[tokio::test]
async fn each_route_is_described_and_nothing_else() {
    let source = include_str!("../routes.rs");
    let routes = source.split("fn routes(").nth(1).unwrap().split("\n}\n").next().unwrap();
    let routes: BTreeSet<_> = routes.split('"').filter(|text| text.starts_with('/')).collect();

    let described = described(&document().await);

    assert_eq!(described.keys().map(String::as_str).collect::<BTreeSet<_>>(), routes);
}

#[tokio::test]
async fn what_is_described_is_answered_and_other_methods_are_not() {
    let api = api(Access::default());
    for (path, methods) in described(&document().await) {
        for method in ["GET", "POST", "DELETE", "PUT", "PATCH", "TRACE"] {
            let path = path.replace("{file}", "main.js");
            let asked = Method::from_bytes(method.as_bytes()).unwrap();
            let response = Asking::of(&api).header(asked, &path, "", "allow").await;
            if methods.contains(method) {
                assert_ne!(response.0, 405, "{method} {path}");
            } else {
                let allowed = response.1.split(", ").filter(|it| *it != "HEAD").map(str::to_owned);
                assert_eq!(
                    (response.0, allowed.collect()),
                    (405, methods.clone()),
                    "{method} {path}"
                );
            }
        }
    }
}

/// Every schema with its examples: those of bodies, and those within schemas.
fn examples(document: &Value) -> Vec<(Value, Value)> {
    fn walk(at: &Value, found: &mut Vec<(Value, Value)>) {
        match at {
            Value::Object(map) => {
                let schema = map.get("schema").unwrap_or(at);
                let named = map.get("examples").and_then(Value::as_object).into_iter().flatten();
                let listed = map.get("examples").and_then(Value::as_array).into_iter().flatten();
                let one = map.get("example").into_iter();
                let named = named.filter_map(|(_, example)| example.get("value"));
                found.extend(named.chain(listed).chain(one).map(|it| (schema.clone(), it.clone())));
                map.values().for_each(|inner| walk(inner, found));
            }
            Value::Array(list) => list.iter().for_each(|inner| walk(inner, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(document, &mut found);
    found
}

#[tokio::test]
async fn every_example_is_what_its_schema_says() {
    let document = document().await;
    let examples = examples(&document);
    assert!(examples.len() > 100, "{} examples", examples.len());
    for (schema, example) in examples {
        let mut schema = schema;
        schema["components"] = document["components"].clone();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let errors: Vec<_> = validator.iter_errors(&example).map(|it| it.to_string()).collect();
        assert!(errors.is_empty(), "{example}: {errors:?}");
    }
}

#[tokio::test]
async fn every_body_has_an_example() {
    let document = document().await;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let asked = operation.get("requestBody").into_iter();
            let answers = operation["responses"].as_object().unwrap().values().chain(asked);
            let contents =
                answers.filter_map(|answer| answer.get("content")?.as_object()).flatten();
            for (kind, content) in contents.filter(|(kind, _)| kind.contains("json")) {
                let is_shown = content.get("example").or(content.get("examples")).is_some();
                let is_schema = ["/-/openapi.json", "/-/schema"].contains(&path.as_str());
                assert!(is_shown || is_schema, "{method} {path}: {kind} {content}");
            }
        }
    }
}

#[tokio::test]
async fn what_asks_for_the_token_says_so_and_the_rest_does_not() {
    let token = Token::parse("correct-horse-battery-staple").unwrap();
    let api = api(Access { token: Some(token), ..Access::default() });
    let document = document().await;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let asked = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let path = path.replace("{file}", "main.js");
            let response = Asking::of(&api).header(asked, &path, "", "www-authenticate").await;
            let is_open = operation.get("security").is_some();
            let expected = if is_open { "" } else { "Bearer realm=\"docket\"" };
            assert_eq!(response.1, expected, "{method} {path}");
            assert_eq!(response.0 == 401, !is_open, "{method} {path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_answered_is_what_the_document_says() {
    let (api, document) = (api(Access::default()), document().await);
    let changed = FOO.replace("0 9 * * 1-5", "0 10 * * 1-5");
    let several = format!("[{FOO}]");
    let asked = [
        ("POST", "/", "/", FOO),
        ("POST", "/", "/", &changed),
        ("POST", "/?results=true", "/", &several),
        ("POST", "/", "/", "{}"),
        ("POST", "/", "/", "{"),
        ("POST", "/foo/runs", "/{name}/runs", "{}"),
        ("POST", "/foo/suspend", "/{name}/suspend", r#"{"Reason":"why not"}"#),
        ("GET", "/", "/", ""),
        ("GET", "/foo", "/{name}", ""),
        ("GET", "/fo", "/{name}", ""),
        ("GET", "/-/runs", "/-/runs", ""),
        ("GET", "/-/runs?since=x", "/-/runs", ""),
        ("GET", "/foo/runs", "/{name}/runs", ""),
        ("GET", "/foo/why", "/{name}/why", ""),
        ("GET", "/foo/instants", "/{name}/instants", ""),
        ("GET", "/-/journal", "/-/journal", ""),
        ("GET", "/-/forecast?minutes=0", "/-/forecast", ""),
        ("POST", "/-/pause", "/-/pause", r#"{"Reason":"why not"}"#),
        ("GET", "/-/health", "/-/health", ""),
        ("POST", "/-/unpause", "/-/unpause", ""),
        ("GET", "/-/ready", "/-/ready", ""),
        ("DELETE", "/foo", "/{name}", ""),
    ];
    for (method, path, template, body) in asked {
        let asked = Method::from_bytes(method.as_bytes()).unwrap();
        let response = Asking::of(&api).with("content-type", "application/json");
        let response = response.send(asked, path, body).await;
        let (head, answer) = response.split_once("\n\n").unwrap();
        let kind = head.split("content-type: ").nth(1).unwrap();
        let kind = kind.split([';', '\n']).next().unwrap();
        let operation = &document["paths"][template][method.to_lowercase()];
        let mut schema = operation["responses"][&head[..3]]["content"][kind]["schema"].clone();
        assert!(schema.is_object(), "{method} {path}: {response}");
        schema["components"] = document["components"].clone();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let answer = serde_json::from_str(answer).unwrap();
        let errors: Vec<_> = validator.iter_errors(&answer).map(|it| it.to_string()).collect();
        assert!(errors.is_empty(), "{method} {path}: {response}: {errors:?}");
    }
}

#[tokio::test]
async fn the_schema_for_editors_and_the_description_have_each_key() {
    let schema = get(&api(Access::default()), "/-/schema").await;
    let (head, body) = schema.split_once("\n\n").unwrap();
    assert!(head.contains("content-type: application/schema+json"), "{head}");
    let schema: Value = serde_json::from_str(body).unwrap();
    let document = document().await;
    let schemas = &document["components"]["schemas"];
    for key in KEYS.iter().copied() {
        for described in [
            &schema["definitions"]["Allocation"],
            &schemas["Specification"],
            &schemas["Allocation"],
        ] {
            assert!(described["properties"][key].is_object(), "{key}");
        }
    }
}
