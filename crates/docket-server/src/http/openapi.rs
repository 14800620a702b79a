//! `GET /-/openapi.json`: describes the API, generated from the attributes of the handlers.

pub(super) mod error_responses;
mod examples;
pub(super) mod parameters;
pub(super) mod specification;
pub(super) mod stream_event;

use std::sync::LazyLock;

use actix_web::HttpResponse;
use bytes::Bytes;
use docket_model::wire::{Problem, Refused};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Content, OpenApi as Document, RefOr, Schema,
        schema::ArrayItems,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use self::error_responses::Usual;
use super::{
    all_runs, allocations, backup, check_documents, dashboard_files, engines,
    error::{ApiError, JSON},
    events, health_and_version, journal, json_schema, json_to_yaml, list_allocations, manual_runs,
    metrics, notify_test, output, pause_server, runs, sign_in, start_counts, suspend_resume_reset,
    upcoming_instants, why,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "docket",
        description = "Runs containers on a schedule. Errors are `application/problem+json` (RFC 9457), \
                       except those of a push, which are the original docket's. `HEAD` works like \
                       `GET`. Methods that are not listed get 405 with `Allow`. A slash at the end \
                       of a path is ignored.",
        license(name = "MIT", identifier = "MIT"),
    ),
    paths(
        list_allocations::list, allocations::push, allocations::get, allocations::delete,
        all_runs::list, runs::list, runs::get, output::get, manual_runs::run, manual_runs::cancel,
        suspend_resume_reset::suspend, suspend_resume_reset::resume, suspend_resume_reset::reset,
        why::get, upcoming_instants::list, check_documents::check, json_to_yaml::to_yaml,
        start_counts::get, events::follow, sign_in::sign_in, sign_in::sign_out, sign_in::get,
        journal::list, engines::list, health_and_version::health, health_and_version::ready,
        health_and_version::version, pause_server::pause, pause_server::unpause,
        notify_test::test, backup::backup,
        metrics::get, json_schema::get, self::get, dashboard_files::file,
    ),
    components(schemas(Problem, Refused)),
    modifiers(&Access, &Examples),
    security(("token" = []), ("session" = [])),
)]
struct Described;

/// The document as JSON.
// Made at the first request, as few servers are ever asked for it.
static DOCUMENT: LazyLock<Result<Bytes, serde_json::Error>> = LazyLock::new(|| {
    let mut document = serde_json::to_value(Described::openapi())?;
    specification::complete(&mut document);
    serde_json::to_vec(&document).map(Bytes::from)
});

/// `GET /-/openapi.json`: this document.
#[utoipa::path(
    get, path = "/-/openapi.json", operation_id = "openapi", tag = "server",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Object), Usual),
)]
pub(super) async fn get() -> Result<HttpResponse, ApiError> {
    let document = DOCUMENT.as_ref().map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok().content_type(JSON).body(document.clone()))
}

/// The ways to authenticate.
struct Access;

impl Modify for Access {
    fn modify(&self, document: &mut Document) {
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let token =
            token.description(Some("The server's token, which is required with `--token-file`."));
        let about = "The cookie of `POST /-/session` for a web page: `__Host-docket_session` over TLS. \
                     Requests that change something need `Origin` too.";
        // OpenAPI allows one name for a cookie, so the text has the other one.
        let session = ApiKeyValue::with_description("docket_session", about);
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    }
}

/// Adds an example to each body.
struct Examples;

impl Modify for Examples {
    fn modify(&self, document: &mut Document) {
        for item in document.paths.paths.values_mut() {
            let operations = [&mut item.get, &mut item.post, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                if let Some(RefOr::T(body)) = &mut operation.request_body {
                    body.content.values_mut().for_each(add_example);
                }
                for response in operation.responses.responses.values_mut() {
                    if let RefOr::T(response) = response {
                        response.content.values_mut().for_each(add_example);
                    }
                }
            }
        }
    }
}

fn add_example(content: &mut RefOr<Content>) {
    let RefOr::T(content) = content else { return };
    // An attribute of a handler is more specific than the example of the type.
    if content.example.is_none() && content.examples.is_empty() {
        content.example = content.schema.as_ref().and_then(example);
    }
}

/// An example of a schema that has a name, or of an array of such.
fn example(schema: &RefOr<Schema>) -> Option<serde_json::Value> {
    match schema {
        RefOr::Ref(named) => examples::of(named.ref_location.rsplit('/').next()?),
        RefOr::T(Schema::Array(array)) => match &array.items {
            ArrayItems::RefOrSchema(item) => Some(vec![example(item)?].into()),
            ArrayItems::False => None,
        },
        RefOr::T(_) => None,
    }
}
