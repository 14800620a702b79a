//! What each request may be refused with. The examples are what the errors themselves answer.

use std::{collections::BTreeMap, time::Duration};

use actix_web::ResponseError;
use docket_model::{
    AllocationName, FieldPath, Finding, Reported,
    run::{Instant, RunId, StateWord},
    wire::{Problem, Refused, RunRecord},
};
use serde_json::{Value, to_value};
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{
        Content, ContentBuilder, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder,
        example::ExampleBuilder,
        schema::{ObjectBuilder, Type},
    },
};

use super::{
    super::{
        error::{ApiError, PROBLEM, SizeLimit},
        limits::Busy,
    },
    examples,
};
use crate::{engine::EngineError, runner::ManualError, store::StoreError};

type Responses = BTreeMap<String, RefOr<Response>>;

/// The type of the original's answers, without its parameter: one that has none matches it too.
const JSON: &str = "application/json";

/// Declares what is described below, which is no value.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident => [$($told:expr),* $(,)?];)*) => {$(
        $(#[$doc])*
        pub(in crate::http) struct $name;

        impl IntoResponses for $name {
            fn responses() -> Responses {
                [$($told),*].into_iter().collect()
            }
        }
    )*};
}

refusals! {
    /// Every request.
    Any => [
        problem("A web page of another origin asks, or a name that is not the server's is asked.", &[
            ("otherOrigin", ApiError::Forbidden("a page of https://example.com may not use this server: if a proxy serves docket there, start the server with `--public-url https://example.com`".to_owned())),
        ]),
        problem("Something broke; the server's log says what.", &[
            ("broken", ApiError::Internal(String::new())),
        ]),
    ];
    /// What asks for the token.
    Guarded => [
        problem("No token of the server came with the request, or another one.", &[
            ("noToken", ApiError::Unauthorized),
            ("wrongToken", ApiError::WrongToken),
        ]),
        problem("Another token came, after too many from the same address.", &[
            ("tooMany", ApiError::TooManyTokens(Duration::from_secs(40))),
        ]),
    ];
    /// What is answered as JSON or YAML.
    Negotiated => [
        problem("The client accepts neither JSON nor YAML.", &[
            ("notAcceptable", ApiError::NotAcceptable),
        ]),
    ];
    /// What is about an allocation.
    Named => [
        problem("No allocation has the name.", &[
            ("noAllocation", ApiError::NoSuchAllocation("reprot".to_owned(), Some(report()))),
        ]),
    ];
    /// What is about a run.
    NamedRun => [
        problem("No allocation has the name, or it has no record of the run.", &[
            ("noAllocation", ApiError::NoSuchAllocation("reprot".to_owned(), Some(report()))),
            ("noRun", ApiError::NoSuchRun("report/20261121T090000Z".to_owned())),
        ]),
    ];
    /// What takes parameters.
    Asked => [
        problem("A parameter is wrong.", &[
            ("parameter", ApiError::BadQuery("limit: `0` is no number from 1 to 1000".to_owned())),
        ]),
    ];
    /// What takes a body.
    Posted => [
        problem("A parameter, a header or the body is wrong.", &[
            ("body", ApiError::BadRequest("`Until` is in the past: 2020-01-01T00:00:00Z".to_owned())),
            ("header", ApiError::BadCondition("If-Match: `7` is no entity tag: send what `ETag` said, quotes and all, such as `\"7\"`".to_owned())),
        ]),
        problem("The body did not arrive in time.", &[("slow", ApiError::TooSlow)]),
        problem("The body is too large.", &[("large", ApiError::TooLarge(SizeLimit::Endpoint(1 << 20)))]),
        problem("The body does not say of which type it is, or is of another.", &[("type", ApiError::NotJson)]),
        busy(),
    ];
    /// What takes specifications, and answers as the original does.
    PostedSpecifications => [
        refused_or_problem("The body is no JSON, or a parameter or a header is wrong.", &[
            ("undecodable", ApiError::Undecodable("EOF while parsing an object at line 1 column 1".to_owned())),
        ], &[
            ("parameter", ApiError::BadQuery("`result` does not stand in this query: did you mean `results`?".to_owned())),
            ("header", ApiError::BadCondition("`If-Match` and `If-None-Match` are about one allocation: send it alone, not in an array".to_owned())),
        ]),
        problem("The body did not arrive in time.", &[("slow", ApiError::TooSlow)]),
        problem("The body is too large.", &[("large", ApiError::TooLarge(SizeLimit::MaxBody(64 << 20)))]),
        problem("The body does not say that it is JSON.", &[("type", ApiError::NotJson)]),
        busy(),
        refused_or_problem(
            "All that is wrong with the specifications, by field. With `Accept: application/problem+json` \
             a push is told the place of each error in a schedule too.",
            &[("errors", ApiError::Invalid(errors()))],
            &[("errorsInDetail", ApiError::InvalidInDetail(errors()))],
        ),
    ];
    /// What depends on `If-Match` or `If-None-Match`.
    Conditional => [
        problem("The allocation is of another revision than was expected: `ETag` says of which.", &[
            ("otherRevision", ApiError::Store(StoreError::Unmet { name: report(), present: Some(7) })),
        ]),
    ];
    /// What is written.
    Written => [
        problem("The store cannot be written for the moment, or other requests take what this one needs; nothing was changed.", &[
            ("unwritable", ApiError::Store(StoreError::Unwritable("the disk is full".to_owned()))),
            ("busy", ApiError::Busy(Busy::Bodies)),
        ]),
    ];
    /// What asks the engine.
    AskedOfEngine => [
        problem("The engine does not answer, or other requests take what this one needs.", &[
            ("engine", engine_away()),
            ("busy", ApiError::Busy(Busy::Bodies)),
        ]),
    ];
    /// What a file of allocations may have.
    Owned => [
        problem("A file has the allocation, or others run after it.", &[
            ("inFile", ApiError::Store(StoreError::ReadOnly { name: report(), file: "/etc/docket/docket.yml".into() })),
            ("hasChildren", ApiError::Store(StoreError::HasChildren { name: report(), children: vec![report()] })),
        ]),
    ];
    /// A run that is over already.
    Over => [
        problem("The run is over.", &[
            ("over", ApiError::Store(StoreError::RunIsOver { id: run(), state: StateWord::Succeeded })),
        ]),
    ];
    /// A run by hand that does not start.
    NotRun => [
        skipped_or_problem(),
        problem("The moment is none that can be made up for.", &[
            ("future", ApiError::Hand(ManualError::Future(instant()))),
            ("noInstant", ApiError::Hand(ManualError::NoInstant { instant: instant(), before: None, after: None })),
        ]),
    ];
    /// A copy of the store that cannot be made.
    NotCopied => [
        problem("The store is in memory, or the copy could not be made.", &[
            ("inMemory", ApiError::Store(StoreError::NoFile)),
        ]),
        problem("Another copy is under way, or the store cannot be written.", &[
            ("underWay", ApiError::Busy(Busy::Backups)),
        ]),
    ];
    /// Nobody signs in to a server without a token.
    NoToken => [
        problem("The server asks for no token.", &[("noToken", ApiError::NoToken)]),
    ];
    /// The server cannot start anything.
    NotReady => [
        problem("Nothing can start, and why.", &[
            ("notReady", ApiError::NotReady("the engine has not answered since the server started".to_owned())),
        ]),
    ];
    /// There is no place for one more reader.
    Crowded => [
        problem("As many as may be follow events already.", &[
            ("crowded", ApiError::NotReady("1000 follow events already: try again later".to_owned())),
        ]),
    ];
    /// The page has no such file.
    NoFile => [
        problem("The page has no such file.", &[
            ("noFile", ApiError::NoSuchRoute("/-/page/none.js".to_owned())),
        ]),
    ];
}

