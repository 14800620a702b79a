//! Converts JSON to YAML, for responses and for `POST /-/yaml`.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data},
};
use docket_model::document;
use serde_json::Value;

use super::{
    error::{ApiError, SizeLimit},
    openapi::error_responses::{Posted, Usual},
    request_body,
    request_memory::{Limits, on_own_thread},
    response_format::YAML,
};

/// Larger texts are converted on a thread of their own.
const LARGE: usize = 64 << 10;

/// The maximum size of the body of `POST /-/yaml`, in bytes.
const MAX_BODY: usize = 1 << 20;

/// Converts JSON to YAML with the same content. Long texts wait for their turn, because the parsed value
/// takes many times the memory of its text.
pub(super) async fn from_json(limits: &Limits, json: Vec<u8>) -> Result<Vec<u8>, ApiError> {
    if json.len() <= LARGE {
        return convert(&json);
    }
    let turn = limits.parser().await?;
    on_own_thread(move || {
        let _turn = turn;
        convert(&json)
    })
    .await?
}

fn convert(json: &[u8]) -> Result<Vec<u8>, ApiError> {
    let value: Value = serde_json::from_slice(json)
        .map_err(|error| ApiError::BadRequest(format!("the body is not valid JSON: {error}")))?;
    Ok(document::to_yaml(&value).into_bytes())
}

/// `POST /-/yaml`: writes a JSON document as YAML, for editors. It is not checked.
#[utoipa::path(
    post, path = "/-/yaml", operation_id = "toYaml", tag = "specifications",
    request_body(content = Value, content_type = "application/json", example = json!({"Name": "report"})),
    responses(
        (
            status = 200, description = "The document as YAML", content_type = "application/yaml",
            body = Value, example = json!({"Name": "report"}),
        ),
        Posted, Usual,
    ),
)]
pub(super) async fn to_yaml(
    limits: Data<Limits>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let body =
        request_body::bytes(&request, payload, &limits, SizeLimit::Endpoint(MAX_BODY)).await?;
    let yaml = from_json(&limits, body.bytes.to_vec()).await?;
    Ok(HttpResponse::Ok().content_type(YAML).body(yaml))
}
