//! Tests the targets of notifications.

use std::sync::Arc;

use actix_web::{HttpResponse, web::Data};
use docket_model::{
    allocation::TargetName,
    finding::nearest,
    wire::{NotifyTestRequest, NotifyTestResult},
};
use futures_util::future::join_all;

use super::{
    error::{ApiError, JSON},
    handler_state::{Allocations, SpecificationSettings},
    openapi::error_responses::{Posted, Usual},
    request_body::JsonBody,
};
use crate::notify::{Post, test_request};

/// What posts test messages.
#[derive(Debug)]
pub(crate) struct NotifyTester(pub(crate) Arc<dyn Post>);

/// `POST /-/notify/test`: sends a test message to one target of the server's file, or to all of them.
///
/// Each gets one attempt, whatever was sent to it before.
#[utoipa::path(
    post, path = "/-/notify/test", operation_id = "testNotify", tag = "server",
    request_body = NotifyTestRequest,
    responses(
        (status = 200, description = "What became of each message", body = Vec<NotifyTestResult>),
        Posted, Usual,
    ),
)]
pub(super) async fn test(
    allocations: Data<Allocations>,
    settings: Data<SpecificationSettings>,
    tester: Data<NotifyTester>,
    JsonBody(NotifyTestRequest { target }): JsonBody<NotifyTestRequest>,
) -> Result<HttpResponse, ApiError> {
    let all = &settings.notify.targets;
    if all.is_empty() {
        let message =
            "the server has no targets: start it with `--notify FILE`, a file with `Targets`";
        return Err(ApiError::BadRequest(message.to_owned()));
    }
    let is_wanted =
        |name: &TargetName| target.as_deref().is_none_or(|wanted| wanted == name.as_str());
    let wanted: Vec<_> = all.iter().filter(|(name, _)| is_wanted(name)).collect();
    if let (Some(target), []) = (target.as_deref(), &*wanted) {
        let near = nearest(target, all.keys().map(TargetName::as_str));
        let hint = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        return Err(ApiError::BadRequest(format!("Target: there is no target `{target}`{hint}")));
    }
    let at = allocations.clock.now();
    let results = join_all(wanted.into_iter().map(|(name, target)| {
        let request = test_request(name, target, at);
        let (tester, name) = (&tester, name.to_string());
        async move {
            let (delivered, message) = match tester.0.post(&request).await {
                Ok(message) => (true, message),
                Err(error) => (false, error.to_string()),
            };
            NotifyTestResult { target: name, delivered, message }
        }
    }));
    Ok(HttpResponse::Ok().content_type(JSON).json(results.await))
}
