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
    error::{ApiError, JSON},
    filter::{Filter, SUSPENDED},
    limits::Limits,
    listing::{Page, page, stream_json, stream_yaml},
    media_type::{Format, YAML},
    openapi::{
        refusals::{Any, Asked, Guarded, Negotiated},
        specification::Allocation,
    },
    pieces::PAGE,
    query::{self, Query, number},
    state::Allocations,
    yaml,
};

/// The longest page; without a limit all allocations are streamed.
const MOST_ON_A_PAGE: usize = 10_000;

/// One of the words, or several.
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
    /// How many at most; a page that is not the last has a `Link` to the next. A page has less where
    /// allocations are large.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 10_000)]
    limit: Option<String>,
    /// Where to go on, as the `Link` says.
    #[param(value_type = Option<u64>, format = "uint64")]
    cursor: Option<String>,
    /// Those that have this label: `KEY`, or `KEY=VALUE`.
    #[param(example = "team=finance")]
    label: Option<String>,
    /// Those in one of these states, with commas between: `suspended`, or what a run can be.
    #[param(schema_with = states, required = false, example = "failed,suspended")]
    state: Option<String>,
    /// False to leave out `Logs`, which are most of a long list.
    #[serde(default, deserialize_with = "query::flag")]
    logs: Option<bool>,
}

/// `GET /`: all allocations in the order of their creation, or a page of them.
///
/// A page that is not the last has a `Link` to the next. It ends where it would become larger than
/// 512 KiB, also before it has as many allocations as were asked for.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "list",
    tag = "allocations",
    params(ListQuery),
    responses(
        (
            status = 200,
            description = "The allocations; the dashboard where HTML is accepted",
            content(
                (Vec<Allocation> = "application/json"),
                (String = "application/yaml", example = "- Name: report\n"),
                (String = "text/html"),
            ),
            headers(("Link" = String, description = "The next page, where there is one"))
        ),
        (status = 304, description = "The browser has the current version of the dashboard"),
        Asked,
        Negotiated,
        Guarded,
        Any,
    ),
)]
pub(super) async fn list(
    allocations: Data<Allocations>,
    limits: Data<Limits>,
    request: HttpRequest,
    query: Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    let Query(ListQuery { limit, cursor, label, state, logs }) = query;
    let cursor = cursor.map(|cursor| number("cursor", &cursor, 0..=u64::MAX)).transpose()?;
    let filter = Filter::of(label, state, logs.unwrap_or(true))?;
    let format = Format::of(&request)?;
    let Some(limit) = limit else {
        return match format {
            Format::Json => Ok(stream_json(allocations, cursor, filter)),
            Format::Yaml => stream_yaml(allocations, limits, cursor, filter).await,
        };
    };
    let limit = number("limit", &limit, 1..=MOST_ON_A_PAGE)?;
    let Page { json, next } = page(&allocations, cursor, limit, PAGE, &filter).await?;
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = next {
        let query = [("limit", limit.to_string()), ("cursor", cursor.to_string())];
        let query = query.into_iter().chain(filter.query());
        let query = serde_urlencoded::to_string(query.collect::<Vec<_>>())
            .map_err(|error| ApiError::Internal(error.to_string()))?;
        let link = format!("</?{query}>; rel=\"next\"");
        response.insert_header((header::LINK, link));
    }
    response.insert_header((header::VARY, "Accept"));
    Ok(match format {
        Format::Json => response.content_type(JSON).body(json),
        Format::Yaml => {
            let yaml = yaml::from_json(&limits, json).await?;
            response.content_type(YAML).body(yaml)
        }
    })
}
