//! The endpoints of the original at `/` and `/{name}`, except the list.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::header,
    web::{self, Bytes, Data, Path},
};
use docket_model::{
    FieldPath, Finding, Origin, Reported,
    finding::Step,
    wire::{Created, Deleted, Pushed, PushedName},
};
use futures_util::{StreamExt, future::ready, stream};
use serde::Deserialize;
use tracing::info;
use utoipa::IntoParams;

use super::{
    author::{self, sender},
    chunked_json::{self, AllocationPieces, PIECE},
    error::{ApiError, JSON, PROBLEM},
    etag::etag,
    handler_state::{Allocations, ServerStatus, SpecificationSettings},
    if_match, json_to_yaml,
    openapi::{
        error_responses::{
            Asked, Conditional, Named, Negotiated, Owned, PostedSpecifications, Usual, Written,
        },
        parameters::{IfAbsent, IfMatch, IfNoneMatch, OfAllocation},
        specification::{self, Allocation, PushAnswer},
    },
    query::{self, Query},
    request_body,
    request_memory::Limits,
    response_format::{Format, YAML, accepts},
};
use crate::{
    push_specifications::{PushError, SpecificationPush},
    store::{Condition, Effect, Snapshot, StoreError},
};

/// More bytes than most allocations have, so that the buffer of a response grows seldom.
const USUAL: usize = 2 << 10;

/// How many changed allocations of a push the log names.
const MOST_NAMED: usize = 10;

/// How to apply a push.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PushQuery {
    /// True to list the result of each allocation of an array.
    #[serde(default, deserialize_with = "query::flag")]
    results: bool,
    /// True to accept options that the Engine API does not know.
    #[serde(default, deserialize_with = "query::flag")]
    allow_unknown_options: bool,
}

/// `GET /{name}`: one allocation, with the entity tag of its specification.
#[utoipa::path(
    get, path = "/{name}", operation_id = "get", tag = "allocations",
    params(OfAllocation, IfNoneMatch),
    responses(
        (
            status = 200, description = "The allocation",
            content((Allocation = "application/json"), (String = "application/yaml", example = "Name: report\n")),
            headers(("ETag" = String, description = "The revision of the specification")),
        ),
        (
            status = 304, description = "The client has the current revision",
            headers(("ETag" = String)),
        ),
        Asked, Negotiated, Named, Usual,
    ),
)]
pub(super) async fn get(
    allocations: Data<Allocations>,
    limits: Data<Limits>,
    request: HttpRequest,
    name: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let format = Format::of(&request)?;
    let snapshot = allocations.snapshot(&name).await?;
    let revision = snapshot.status.allocation.revision;
    // Before the response is built, which costs most of the request.
    if if_match::is_known(&request, revision)? {
        let mut answer = HttpResponse::NotModified();
        answer.insert_header((header::CACHE_CONTROL, "no-store"));
        return Ok(answer.insert_header((header::ETAG, etag(revision))).finish());
    }
    match format {
        Format::Json => one(&allocations, snapshot),
        Format::Yaml => one_as_yaml(&allocations, &limits, snapshot).await,
    }
}

/// An allocation as YAML, which is in memory as a whole.
async fn one_as_yaml(
    allocations: &Allocations,
    limits: &Limits,
    snapshot: Snapshot,
) -> Result<HttpResponse, ApiError> {
    let revision = snapshot.status.allocation.revision;
    let view = allocations.view(snapshot);
    let length = chunked_json::length(&view)?;
    // Both texts are in memory during the conversion.
    let _held = (length > PIECE).then(|| limits.response(2 * length)).transpose()?;
    let mut json = Vec::with_capacity(length);
    view.write_to(&mut json)?;
    let yaml = json_to_yaml::from_json(limits, json).await?;
    Ok(response(revision, YAML).body(yaml))
}

/// The head of a response with an allocation.
fn response(revision: u64, content_type: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::ETAG, etag(revision)))
        // A browser would keep it by its tag, which does not change with `Status` and `Logs`.
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "Accept"))
        .content_type(content_type);
    response
}

/// Responds with an allocation; a large one in pieces.
pub(super) fn one(
    allocations: &Data<Allocations>,
    snapshot: Snapshot,
) -> Result<HttpResponse, ApiError> {
    let mut answer = response(snapshot.status.allocation.revision, JSON);
    let mut first = Vec::with_capacity(USUAL);
    let mut written = AllocationPieces::new(allocations.view(snapshot));
    // Most allocations fit in one piece, and are sent with their length instead of in chunks.
    if written.fill(&mut first)? {
        return Ok(answer.body(first));
    }
    let first = stream::once(ready(Ok(Bytes::from(first))));
    let rest = stream::try_unfold(Some(written), |rest| async move {
        let Some(mut written) = rest else { return Ok(None) };
        let (piece, is_whole) = written.next().await?;
        Ok::<_, ApiError>(Some((piece, (!is_whole).then_some(written))))
    });
    Ok(answer.streaming(first.chain(rest)))
}

