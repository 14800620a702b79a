//! `GET /-/engines`: the engines of the server.

use actix_web::{HttpResponse, web::Data};
use docket_model::wire::EngineReport;

use super::{
    error::{ApiError, JSON},
    handler_state::Allocations,
    openapi::error_responses::Usual,
};
use crate::runner::engine_reports;

/// `GET /-/engines`: all engines, the default first, each with its state and what runs there.
#[utoipa::path(
    get, path = "/-/engines", operation_id = "engines", tag = "server",
    responses((status = 200, description = "The engines", body = Vec<EngineReport>), Usual),
)]
pub(super) async fn list(allocations: Data<Allocations>) -> Result<HttpResponse, ApiError> {
    let runner = allocations.runner()?;
    let engines = engine_reports(&runner.engines, &runner.records.queues);
    Ok(HttpResponse::Ok().content_type(JSON).json(engines))
}
