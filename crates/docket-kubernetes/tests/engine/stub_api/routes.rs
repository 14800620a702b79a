//! The requests that the stub answers.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Method, Request, Response,
    body::{Frame, Incoming},
};
use serde_json::{Value, json};

use super::{
    StubApi,
    late_requests::Late,
    nodes,
    objects::{Objects, Refused, Requests, StubLog},
};

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Answers a request, or breaks it off where it is held.
pub(super) async fn answer(
    stub: StubApi,
    request: Request<Incoming>,
) -> Result<Answer, &'static str> {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let query: Vec<(String, String)> =
        serde_urlencoded::from_str(uri.query().unwrap_or_default()).unwrap();
    let is = |key: &str, value: &str| query.iter().any(|(k, v)| k == key && v == value);
    let is_authenticated = is_authenticated(&stub, &request);
    let content = request.headers().get("content-type").cloned();
    let is_json_patch = content.is_some_and(|content| content == "application/json-patch+json");
    let body = request.into_body().collect().await.map_err(|_| "broken off")?.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let rest = uri.path().strip_prefix("/api/v1/namespaces/default").unwrap_or(uri.path());
    let words: Vec<_> = rest.split('/').skip(1).collect();
    let unauthorized = || result(Err((401, "Unauthorized", "Unauthorized".to_owned())));
    Ok(match (&method, words.as_slice()) {
        _ if !is_authenticated => unauthorized(),
        (_, ["version"]) => {
            let minor = if stub.objects.lock().drops_gates { 20 } else { 33 };
            let version = format!("v1.{minor}.0");
            json_answer(
                200,
                &json!({"gitVersion": version, "major": "1", "minor": minor.to_string()}),
            )
        }
        (_, []) => json_answer(200, &json!({"metadata": {"name": "default", "uid": "stub"}})),
        (_, ["api", "v1", "nodes"]) => result(nodes::list(stub.objects.lock().node)),
        (_, ["api", "v1", "nodes", name]) => result(nodes::node(stub.objects.lock().node, name)),
        (_, ["events"]) => {
            let uid = value(&query, "fieldSelector").trim_start_matches("involvedObject.uid=");
            let objects = stub.objects.lock();
            json_answer(200, &json!({"items": objects.said_about(uid).collect::<Vec<_>>()}))
        }
        (_, ["pods", ..]) if stub.objects.lock().refuses == Some(Requests::All) => unauthorized(),
        (&Method::POST, ["pods"]) => {
            let is_trial = is("dryRun", "All");
            let late = || Late::Create(body.clone());
            if !is_trial && stub.objects.lock().holds(Requests::Creates, late) {
                return Err("held");
            }
            answered(201, stub.change(|objects| objects.create(body, is_trial)))
        }
        (&Method::GET, ["pods", ..]) if stub.objects.lock().refuses == Some(Requests::Reads) => {
            result(Err((403, "Forbidden", "pods is forbidden".to_owned())))
        }
        (&Method::GET, ["pods"]) if is("watch", "true") => watch(&stub, &query),
        (&Method::GET, ["pods"]) => list(&stub, &query),
        (&Method::GET, ["pods", name]) => result(stub.objects.lock().pod(name).cloned()),
        (&Method::PATCH, ["pods", name]) if is_json_patch => {
            let late = || Late::Patch((*name).to_owned(), body.clone());
            if stub.objects.lock().holds(Requests::Starts, late) {
                return Err("held");
            }
            result(stub.change(|objects| objects.patch(name, &body)))
        }
        (&Method::PATCH, ["pods", name]) => {
            result(stub.change(|objects| objects.merge(name, &body)))
        }
        (&Method::DELETE, ["pods", name]) => {
            result(stub.change(|objects| objects.delete(name, &body)))
        }
        (&Method::GET, ["pods", name, "log"]) => log(&stub, name, &query),
        _ => json_answer(404, &json!({"reason": "NotFound", "message": uri.path()})),
    })
}

/// Whether a request has the token that it must have.
fn is_authenticated(stub: &StubApi, request: &Request<Incoming>) -> bool {
    let token = stub.objects.lock().token.clone();
    let given = request.headers().get("authorization");
    token.is_none_or(|token| given.is_some_and(|given| *given == format!("Bearer {token}")))
}

fn result(result: Result<Value, Refused>) -> Answer {
    answered(200, result)
}

fn answered(status: u16, result: Result<Value, Refused>) -> Answer {
    match result {
        Ok(object) => json_answer(status, &object),
        Err((status, reason, message)) => {
            json_answer(status, &json!({"reason": reason, "message": message}))
        }
    }
}

fn json_answer(status: u16, body: &Value) -> Answer {
    let body = Full::new(body.to_string().into()).boxed_unsync();
    Response::builder().status(status).body(body).unwrap()
}

fn value<'a>(query: &'a [(String, String)], key: &str) -> &'a str {
    query.iter().find(|(k, _)| k == key).map_or("", |(_, value)| value.as_str())
}

