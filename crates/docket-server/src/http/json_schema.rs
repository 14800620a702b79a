//! The JSON Schema of `docket.yml`, for editors.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use bytes::Bytes;
use docket_model::document;

use super::{error::ApiError, openapi::error_responses::Usual};

/// The type of a JSON Schema.
const JSON_SCHEMA: &str = "application/schema+json";

/// The schema as it is sent.
static SCHEMA: LazyLock<Bytes> = LazyLock::new(|| document::schema().to_string().into());

/// `GET /-/schema`: the JSON Schema of a `docket.yml`.
#[utoipa::path(
    get, path = "/-/schema", operation_id = "schema", tag = "server",
    responses(
        (
            status = 200, description = "The JSON Schema (draft 7) of a `docket.yml`, for editors",
            body = Object, content_type = JSON_SCHEMA,
        ),
        Usual,
    ),
)]
pub(super) async fn get() -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().content_type(JSON_SCHEMA).body(SCHEMA.clone()))
}
