//! What somebody asks for by hand: a run now, the end of one, a suspension and its end.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Data, Path},
};
use docket_model::{
    Zone,
    journal::{OfAll, Suspension, shown},
    moment,
    run::{Cancellation, Demand, RunState},
    wire::{CancelRequest, ResumeRequest, RunRecord, RunRequest, SuspendRequest},
};
use serde::de::DeserializeOwned;

use super::{
    Api, allocations, body, condition,
    error::{ApiError, JSON, SizeLimit},
    limits::Limits,
    openapi::{
        parameters::{IfMatch, OfAllocation, OfRun},
        refusals::{Any, Conditional, Guarded, Named, NamedRun, NotRun, Over, Posted, Written},
        specification::Allocation,
    },
    runs,
};
use crate::{
    runner::ManualError,
    store::{ChangeContext, Control},
};

/// The longest such body, in bytes.
const LARGEST: usize = 1 << 20;

/// The longest name of whoever asks, in bytes: it goes to the journal.
const LONGEST_BY: usize = 256;

/// The longest reason of a suspension, in bytes.
const LONGEST_REASON: usize = 4096;

/// `POST /{name}/runs`: starts a run, if policies allow it.
///
/// 202 and the run; 409 and the run that was skipped where they do not.
#[utoipa::path(
    post,
    path = "/{name}/runs",
    operation_id = "start",
    tag = "runs",
    params(OfAllocation),
    request_body = RunRequest,
    responses(
        (status = 202, description = "The run", body = RunRecord, headers(("Location" = String, description = "Where the run is"))),
        Posted,
        Named,
        NotRun,
        Written,
        Guarded,
        Any,
    ),
)]
pub(super) async fn run(
    api: Data<Api>,
    request: HttpRequest,
    name: Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let RunRequest { cmd, env, at, by } = read(&api.limits, &request, payload).await?;
    let allocation = api.snapshot(&name).await?.standing.allocation;
    let zone = allocation.zone(api.zone);
    let offset = at.as_deref().and_then(super::moment::offset);
    let at = at.map(|at| moment::read(&at, zone, api.clock.now())).transpose();
    let at = at.map_err(|error| ApiError::BadRequest(format!("At: {error}")))?;
    if let Some(wrong) = env.iter().find(|line| line.find('=').is_none_or(|end| end == 0)) {
        let key = wrong.split('=').next().unwrap_or_default();
        return Err(ApiError::BadRequest(format!("Env: `{key}` is no variable: write KEY=VALUE")));
    }
    let (by, is_backfill) = (asker(&request, by)?, at.is_some());
    let demand = Demand { by, command: cmd, environment: env, is_backfill, ..Demand::default() };
    let run = api.runner.run_manually(&name, demand, at).await;
    let run = run.map_err(|error| match error {
        ManualError::Future(_) | ManualError::NoInstant { .. } | ManualError::Pruned(_) => {
            let words =
                error.in_words(|instant| super::moment::shown(instant.moment(), offset, zone));
            ApiError::HandAt(error, words)
        }
        error => error.into(),
    })?;
    let mut answer = match run.state {
        RunState::Skipped(_) => HttpResponse::Conflict(),
        _ => HttpResponse::Accepted(),
    };
    answer.insert_header((header::LOCATION, format!("/{}/runs/{}", name, run.id.instant)));
    Ok(answer.content_type(JSON).json(RunRecord::from(run.as_ref())))
}

/// `POST /{name}/runs/{id}/cancel`: makes a run end before its time.
#[utoipa::path(
    post,
    path = "/{name}/runs/{run}/cancel",
    operation_id = "cancel",
    tag = "runs",
    params(OfRun),
    request_body = CancelRequest,
    responses(
        (status = 202, description = "The run, which is to end", body = RunRecord),
        Posted,
        NamedRun,
        Over,
        Written,
        Guarded,
        Any,
    ),
)]
pub(super) async fn cancel(
    api: Data<Api>,
    request: HttpRequest,
    path: Path<(String, String)>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let CancelRequest { kill, by } = read(&api.limits, &request, payload).await?;
    let run = runs::find(&api, &path.0, &path.1).await?;
    let reason = format!("cancelled by {}", asker(&request, by)?);
    let cancellation = Cancellation { reason, kill };
    let run = api.runner.cancel_manually(&path.0, run.id.instant, cancellation).await?;
    Ok(HttpResponse::Accepted().content_type(JSON).json(RunRecord::from(run.as_ref())))
}

/// `POST /{name}/suspend`: nothing starts by itself until it is resumed.
#[utoipa::path(
    post,
    path = "/{name}/suspend",
    operation_id = "suspend",
    tag = "allocations",
    params(OfAllocation, IfMatch),
    request_body = SuspendRequest,
    responses(
        (status = 200, description = "The allocation, suspended", body = Allocation, headers(("ETag" = String, description = "The revision of the specification"))),
        Posted,
        Named,
        Conditional,
        Written,
        Guarded,
        Any,
    ),
)]
pub(super) async fn suspend(
    api: Data<Api>,
    request: HttpRequest,
    name: Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let asked = read(&api.limits, &request, payload).await?;
    let zone = api.snapshot(&name).await?.standing.allocation.zone(api.zone);
    let suspension = suspension(&api, &request, asked, zone)?;
    let context = context(&api, &request, Some(suspension.by.clone()))?;
    control(&api, &name, Control::Suspend(suspension), context).await
}