/// Several errors of one status, as the problems that they are; each with a name.
fn problem(about: &str, errors: &[(&str, ApiError)]) -> (String, RefOr<Response>) {
    let response = ResponseBuilder::new().description(about);
    (status(errors), headers(response.content(PROBLEM, content(errors)), errors).build().into())
}

/// A request that others leave no room for.
fn busy() -> (String, RefOr<Response>) {
    let errors = [("busy", ApiError::Busy(Busy::Bodies))];
    problem("Other requests take what this one needs: it can be sent again later.", &errors)
}

/// The original's body, or a problem.
fn refused_or_problem(
    about: &str,
    refused: &[(&str, ApiError)],
    problems: &[(&str, ApiError)],
) -> (String, RefOr<Response>) {
    let bodies = refused.iter().filter_map(|(name, error)| {
        let body = match error {
            ApiError::Invalid(errors) => Refused::because_of(errors),
            error => Refused::undecodable(error.to_string()),
        };
        Some((*name, to_value(body).ok()?))
    });
    let original = shown(Refused::name().as_ref(), bodies);
    let response = ResponseBuilder::new().description(about).content(JSON, original);
    (status(problems), response.content(PROBLEM, content(problems)).build().into())
}

/// A run that policies forbid, or the problem of one that cannot be.
fn skipped_or_problem() -> (String, RefOr<Response>) {
    let taken = [
        ("taken", ApiError::Hand(ManualError::Taken { run: run(), state: StateWord::Succeeded })),
        ("pruned", ApiError::Hand(ManualError::Pruned(instant()))),
    ];
    let about =
        "A policy forbids it, and the run is recorded as skipped; or there is such a run already.";
    let skipped = shown(RunRecord::name().as_ref(), [("skipped", examples::skipped())]);
    let response = ResponseBuilder::new().description(about).content(JSON, skipped);
    let place = HeaderBuilder::new().description(Some("Where the run that was skipped is."));
    let response = response.header("Location", place.schema(Some(text())).build());
    (status(&taken), response.content(PROBLEM, content(&taken)).build().into())
}

