//! `POST /-/check`: the errors of a document of specifications, and when they would be due.

use std::collections::HashMap;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data},
};
use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    AllocationName, Reported, Zone,
    container::UnknownOptions,
    document::{self, Read},
    finding::MAX_REPORTED,
    schedule::{Kind, Schedule},
    wire::{CheckFinding, Checked, CheckedAllocation, Coming, EngineCheck},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    error::{ApiError, JSON, SizeLimit},
    handler_state::{Allocations, SpecificationSettings},
    openapi::{
        error_responses::{AskedOfEngine, PostedSpecifications, Usual},
        specification::Push,
    },
    query::{self, Query},
    request_body,
    request_memory::Limits,
    request_memory::on_own_thread,
};
use crate::runner::{Engines, NO_FOLDER};

/// The maximum size of a document, in bytes. `docket check` reads larger files.
const LARGEST: usize = 1 << 20;
/// The maximum size after aliases, merge keys and defaults are expanded, in bytes: the response has it all.
const LARGEST_EXPANDED: usize = 8 << 20;
/// How many instants of each allocation are listed.
const INSTANTS: usize = 10;
/// The maximum number of allocations with instants.
const MOST_WITH_INSTANTS: usize = 100;

/// How strictly to check.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CheckQuery {
    /// True to accept options that the Engine API does not know.
    #[serde(default, deserialize_with = "query::flag")]
    pub(super) allow_unknown_options: bool,
    /// The engine to check on, which takes JSON only: its name, or nothing for the default engine.
    pub(super) engine: Option<String>,
}

/// What a check finds, without an engine or on one.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes the two responses")]
enum CheckResponse {
    Document(Checked),
    Engine(Vec<EngineCheck>),
}

/// Checks like `docket check`, and stores nothing. With `?engine=` the engine pulls the images and creates
/// and removes the containers, without starting them.
#[utoipa::path(
    post, path = "/-/check", operation_id = "check", tag = "specifications", params(CheckQuery),
    request_body(content((String = "application/yaml", example = "- Name: report"), (Push = "application/json"))),
    responses(
        (status = 200, description = "The findings, and when each allocation is due; with `engine`, its findings", body = CheckResponse),
        PostedSpecifications, AskedOfEngine, Usual,
    ),
)]
pub(super) async fn check(
    allocations: Data<Allocations>,
    settings: Data<SpecificationSettings>,
    limits: Data<Limits>,
    request: HttpRequest,
    query: Query<CheckQuery>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let options = settings.options(query.0.allow_unknown_options);
    let limit = match settings.max_body {
        most if most < LARGEST => SizeLimit::MaxBody(most),
        _ => SizeLimit::Document(LARGEST),
    };
    let body = request_body::document(&request, payload, &limits, limit).await?;
    // Fails here, before it waits for its turn; so the thread below cannot fail.
    body.text()?;
    // Memory and permit are released when the parser is done, even if the request has ended before.
    let turn = limits.check().await?;
    let (now, zone) = (allocations.clock.now(), allocations.zone);
    let read =
        on_own_thread(move || (read(body.text().unwrap_or_default(), options, now, zone), turn));
    let read = read.await;
    let ((mut findings, read), turn) = read?;
    if !settings.has_env_dir {
        findings.extend(read.iter().filter_map(without_folder).take(MAX_REPORTED));
    }
    let unsendable = read.iter().flat_map(|read| {
        let found = settings.notify.check(&read.specification).into_iter();
        found.map(|finding| error_in(read, finding.field.to_string(), finding.message))
    });
    findings.extend(unsendable.take(MAX_REPORTED));
    if let Ok(runner) = allocations.runner() {
        let found = read.iter().flat_map(|read| on_engines(&runner.engines, read));
        findings.extend(found.take(MAX_REPORTED));
    }
    // On this thread, because the catalogue of the store is shared and its lookups are quick.
    let created = created(&allocations, &read);
    let has_instants = read.len() <= MOST_WITH_INSTANTS;
    // A thread again: a search for instants can take long for a rare schedule.
    let json = on_own_thread(move || {
        let _turn = turn;
        let each = read.into_iter().map(|read| {
            let created = created.get(&read.specification.name).copied().unwrap_or(now);
            allocation(&read, zone, now, created, if has_instants { INSTANTS } else { 0 })
        });
        let allocations = each.collect::<Result<Vec<_>, _>>()?;
        serde_json::to_vec(&Checked { findings, allocations })
    });
    let json = json.await?.map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok().content_type(JSON).body(json))
}

/// The specifications in the document, or its errors.
fn read(
    text: &str,
    options: UnknownOptions,
    now: DateTime<Utc>,
    zone: Zone,
) -> (Vec<CheckFinding>, Vec<Read>) {
    match document::read_within(text, options, LARGEST_EXPANDED) {
        Ok(mut document) => {
            document.specifications.iter_mut().for_each(|read| read.warn_if_over(now, zone));
            let warnings = document.specifications.iter().flat_map(|read| &read.warnings);
            let mut findings = Reported::default();
            findings.extend(warnings.map(|warning| CheckFinding::of(warning, text, false)));
            (with_rest(findings), document.specifications)
        }
        Err(Reported { shown, omitted }) => {
            let findings = shown.iter().map(|finding| CheckFinding::of(finding, text, true));
            (with_rest(Reported { shown: findings.collect(), omitted }), Vec::new())
        }
    }
}

