//! The four endpoints of the original, at `/` and `/{name}`.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Bytes, Data, Path, Query},
};
use docket_model::{
    FieldPath, Mistake, Origin,
    container::UnknownOptions,
    mistake::Step,
    wire::{Created, Deleted, Pushed, PushedName},
};
use futures_util::stream;
use serde::Deserialize;

use super::{
    Api,
    body::{self, Posted},
    by_hand,
    error::{ApiError, JSON, PROBLEM},
    number,
};
use crate::{
    runner::NO_FOLDER,
    store::{Effect, Push, Snapshot, StoreError},
};

/// How many allocations are taken from the store at once when all are listed.
const CHUNK: usize = 256;

/// The longest page, which is built in memory; without a limit all allocations are streamed.
const MOST_ON_A_PAGE: usize = 10_000;

/// Which allocations to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<String>,
    cursor: Option<String>,
    label: Option<String>,
}

/// How to take a push.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PushQuery {
    #[serde(default)]
    results: bool,
    #[serde(default)]
    allow_unknown_options: bool,
}

/// `GET /`: all allocations in the order of their creation, or a page of them.
///
/// A page that is not the last has a `Link` to the next.
pub(super) async fn list(
    api: Data<Api>,
    query: Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    let Query(ListQuery { limit, cursor, label }) = query;
    let cursor = cursor.map(|cursor| number("cursor", &cursor, 0..=u64::MAX)).transpose()?;
    let Some(limit) = limit else { return Ok(stream_all(api, cursor, label)) };
    let limit = number("limit", &limit, 1..=MOST_ON_A_PAGE)?;
    let mut page = Vec::new();
    let mut after = cursor;
    while page.len() <= limit {
        let chunk = api.store.list(after, CHUNK.max(limit + 1)).await?;
        let Some(last) = chunk.last() else { break };
        after = Some(last.standing.position);
        page.extend(chunk.into_iter().filter(|snapshot| has_label(snapshot, label.as_deref())));
    }
    let more = page.len() > limit;
    page.truncate(limit);
    let mut answer = HttpResponse::Ok();
    if let Some(last) = page.last().filter(|_| more) {
        let query = [("limit", limit.to_string()), ("cursor", last.standing.position.to_string())];
        let query = query.into_iter().chain(label.map(|label| ("label", label)));
        let query = serde_urlencoded::to_string(query.collect::<Vec<_>>())
            .map_err(|error| ApiError::Internal(error.to_string()))?;
        let link = format!("</?{query}>; rel=\"next\"");
        answer.insert_header((header::LINK, link));
    }
    let mut json = vec![b'['];
    append(&api, &page, &mut json)?;
    json.push(b']');
    Ok(answer.content_type(JSON).body(json))
}

/// Writes chunk after chunk, so that a long list is never in memory as a whole.
fn stream_all(api: Data<Api>, cursor: Option<u64>, label: Option<String>) -> HttpResponse {
    enum Next {
        After(Option<u64>, bool),
        End,
    }
    let chunks = stream::try_unfold(Next::After(cursor, true), move |next| {
        let (api, label) = (api.clone(), label.clone());
        async move {
            let Next::After(after, first) = next else { return Ok(None) };
            let mut json = if first { vec![b'['] } else { Vec::new() };
            let chunk = api.store.list(after, CHUNK).await?;
            let Some(last) = chunk.last().map(|last| last.standing.position) else {
                json.push(b']');
                return Ok(Some((Bytes::from(json), Next::End)));
            };
            let matching: Vec<_> =
                chunk.into_iter().filter(|item| has_label(item, label.as_deref())).collect();
            if !first && !matching.is_empty() {
                json.push(b',');
            }
            append(&api, &matching, &mut json)?;
            let nothing_yet = first && matching.is_empty();
            Ok::<_, ApiError>(Some((Bytes::from(json), Next::After(Some(last), nothing_yet))))
        }
    });
    HttpResponse::Ok().content_type(JSON).streaming(chunks)
}

fn append(api: &Api, snapshots: &[Snapshot], json: &mut Vec<u8>) -> Result<(), ApiError> {
    for (index, snapshot) in snapshots.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        api.view(snapshot).write_to(json).map_err(|error| ApiError::Internal(error.to_string()))?;
    }
    Ok(())
}

/// `label` is `KEY` or `KEY=VALUE`.
fn has_label(snapshot: &Snapshot, label: Option<&str>) -> bool {
    let labels = &snapshot.standing.allocation.specification.labels;
    match label.map(|label| label.split_once('=').unwrap_or((label, ""))) {
        None => true,
        Some((key, "")) => labels.contains_key(key),
        Some((key, value)) => labels.get(key).is_some_and(|held| held == value),
    }
}