fn status(errors: &[(&str, ApiError)]) -> String {
    errors.first().map(|(_, error)| error.status_code().as_u16().to_string()).unwrap_or_default()
}

fn content(errors: &[(&str, ApiError)]) -> Content {
    let problems =
        errors.iter().filter_map(|(name, error)| Some((*name, to_value(error.problem()).ok()?)));
    shown(Problem::name().as_ref(), problems)
}

/// A body of this schema, with examples.
fn shown<'a>(schema: &str, examples: impl IntoIterator<Item = (&'a str, Value)>) -> Content {
    let examples = examples
        .into_iter()
        .map(|(name, value)| (name.to_owned(), ExampleBuilder::new().value(Some(value)).build()));
    let schema = Ref::from_schema_name(schema);
    ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build()
}

/// What stands in the head beside such errors.
fn headers(response: ResponseBuilder, errors: &[(&str, ApiError)]) -> ResponseBuilder {
    let header = |about: &str, example: &str| {
        let header = HeaderBuilder::new().schema(Some(text())).description(Some(about));
        header.example(Some(example.into())).build()
    };
    let mut errors = errors.iter().map(|(_, error)| error);
    let busy = errors.clone().find(|error| matches!(error, ApiError::Busy(_)));
    match busy.or(errors.next()) {
        Some(ApiError::Unauthorized) => response
            .header("WWW-Authenticate", header("How to show who asks.", "Bearer realm=\"docket\"")),
        Some(ApiError::TooManyTokens(_) | ApiError::Busy(_)) => {
            response.header("Retry-After", header("After how many seconds to ask again.", "41"))
        }
        Some(ApiError::Store(StoreError::Unmet { .. })) => {
            response.header("ETag", header("The present revision, where there is one.", "\"7\""))
        }
        _ => response,
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn errors() -> Reported<Finding> {
    let errors = [
        Finding::new(FieldPath::key("Name"), "Required"),
        Finding::new(FieldPath::key("Container").with_key("Config"), "Config is required"),
    ];
    errors.into_iter().collect()
}

fn engine_away() -> ApiError {
    ApiError::Engine(EngineError::Unreachable("no such file: /var/run/docker.sock".to_owned()))
}

#[expect(clippy::unwrap_used, reason = "it is a name")]
fn report() -> AllocationName {
    AllocationName::parse("report").unwrap()
}

fn instant() -> Instant {
    Instant::new(examples::moment())
}

fn run() -> RunId {
    RunId { allocation: report(), instant: instant() }
}
