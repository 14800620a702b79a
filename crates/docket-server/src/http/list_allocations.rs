//! `GET /`: all allocations, or some of them.

use actix_web::{HttpRequest, HttpResponse, http::header, web::Data};
use docket_model::run::StateWord;
use serde::Deserialize;
use utoipa::{
    IntoParams,
    openapi::{
        Object,
        schema::{ObjectBuilder, Type},
    },
};

use super::{
    chunked_json::PAGE,
    error::{ApiError, JSON},
    handler_state::Allocations,
    json_to_yaml,
    list_filter::{Filter, SUSPENDED},
    openapi::{
        error_responses::{Asked, Negotiated, Usual},
        specification::Allocation,
    },
    query::{self, Query},
    request_memory::Limits,
    response_format::{Format, YAML},
    write_allocation_list::{Page, page, stream_json, stream_yaml},
};

/// The pattern of one or more states.
fn states() -> Object {
    let words = format!("{SUSPENDED}|{}", StateWord::WORDS.join("|"));
    let pattern = format!("^({words})(,({words}))*$");
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build()
}

/// Which allocations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// The maximum number; without it all are streamed. Each page but the last has a `Link` to the next. A page of large allocations has
    /// fewer.
    #[serde(default, deserialize_with = "query::number::<_, _, 1, 10_000>")]
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
    /// Where to continue; from the `Link`.
    #[serde(default, deserialize_with = "query::number::<_, _, 0, { u64::MAX }>")]
    #[param(format = "uint64")]
    cursor: Option<u64>,
    /// Only allocations with this label: `KEY` or `KEY=VALUE`.
    #[param(example = "team=finance")]
    label: Option<String>,
    /// Only allocations in one of these states, separated by commas: `suspended`, or a state of a run.
    #[param(schema_with = states, required = false, example = "failed,suspended")]
    state: Option<String>,
    /// False to omit `Logs`, which are most of a long list.
    #[serde(default, deserialize_with = "query::flag")]
    logs: Option<bool>,
}

/// `GET /`: all allocations in the order of their creation, or a page of them.
///
/// Each page but the last has a `Link` to the next. A page ends before it would be larger than 512 KiB, even
/// if it has fewer allocations than requested.
#[utoipa::path(
    get, path = "/", operation_id = "list", tag = "allocations", params(ListQuery),
    responses(
        (
            status = 200, description = "The allocations; the dashboard for a client that accepts HTML",
            content(
                (Vec<Allocation> = "application/json"), (String = "text/html"),
                (String = "application/yaml", example = "- Name: report\n"),
            ),
            headers(("Link" = String, description = "The next page, if there is one")),
        ),
        (status = 304, description = "The browser has the current version of the dashboard"),
        Asked, Negotiated, Usual,
    ),
)]
pub(super) async fn list(
    allocations: Data<Allocations>,
    limits: Data<Limits>,
    request: HttpRequest,
    Query(ListQuery { limit, cursor, label, state, logs }): Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    let filter = Filter::of(label, state, logs.unwrap_or(true))?;
    let format = Format::of(&request)?;
    // Clients of the original send no limit and expect the whole list.
    let Some(limit) = limit else {
        return match format {
            Format::Json => Ok(stream_json(allocations, cursor, filter)),
            Format::Yaml => stream_yaml(allocations, limits, cursor, filter).await,
        };
    };
    let Page { json, next } = page(&allocations, cursor, limit, PAGE, &filter).await?;
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = next {
        let query = [("limit", limit.to_string()), ("cursor", cursor.to_string())];
        response.insert_header(query::next_page("/", query.into_iter().chain(filter.query()))?);
    }
    // HTML, JSON and YAML have the same path, so caches must compare `Accept`.
    response.insert_header((header::VARY, "Accept"));
    Ok(match format {
        Format::Json => response.content_type(JSON).body(json),
        Format::Yaml => {
            let yaml = json_to_yaml::from_json(&limits, json).await?;
            response.content_type(YAML).body(yaml)
        }
    })
}
