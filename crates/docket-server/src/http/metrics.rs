//! `GET /-/metrics`: figures for Prometheus and for what reads its format.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web, web::Data};
use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{missed_instants::Suspensions, run::Instant, zone::edition};

use super::{
    allocation_response::upcoming,
    error::ApiError,
    handler_state::{Allocations, ServerStatus},
    openapi::error_responses::Usual,
    response_format::accepts,
};
use crate::{
    observer::metrics::{AllocationFigures, EngineFigures, Format, Metrics, Present},
    runner::Engines,
    store::AllocationStatus,
};

/// What the handler works with.
#[derive(Debug)]
pub(crate) struct MetricsSettings {
    pub(crate) metrics: Arc<Metrics>,
    /// How many allocations have figures of their own.
    pub(crate) allocations: usize,
}

/// `GET /-/metrics`: figures in the format of OpenMetrics, or of Prometheus if only that is accepted.
#[utoipa::path(
    get, path = "/-/metrics", operation_id = "metrics", tag = "server",
    responses(
        (
            status = 200, description = "The figures; docs/metrics.md describes each",
            content(
                (String = "application/openmetrics-text"),
                (String = "text/plain"),
            ),
        ),
        Usual,
    ),
)]
pub(super) async fn get(
    request: HttpRequest,
    allocations: Data<Allocations>,
    status: Data<ServerStatus>,
    settings: Data<MetricsSettings>,
) -> Result<HttpResponse, ApiError> {
    let format = format(&request);
    let started = status.started;
    // The next instants of many allocations take some time, in which this thread serves other requests.
    let text = web::block(move || {
        let present = present(&allocations, started, settings.allocations);
        settings.metrics.write(&present, format)
    });
    let text = text.await.map_err(ApiError::internal)?.map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok().content_type(format.content_type()).body(text))
}

/// The format that the client reads.
fn format(request: &HttpRequest) -> Format {
    let headers = request.headers();
    let is_old =
        accepts(headers, "text/plain") && !accepts(headers, "application/openmetrics-text");
    if is_old { Format::Prometheus } else { Format::OpenMetrics }
}

/// What is so now; at most `most` allocations have figures of their own.
fn present(allocations: &Allocations, started: DateTime<Utc>, most: usize) -> Present {
    let now = allocations.clock.now();
    let store = &allocations.store;
    let pause = store.pause().filter(|pause| pause.holds_at(now));
    let figures = |status: &AllocationStatus| {
        let suspensions =
            Suspensions { allocation: status.suspension.as_deref(), server: pause.as_deref() };
        AllocationFigures {
            name: status.allocation.name().clone(),
            succeeded: status.succeeded.map(Instant::moment),
            next: upcoming(status, suspensions, now, allocations.zone).next,
        }
    };
    let shown = store.statuses(None, most).iter().map(figures).collect();
    let (count, runs) = store.counts();
    // Between two terms the server has no connection to any engine.
    let runner = allocations.runner().ok();
    Present {
        now,
        started,
        zone_data: edition().to_string(),
        allocations: count,
        shown,
        runs,
        is_paused: pause.is_some(),
        engines: runner.map(|runner| engines(&runner.engines)).unwrap_or_default(),
        event_readers: store.subscribe().event_readers(),
        is_store_writable: store.trouble().is_none(),
        store_bytes: store.file_bytes(),
        outbox: store.outbox_figures(),
    }
}

fn engines(engines: &Engines) -> Vec<EngineFigures> {
    let figures = engines.all().iter().map(|engine| {
        let (slots_taken, slots_waiting) = engine.slots.in_use();
        EngineFigures {
            name: Arc::clone(&engine.name),
            kind: engine.about.kind,
            is_up: engine.health.is_up(),
            slots_taken,
            slots_limit: engine.slots.most(),
            slots_waiting,
            clock_offset: engine.health.clock_offset().map(TimeDelta::as_seconds_f64),
        }
    });
    figures.collect()
}