/// The suspension that is asked for, from now on; its end is read on the wall clock of a zone.
pub(super) fn suspension(
    api: &Api,
    request: &HttpRequest,
    asked: SuspendRequest,
    zone: Zone,
) -> Result<Suspension, ApiError> {
    let SuspendRequest { reason, until, by, all } = asked;
    let since = api.clock.now();
    let until = until.map(|until| moment::read_coming(&until, zone, since)).transpose();
    let until = until.map_err(|error| ApiError::BadRequest(format!("Until: {error}")))?;
    if let Some(until) = until.filter(|until| *until <= since) {
        return Err(ApiError::BadRequest(format!("`Until` is in the past: {}", shown(until))));
    }
    let by = asker(request, by)?;
    check_text("Reason", reason.as_deref().unwrap_or_default(), LONGEST_REASON)?;
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    Ok(Suspension { by, reason, since, until, all: all.then(OfAll::default) })
}

/// `POST /{name}/resume`: things start again, for instants to come.
#[utoipa::path(
    post,
    path = "/{name}/resume",
    operation_id = "resume",
    tag = "allocations",
    params(OfAllocation, IfMatch),
    request_body = ResumeRequest,
    responses(
        (status = 200, description = "The allocation, resumed", body = Allocation, headers(("ETag" = String, description = "The revision of the specification"))),
        Posted,
        Named,
        Conditional,
        Written,
        Guarded,
        Any,
    ),
)]
pub(super) async fn resume(
    api: Data<Api>,
    request: HttpRequest,
    name: Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let ResumeRequest { by, all } = read(&api.limits, &request, payload).await?;
    let context = context(&api, &request, by)?;
    control(&api, &name, Control::Resume { is_of_all: all }, context).await
}

/// `POST /{name}/reset`: a latest instant ahead of the clock is set back to now.
#[utoipa::path(
    post,
    path = "/{name}/reset",
    operation_id = "reset",
    tag = "allocations",
    params(OfAllocation, IfMatch),
    request_body = ResumeRequest,
    responses(
        (status = 200, description = "The allocation, set back", body = Allocation, headers(("ETag" = String, description = "The revision of the specification"))),
        Posted,
        Named,
        Conditional,
        Written,
        Guarded,
        Any,
    ),
)]
pub(super) async fn reset(
    api: Data<Api>,
    request: HttpRequest,
    name: Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let ResumeRequest { by, all } = read(&api.limits, &request, payload).await?;
    refuse_all(all)?;
    let context = context(&api, &request, by)?;
    control(&api, &name, Control::Reset, context).await
}

/// Refuses `All` where it means nothing.
pub(super) fn refuse_all(all: bool) -> Result<(), ApiError> {
    let message = "All: is only for `/{name}/suspend` and `/{name}/resume`".to_owned();
    if all { Err(ApiError::BadRequest(message)) } else { Ok(()) }
}

async fn control(
    api: &Data<Api>,
    name: &str,
    control: Control,
    context: ChangeContext,
) -> Result<HttpResponse, ApiError> {
    if !api.runner.record_result(api.store.control(name, control, context).await)? {
        return Err(api.no_such_allocation(name).await);
    }
    allocations::one(api, api.snapshot(name).await?)
}

/// Who changes something now, and on what condition.
pub(super) fn context(
    api: &Api,
    request: &HttpRequest,
    by: Option<String>,
) -> Result<ChangeContext, ApiError> {
    let (by, only_if) = (asker(request, by)?.into(), condition::read(request)?);
    Ok(ChangeContext { at: api.clock.now(), by, only_if })
}

/// Reads a body that may be empty.
pub(super) async fn read<T: DeserializeOwned + Default>(
    limits: &Limits,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<T, ApiError> {
    let body = body::bytes(request, payload, limits, SizeLimit::Endpoint(LARGEST)).await?;
    let text = body.text()?;
    match text.bytes().find(|byte| !byte.is_ascii_whitespace()) {
        None => return Ok(T::default()),
        Some(b'{') => {}
        // Its fields could be read from an array too, in their order.
        Some(_) => return Err(ApiError::BadRequest("the body is not a JSON object".to_owned())),
    }
    serde_json::from_str(text).map_err(|error| ApiError::BadRequest(error.to_string()))
}

/// Who asks: as they say, or else the address that they ask from.
pub(super) fn asker(request: &HttpRequest, by: Option<String>) -> Result<String, ApiError> {
    let by = by.unwrap_or_else(|| sender(request));
    check_text("By", &by, LONGEST_BY)?;
    Ok(by)
}

/// The address that somebody asks from.
pub(super) fn sender(request: &HttpRequest) -> String {
    match request.peer_addr() {
        Some(address) => address.ip().to_string(),
        None => "a local user".to_owned(),
    }
}

/// Refuses a text that is too long, or would not stay on one line of a log or terminal.
fn check_text(key: &str, text: &str, most: usize) -> Result<(), ApiError> {
    let length = text.len();
    if length > most {
        return Err(ApiError::BadRequest(format!("{key}: {length} bytes are more than {most}")));
    }
    match text.chars().find(|char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}')) {
        Some(char) => Err(ApiError::BadRequest(format!(
            "{key}: line breaks and other control characters are not allowed: U+{:04X}",
            u32::from(char)
        ))),
        None => Ok(()),
    }
}