/// The findings, and at the place of the last one how many are omitted.
fn with_rest(findings: Reported<CheckFinding>) -> Vec<CheckFinding> {
    let rest = findings.rest();
    let mut shown = findings.shown;
    if let Some((rest, last)) = rest.zip(shown.last().cloned()) {
        shown.push(CheckFinding {
            length: 0,
            field: String::new(),
            message: rest,
            hint: None,
            ..last
        });
    }
    shown
}

/// The error for `EnvFiles` if the server has no directory for them.
fn without_folder(read: &Read) -> Option<CheckFinding> {
    let wants = !read.specification.policies.env_files.is_empty();
    wants.then(|| error_in(read, "EnvFiles".to_owned(), NO_FOLDER.to_owned()))
}

/// What the engines that may get the runs cannot do, or do in another way.
fn on_engines(engines: &Engines, read: &Read) -> impl Iterator<Item = CheckFinding> {
    engines.check(&read.specification).into_iter().map(|finding| CheckFinding {
        fatal: finding.is_fatal,
        ..error_in(read, finding.field, finding.message)
    })
}

/// An error that only the server finds: its position is that of the allocation.
fn error_in(read: &Read, field: String, message: String) -> CheckFinding {
    CheckFinding { line: read.line, column: 1, length: 0, field, message, hint: None, fatal: true }
}

/// When existing allocations were created: their intervals count from then.
fn created(allocations: &Allocations, read: &[Read]) -> HashMap<AllocationName, DateTime<Utc>> {
    let mut created = HashMap::new();
    for Read { specification, .. } in read.iter().take(MOST_WITH_INSTANTS) {
        if let Some(status) = allocations.store.status(specification.name.as_str()) {
            created.insert(specification.name.clone(), status.allocation.created_at);
        }
    }
    created
}