/// `GET /{name}`: one allocation.
pub(super) async fn get(api: Data<Api>, name: Path<String>) -> Result<HttpResponse, ApiError> {
    let snapshot = api.snapshot(&name).await?;
    let mut json = Vec::with_capacity(1024);
    let written = api.view(&snapshot).write_to(&mut json);
    written.map_err(|error| ApiError::Internal(error.to_string()))?;
    Ok(HttpResponse::Ok().content_type(JSON).body(json))
}

/// `POST /`: creates or updates one allocation, or several together.
pub(super) async fn push(
    api: Data<Api>,
    request: HttpRequest,
    query: Query<PushQuery>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let options =
        if query.allow_unknown_options { UnknownOptions::Allow } else { api.unknown_options };
    let posted = body::read(&request, payload, api.max_body, options).await;
    let posted = posted.map_err(|error| match error {
        ApiError::Mistaken(mistakes) => refused(&request, mistakes),
        other => other,
    })?;
    check_env_files(&api, &request, &posted)?;
    let specifications: Vec<_> = posted.read.into_iter().map(|read| read.specification).collect();
    let names: Vec<_> = specifications.iter().map(|wanted| wanted.name.clone()).collect();
    let at = api.clock.now();
    let by = by_hand::sender(&request).into();
    let push = Push { specifications, origin: Origin::Api, complete: false, at, by };
    let effects = api.store.push(push).await.map_err(|error| match error {
        StoreError::Unfit(unfit) => {
            let mistakes = unfit.into_iter().map(|unfit| {
                Mistake::new(place(posted.several, unfit.index, unfit.field), unfit.message)
            });
            refused(&request, mistakes.collect())
        }
        error => error.into(),
    })?;
    let mut answer = HttpResponse::Ok();
    answer.content_type(JSON);
    if !posted.several {
        return Ok(answer.json(Created { created: effects.first() == Some(&Effect::Created) }));
    }
    let count = |effect| effects.iter().filter(|held| **held == effect).count();
    let results = query.results.then(|| {
        let result = |effect: &Effect| effect.word().to_owned();
        let each = names.into_iter().zip(&effects);
        each.map(|(name, effect)| PushedName { name, result: result(effect) }).collect()
    });
    Ok(answer.json(Pushed {
        created: count(Effect::Created),
        updated: count(Effect::Updated),
        unchanged: count(Effect::Unchanged),
        results,
    }))
}

/// The mistakes in the form that the sender asks for.
fn refused(request: &HttpRequest, mistakes: Vec<Mistake>) -> ApiError {
    if accepts_problem(request) {
        ApiError::MistakenInDetail(mistakes)
    } else {
        ApiError::Mistaken(mistakes)
    }
}

/// The way to a field of what was posted, from the way to it in its specification.
fn place(several: bool, index: usize, field: FieldPath) -> FieldPath {
    if !several {
        return field;
    }
    let FieldPath(steps) = field;
    FieldPath([Step::Index(index)].into_iter().chain(steps).collect())
}

/// Refuses files of variables where the server has no folder for them.
fn check_env_files(api: &Api, request: &HttpRequest, posted: &Posted) -> Result<(), ApiError> {
    if api.has_env_dir {
        return Ok(());
    }
    let each = posted.read.iter().enumerate();
    let wanting = each.filter(|(_, read)| !read.specification.policies.env_files.is_empty());
    let mistakes: Vec<_> = wanting
        .map(|(index, _)| {
            let field = place(posted.several, index, FieldPath::key("EnvFiles"));
            Mistake::new(field, NO_FOLDER)
        })
        .collect();
    if mistakes.is_empty() { Ok(()) } else { Err(refused(request, mistakes)) }
}

/// True where the sender asks for more than the original's body for a refused push.
fn accepts_problem(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains(PROBLEM))
}

/// `DELETE /{name}`: deletes an allocation; its running containers go on.
pub(super) async fn delete(
    api: Data<Api>,
    request: HttpRequest,
    name: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let by = by_hand::sender(&request);
    let origin = match api.snapshot(&name).await?.standing.allocation.origin {
        // The file that it came from is not in force, so it cannot be deleted there.
        ref file @ Origin::File(_) if !api.has_file => file.clone(),
        _ => Origin::Api,
    };
    if !api.store.delete(&name, &origin, api.clock.now(), &by).await? {
        return Err(api.no_such_allocation(&name).await);
    }
    Ok(HttpResponse::Ok().content_type(JSON).json(Deleted { deleted: true }))
}