/// `POST /`: creates or updates one allocation, or several together.
#[utoipa::path(
    post, path = "/", operation_id = "push", tag = "allocations",
    params(PushQuery, IfMatch, IfAbsent), request_body = specification::Push,
    responses(
        (status = 200, description = "The result of one, or of all of an array", body = PushAnswer),
        PostedSpecifications, Owned, Conditional, Written, Usual,
    ),
)]
pub(super) async fn push(
    allocations: Data<Allocations>,
    settings: Data<SpecificationSettings>,
    limits: Data<Limits>,
    request: HttpRequest,
    query: Query<PushQuery>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let only_if = if_match::read(&request)?;
    let options = settings.options(query.0.allow_unknown_options);
    // A future: the turn is taken when the body has arrived, so a slow upload does not hold it.
    let (limits, turn) = (&limits, limits.parser());
    let posted =
        request_body::read(&request, payload, limits, settings.max_body, options, turn).await;
    let posted = posted.map_err(|error| match error {
        ApiError::Invalid(errors) => refused(&request, errors),
        other => other,
    })?;
    // One revision cannot be the condition for several allocations.
    if posted.several && only_if != Condition::Nothing {
        return Err(ApiError::BadCondition(
            "`If-Match` and `If-None-Match` are about one allocation: send it alone, not in an array"
                .to_owned(),
        ));
    }
    let runner = allocations.runner()?;
    let names: Vec<_> = posted.read.iter().map(|read| read.specification.name.clone()).collect();
    let push = SpecificationPush {
        read: posted.read,
        origin: Origin::Api,
        complete: false,
        by: sender(&request).into(),
        only_if,
        has_env_dir: settings.has_env_dir,
        notify: Arc::clone(&settings.notify),
    };
    let several = posted.several;
    let effects = push.store(&runner, &allocations.store).await.map_err(|error| match error {
        PushError::Unsupported(Reported { shown, omitted }) => {
            let placed = |(index, finding): (usize, Finding)| Finding {
                field: place(several, index, finding.field),
                ..finding
            };
            let shown = shown.into_iter().map(placed).collect();
            refused(&request, Reported { shown, omitted })
        }
        PushError::Store(StoreError::Unfit(unfit)) => {
            let errors = unfit
                .into_iter()
                .map(|unfit| Finding::new(place(several, unfit.index, unfit.field), unfit.message));
            refused(&request, errors.collect())
        }
        PushError::Store(error) => error.into(),
    })?;
    let count = |effect| effects.iter().filter(|held| **held == effect).count();
    let (created, updated) = (count(Effect::Created), count(Effect::Updated));
    if created + updated > 0 {
        let changed =
            names.iter().zip(&effects).filter(|(_, effect)| **effect != Effect::Unchanged);
        let shown: Vec<_> = changed.take(MOST_NAMED).map(|(name, _)| name.as_str()).collect();
        let more = if created + updated > MOST_NAMED { ", …" } else { "" };
        let by = &*sender(&request);
        info!(by, created, updated, "allocations pushed: {}{more}", shown.join(", "));
    }
    let mut answer = HttpResponse::Ok();
    answer.content_type(JSON);
    if !several {
        // A single specification gets the response of the original.
        return Ok(answer.json(Created { created: effects.first() == Some(&Effect::Created) }));
    }
    let results = query.0.results.then(|| {
        let result = |effect: &Effect| effect.word().to_owned();
        let each = names.into_iter().zip(&effects);
        each.map(|(name, effect)| PushedName { name, result: result(effect) }).collect()
    });
    Ok(answer.json(Pushed { created, updated, unchanged: count(Effect::Unchanged), results }))
}

/// The errors in the format that the client accepts.
fn refused(request: &HttpRequest, errors: Reported<Finding>) -> ApiError {
    // In place of the original's error body.
    if accepts(request.headers(), PROBLEM) {
        ApiError::InvalidInDetail(errors)
    } else {
        ApiError::Invalid(errors)
    }
}

/// The path of a field in the body, from its path in the specification.
fn place(several: bool, index: usize, field: FieldPath) -> FieldPath {
    if !several {
        return field;
    }
    let FieldPath(steps) = field;
    FieldPath([Step::Index(index)].into_iter().chain(steps).collect())
}

/// `DELETE /{name}`: deletes an allocation. Its running containers continue.
#[utoipa::path(
    delete, path = "/{name}", operation_id = "delete", tag = "allocations",
    params(OfAllocation, IfMatch),
    responses(
        (status = 200, description = "The allocation is deleted", body = Deleted),
        Asked, Named, Owned, Conditional, Written, Usual,
    ),
)]
pub(super) async fn delete(
    allocations: Data<Allocations>,
    status: Data<ServerStatus>,
    request: HttpRequest,
    name: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let context = author::context(&allocations, &request, None)?;
    let by = Arc::clone(&context.by);
    let origin = match allocations.snapshot(&name).await?.status.allocation.origin {
        // The server has no file now, so the allocation cannot be deleted there.
        ref file @ Origin::File(_) if status.file.is_none() => file.clone(),
        _ => Origin::Api,
    };
    if !allocations.store.record_result(allocations.store.delete(&name, &origin, context).await)? {
        return Err(allocations.no_such_allocation(&name));
    }
    info!(allocation = *name, by = &*by, "allocation deleted; its running containers continue");
    Ok(HttpResponse::Ok().content_type(JSON).json(Deleted { deleted: true }))
}