fn allocation(
    read: &Read,
    zone: Zone,
    now: DateTime<Utc>,
    created: DateTime<Utc>,
    limit: usize,
) -> Result<CheckedAllocation, serde_json::Error> {
    let specification = &read.specification;
    let schedule = specification.schedule();
    let anchor = match schedule.map(Schedule::kind) {
        Some(Kind::Repeating) => now + TimeDelta::nanoseconds(1),
        _ => created,
    };
    let instants = specification.upcoming(now, anchor, zone).take(limit);
    Ok(CheckedAllocation {
        name: specification.name.clone(),
        line: read.line,
        schedule: schedule.map(Schedule::in_words),
        time_zone: specification.time_zone.unwrap_or(zone).name().to_owned(),
        instants: instants.map(Coming::from).collect(),
        specification: serde_json::value::to_raw_value(specification)?,
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use insta::assert_snapshot;

    use super::super::tests::{Asking, api, get};
    use crate::config::Access;

    async fn check(text: &str) -> String {
        let api = api(Access::default());
        let asking = Asking::of(&api).with("content-type", "application/yaml");
        let answer = asking.send(Method::POST, "/-/check", text).await;
        assert!(get(&api, "/").await.ends_with("[]"), "nothing is stored");
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn every_error_has_its_place_and_a_fix() {
        let response = check("Name: ä\nCron: '0 9 * * 8'\nContainer: {Config: {Imag: b}}\n").await;

        assert_snapshot!(response, @r#"
        200 OK
        content-type: application/json; charset=UTF-8

        {"Findings":[{"Line":1,"Column":7,"Length":1,"Field":"Name","Message":"a name begins with a letter or a digit, not with `ä`","Fatal":true},{"Line":2,"Column":16,"Length":1,"Field":"Cron","Message":"dow: 8 is out of range (0-7)","Fatal":true},{"Line":3,"Column":13,"Length":6,"Field":"Container.Config.Image","Message":"Image is required","Fatal":true},{"Line":3,"Column":22,"Length":4,"Field":"Container.Config.Imag","Message":"unknown key `Imag`: did you mean `Image`?","Fatal":true}],"Allocations":[]}
        "#);
    }

    #[tokio::test(start_paused = true)]
    async fn a_valid_document_has_its_next_instants_and_warnings() {
        let text = "Name: a\nCron: 0 9 * * 1-5\nTimeZone: EST\nContainer: {Config: {Image: b}}\n";

        assert_snapshot!(check(text).await, @r#"
        200 OK
        content-type: application/json; charset=UTF-8

        {"Findings":[{"Line":3,"Column":11,"Length":3,"Field":"TimeZone","Message":"`EST` stays five hours behind UTC in summer, without daylight saving: write `America/New_York` for the clock there","Fatal":false}],"Allocations":[{"Name":"a","Line":1,"Schedule":"at 09:00 on weekdays","TimeZone":"EST","Instants":[{"At":"2026-11-23T14:00:00Z"},{"At":"2026-11-24T14:00:00Z"},{"At":"2026-11-25T14:00:00Z"},{"At":"2026-11-26T14:00:00Z"},{"At":"2026-11-27T14:00:00Z"},{"At":"2026-11-30T14:00:00Z"},{"At":"2026-12-01T14:00:00Z"},{"At":"2026-12-02T14:00:00Z"},{"At":"2026-12-03T14:00:00Z"},{"At":"2026-12-04T14:00:00Z"}],"Specification":{"Name":"a","Cron":"0 9 * * 1-5","TimeZone":"EST","Container":{"Config":{"Image":"b"}}}}]}
        "#);
    }

    #[tokio::test(start_paused = true)]
    async fn a_form_gets_warnings_at_its_fields() {
        let api = api(Access::default());
        let json = r#"{"Name":"a","Cron":"","Container":{"Config":{"Image":"b","Cmd":["echo hello world"],"OpenStdin":true}}}"#;
        let asking = Asking::of(&api).with("content-type", "application/json");

        let response = asking.send(Method::POST, "/-/check", json).await;

        let (_, body) = response.split_once("\n\n").unwrap();
        let checked: serde_json::Value = serde_json::from_str(body).unwrap();
        let findings = checked["Findings"].as_array().unwrap().iter();
        let fields: Vec<_> = findings.map(|it| (it["Field"].as_str(), &it["Fatal"])).collect();
        let fatal = &serde_json::Value::Bool(false);
        let expected = [Some("Container.Config.Cmd"), Some("Container.Config.OpenStdin")]
            .map(|it| (it, fatal));
        assert_eq!(fields, expected, "{response}");
        assert!(
            response.contains("write each word by itself, `Cmd: [echo, hello, world]`"),
            "{response}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_interval_counts_from_the_creation_of_its_allocation() {
        let api = api(Access::default());
        let text = r#"{"Name":"a","Cron":"@every 1h","Container":{"Config":{"Image":"x"}}}"#;
        let post = |path| {
            let asking = Asking::of(&api).with("content-type", "application/json");
            asking.send(Method::POST, path, text)
        };
        post("/").await;
        tokio::time::advance(std::time::Duration::from_secs(600)).await;

        let response = post("/-/check").await;

        assert!(response.contains(r#""Instants":[{"At":"2026-11-21T10:00:00Z"}"#), "{response}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_order_mark_is_no_part_of_a_body_and_other_encodings_are_rejected() {
        let api = api(Access::default());
        let json = r#"{"Name":"a","Cron":"","Container":{"Config":{"Image":"b"}}}"#;
        let send = async |path, body: Vec<u8>| {
            let asking = Asking::of(&api).with("content-type", "application/json");
            asking.send(Method::POST, path, body).await
        };

        for path in ["/-/check", "/"] {
            let response = send(path, format!("\u{feff}{json}").into()).await;
            assert!(response.starts_with("200 OK"), "{response}");
            let response = send(path, b"{\"Name\":\n\"caf\xe9\"}".to_vec()).await;
            let place = "line 2, column 5: byte 0xE9 is not UTF-8 (`é` in Latin-1)";
            assert!(response.starts_with("400 ") && response.contains(place), "{response}");
            let wide = json.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
            let response = send(path, wide).await;
            let place = "line 1, column 1: the file is UTF-16: save it as UTF-8";
            assert!(response.starts_with("400 ") && response.contains(place), "{response}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_neither_yaml_nor_json_is_refused() {
        let api = api(Access::default());
        let asking = Asking::of(&api).with("content-type", "text/plain");

        let response = asking.send(Method::POST, "/-/check", "Name: a").await;

        assert_snapshot!(response, @r#"
        415 Unsupported Media Type
        content-type: application/problem+json

        {"status":415,"title":"Unsupported Media Type","detail":"send the header `Content-Type: application/yaml`, or `application/json`"}
        "#);
    }

    #[tokio::test(start_paused = true)]
    async fn schedules_that_are_over_or_may_mean_seconds_get_warnings() {
        let response = check(
            "- {Name: a, Cron: '0 0 4 * * *', Container: {Config: {Image: b}}}\n\
             - {Name: c, Cron: '0 0 24 12 * 2025', Container: {Config: {Image: b}}}\n",
        );
        let response = response.await;
        for finding in [
            r#"{"Line":1,"Column":19,"Length":13,"Field":"Cron","Message":"six fields end with the year; if seconds were meant first, write `0 0 4 * * * *`, and if not, write `0 0 4 * *`","Fatal":false}"#,
            r#"{"Line":2,"Column":1,"Length":0,"Field":"Cron","Message":"never runs: all its instants are in the past, the last was 2025-12-23T23:00:00Z","Fatal":false}"#,
        ] {
            assert!(response.contains(finding), "{response}");
        }
    }
}