/// The pods with the labels of a selector of `key=value`, `key!=value` and `key`.
fn list(stub: &StubApi, query: &[(String, String)]) -> Answer {
    let fits = |pod: &&Value| {
        value(query, "labelSelector").split(',').all(|term| {
            let label = |key: &str| pod["metadata"]["labels"][key].as_str();
            match (term.split_once("!="), term.split_once('=')) {
                (Some((key, value)), _) => label(key) != Some(value),
                (_, Some((key, value))) => label(key) == Some(value),
                _ => label(term).is_some(),
            }
        })
    };
    let objects = stub.objects.lock();
    let items: Vec<_> = objects.pods().filter(fits).collect();
    json_answer(200, &json!({"items": items}))
}

/// The events about one pod behind a version.
fn watch(stub: &StubApi, query: &[(String, String)]) -> Answer {
    let name = value(query, "fieldSelector").trim_start_matches("metadata.name=").to_owned();
    let from: u64 = value(query, "resourceVersion").parse().unwrap();
    if Objects::has_expired(from) {
        let status =
            json!({"code": 410, "reason": "Expired", "message": "too old resource version"});
        let line = format!("{}\n", json!({"type": "ERROR", "object": status}));
        return Response::new(Full::new(line.into()).boxed_unsync());
    }
    stub.change(|objects| objects.watches += 1);
    let events = stream::unfold((stub.clone(), name, from), |(stub, name, from)| async move {
        let next = stub.until(|objects| {
            let mut events = objects.events.iter();
            events.find(|(version, of, _)| *version > from && *of == name).cloned()
        });
        let (version, _, event) = next.await;
        let frame = Ok(Frame::data(Bytes::from(format!("{event}\n"))));
        Some((frame, (stub, name, version)))
    });
    Response::new(BodyExt::boxed_unsync(StreamBody::new(events.boxed())))
}

/// What a container has written; followed until it has ended.
fn log(stub: &StubApi, name: &str, query: &[(String, String)]) -> Answer {
    let follow = value(query, "follow") == "true";
    let (pod, failure) = {
        let objects = stub.objects.lock();
        (objects.pod(name).cloned(), objects.log_failure)
    };
    if let Some(status) = failure {
        return result(Err((status, "", "nodes \"node-1\" not found".to_owned())));
    }
    let pod = match pod {
        Ok(pod) if is_started(&pod) => pod,
        // No node has it, so there is nothing to read.
        Ok(pod) if pod["spec"]["nodeName"].is_null() => {
            return Response::builder()
                .status(204)
                .body(Full::new(Bytes::new()).boxed_unsync())
                .unwrap();
        }
        Ok(_) => return result(Err((400, "BadRequest", "is waiting to start".to_owned()))),
        Err(refused) => return result(Err(refused)),
    };
    let (uid, name) = (pod["metadata"]["uid"].as_str().unwrap().to_owned(), name.to_owned());
    if value(query, "timestamps") == "true" {
        return stamped_lines(stub, &uid, query);
    }
    let number = stub.objects.lock().logs.get(&uid).map_or(0, |log| log.number);
    let start = (stub.clone(), name, uid, (number, 0));
    let pieces =
        stream::unfold(start, move |(stub, name, uid, (mut number, mut from))| async move {
            let next = stub.until(|objects| {
                let log = objects.logs.get(&uid);
                if let Some(log) = log.filter(|log| log.number != number) {
                    if !log.is_followed_on {
                        return Some(None);
                    }
                    (number, from) = (log.number, 0);
                }
                let log = log.map(|log| log.bytes.as_slice()).unwrap_or_default();
                let is_over = |pod: &Value| {
                    matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
                };
                if log.len() > from {
                    Some(Some(log[from..].to_vec()))
                } else if !follow || objects.pod(&name).map_or(true, is_over) {
                    Some(None)
                } else {
                    None
                }
            });
            let piece = next.await?;
            from += piece.len();
            Some((Ok(Frame::data(Bytes::from(piece))), (stub, name, uid, (number, from))))
        });
    Response::new(BodyExt::boxed_unsync(StreamBody::new(pieces.boxed())))
}

/// Whether the container of a pod has run, or is running.
fn is_started(pod: &Value) -> bool {
    let container = &pod["status"]["containerStatuses"][0];
    container.is_object() && container["state"]["waiting"].is_null()
}

/// The lines of a log with their stamps, as many or as much of them as a request asks for.
fn stamped_lines(stub: &StubApi, uid: &str, query: &[(String, String)]) -> Answer {
    let lines = stub.change(|objects| {
        objects.stamped_reads += 1;
        objects.logs.get(uid).map(StubLog::stamped).unwrap_or_default()
    });
    let number = |key: &str| value(query, key).parse().unwrap_or(usize::MAX);
    let skipped = lines.len().saturating_sub(number("tailLines"));
    let mut lines = lines[skipped..].concat();
    lines.truncate(number("limitBytes"));
    Response::new(Full::new(lines.into()).boxed_unsync())
}
