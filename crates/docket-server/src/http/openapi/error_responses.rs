//! The error responses of each operation. Their examples are the bodies of the errors themselves.

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
        request_memory::Busy,
    },
    examples,
};
use crate::{
    engine::EngineError,
    runner::{ManualError, NoTerm},
    store::StoreError,
};

type Responses = BTreeMap<String, RefOr<Response>>;

/// The content type of the original's responses without its parameter, so that it matches both.
const JSON: &str = "application/json";

/// Declares a type for each group of error responses. It has no values.
macro_rules! groups {
    ($($(#[$doc:meta])* $name:ident => [$($response:expr),* $(,)?] $(+ $other:ident)*;)*) => {$(
        $(#[$doc])*
        pub(in crate::http) struct $name;

        impl IntoResponses for $name {
            fn responses() -> Responses {
                let own: Responses = [$($response),*].into_iter().collect();
                // Of two groups with the same status, the last one wins.
                $(let own: Responses = own.into_iter().chain($other::responses()).collect();)*
                own
            }
        }
    )*};
}

groups! {
    /// All operations with a token.
    Usual => [] + Guarded + Any;
    /// Operations that control an allocation.
    Controlled => [] + Posted + Named + Conditional + Written + Usual;
    /// All operations.
    Any => [
        problem("The request is from a web page of another origin, or for a host name that is not the server's.", &[
            ("otherOrigin", ApiError::Forbidden("a page of https://example.com may not use this server: if a proxy serves docket there, start the server with `--public-url https://example.com`".to_owned())),
        ]),
        problem("An internal error; the server's log has its cause.", &[
            ("broken", ApiError::Internal(String::new())),
        ]),
    ];
    /// Operations that require the token.
    Guarded => [
        problem("The request has no token, or a wrong one.", &[
            ("noToken", ApiError::Unauthorized),
            ("wrongToken", ApiError::WrongToken),
        ]),
        problem("A wrong token, after too many from the same address.", &[
            ("tooMany", ApiError::TooManyTokens(Duration::from_secs(40))),
        ]),
    ];
    /// Operations that respond in JSON or YAML.
    Negotiated => [
        problem("The client accepts neither JSON nor YAML.", &[
            ("notAcceptable", ApiError::NotAcceptable),
        ]),
    ];
    /// Operations on an allocation.
    Named => [
        problem("No allocation has the name.", &[
            ("noAllocation", ApiError::NoSuchAllocation("reprot".to_owned(), Some(report()))),
        ]),
    ];
    /// Operations on a run.
    NamedRun => [
        problem("No allocation has the name, or it has no record of the run.", &[
            ("noAllocation", ApiError::NoSuchAllocation("reprot".to_owned(), Some(report()))),
            ("noRun", ApiError::NoSuchRun("report/20261121T090000Z".to_owned())),
        ]),
    ];
    /// Operations with parameters.
    Asked => [
        problem("A parameter is invalid.", &[
            ("parameter", ApiError::BadQuery("limit: `0` is not a number from 1 to 1000".to_owned())),
        ]),
    ];
    /// Operations with a body.
    Posted => [
        problem("A parameter, a header or the body is invalid.", &[
            ("body", ApiError::BadRequest("`Until` is in the past: 2020-01-01T00:00:00Z".to_owned())),
            ("header", ApiError::BadCondition("If-Match: `7` is not an entity tag: send the value of `ETag` with its quotes, such as `\"7\"`".to_owned())),
        ]),
        problem("The body did not arrive in time.", &[("slow", ApiError::TooSlow)]),
        problem("The body is too large.", &[("large", ApiError::TooLarge(SizeLimit::Endpoint(1 << 20)))]),
        problem("The `Content-Type` is absent or not accepted.", &[("type", ApiError::NotJson)]),
        busy(),
    ];
    /// Operations on posted specifications, with the error bodies of the original.
    PostedSpecifications => [
        refused_or_problem("The body is not JSON, or a parameter or a header is invalid.", &[
            ("undecodable", ApiError::Undecodable("EOF while parsing an object at line 1 column 1".to_owned())),
        ], &[
            ("parameter", ApiError::BadQuery("unknown parameter `result`: did you mean `results`?".to_owned())),
            ("header", ApiError::BadCondition("`If-Match` and `If-None-Match` are about one allocation: send it alone, not in an array".to_owned())),
        ]),
        problem("The body did not arrive in time.", &[("slow", ApiError::TooSlow)]),
        problem("The body is too large.", &[("large", ApiError::TooLarge(SizeLimit::MaxBody(64 << 20)))]),
        problem("The `Content-Type` is not `application/json`.", &[("type", ApiError::NotJson)]),
        busy(),
        refused_or_problem(
            "The errors of the specifications, by field. With `Accept: application/problem+json` they \
             include the place of each error in a schedule.",
            &[("errors", ApiError::Invalid(errors()))],
            &[("errorsInDetail", ApiError::InvalidInDetail(errors()))],
        ),
    ];
    /// Operations with `If-Match` or `If-None-Match`.
    Conditional => [
        problem("The allocation has another revision than expected: the one in `ETag`.", &[
            ("otherRevision", ApiError::Store(StoreError::Unmet { name: report(), present: Some(7) })),
        ]),
    ];
    /// Operations that write to the store.
    Written => [
        problem("The store cannot be written now, or the server is busy; nothing was changed.", &[
            ("unwritable", ApiError::Store(StoreError::Unwritable("the disk is full".to_owned()))),
            ("noTerm", no_term()),
            ("busy", ApiError::Busy(Busy::Bodies)),
        ]),
    ];
    /// Operations that use the engine.
    AskedOfEngine => [
        problem("The engine does not answer, or the server is busy.", &[
            ("engine", engine_away()),
            ("noTerm", no_term()),
            ("busy", ApiError::Busy(Busy::Bodies)),
        ]),
    ];
    /// Changes of an allocation that a file or other allocations depend on.
    Owned => [
        problem("The allocation is from a file, or other allocations run after it.", &[
            ("inFile", ApiError::Store(StoreError::ReadOnly { name: report(), file: "/etc/docket/docket.yml".into() })),
            ("hasChildren", ApiError::Store(StoreError::HasChildren { name: report(), children: vec![report()] })),
        ]),
    ];
    /// The cancellation of a run that is over.
    Over => [
        problem("The run is over.", &[
            ("over", ApiError::Store(StoreError::RunIsOver { id: run(), state: StateWord::Succeeded })),
        ]),
    ];
    /// A manual run that does not start.
    NotRun => [
        skipped_or_problem(),
        problem("The requested instant cannot be backfilled.", &[
            ("future", ApiError::Manual(ManualError::Future(instant()))),
            ("noInstant", ApiError::Manual(ManualError::NoInstant { instant: instant(), before: None, after: None })),
        ]),
    ];
    /// A backup that cannot be made.
    NotCopied => [
        problem("The store is in memory, or the backup failed.", &[
            ("inMemory", ApiError::Store(StoreError::NoFile)),
        ]),
        problem("Another backup is running, or the store cannot be written.", &[
            ("underWay", ApiError::Busy(Busy::Backups)),
        ]),
    ];
    /// Signing in to a server without a token.
    NoToken => [
        problem("The server requires no token.", &[("noToken", ApiError::NoToken)]),
    ];
    /// Readiness.
    NotReady => [
        problem("No run can start; the detail has the reasons.", &[
            ("notReady", ApiError::NotReady("the engine has not answered since the server started".to_owned())),
        ]),
    ];
    /// Too many readers of events.
    Crowded => [
        problem("The maximum number of clients follow events already.", &[
            ("crowded", ApiError::NotReady("1000 clients follow events already: try again later".to_owned())),
        ]),
    ];
    /// Files of the page.
    NoFile => [
        problem("The page has no such file.", &[
            ("noFile", ApiError::NoSuchRoute("/-/page/none.js".to_owned())),
        ]),
    ];
}

/// The response for errors of one status, with an example of each by name.
fn problem(about: &str, errors: &[(&str, ApiError)]) -> (String, RefOr<Response>) {
    let response = ResponseBuilder::new().description(about);
    (status(errors), headers(response.content(PROBLEM, content(errors)), errors).build().into())
}

/// The response of a busy server.
fn busy() -> (String, RefOr<Response>) {
    let errors = [("busy", ApiError::Busy(Busy::Bodies))];
    problem("The server is busy: send the request again later.", &errors)
}

/// A response with the original's error body or a problem.
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

/// The response for a run that a policy skipped, or that exists already.
fn skipped_or_problem() -> (String, RefOr<Response>) {
    let taken = [
        ("taken", ApiError::Manual(ManualError::Taken { run: run(), state: StateWord::Succeeded })),
        ("pruned", ApiError::Manual(ManualError::Pruned(instant()))),
    ];
    let about = "A policy skipped the run, which is recorded; or the run exists already.";
    let skipped = shown(RunRecord::name().as_ref(), [("skipped", examples::skipped())]);
    let response = ResponseBuilder::new().description(about).content(JSON, skipped);
    let place = HeaderBuilder::new().description(Some("The path of the skipped run."));
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

/// A body with this schema and examples.
fn shown<'a>(schema: &str, examples: impl IntoIterator<Item = (&'a str, Value)>) -> Content {
    let examples = examples
        .into_iter()
        .map(|(name, value)| (name.to_owned(), ExampleBuilder::new().value(Some(value)).build()));
    let schema = Ref::from_schema_name(schema);
    ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build()
}

/// Adds the headers of such errors.
fn headers(response: ResponseBuilder, errors: &[(&str, ApiError)]) -> ResponseBuilder {
    let header = |about: &str, example: &str| {
        let header = HeaderBuilder::new().schema(Some(text())).description(Some(about));
        header.example(Some(example.into())).build()
    };
    let mut errors = errors.iter().map(|(_, error)| error);
    // `Retry-After` is documented if any of the errors has it, not only the first.
    let busy = errors.clone().find(|error| matches!(error, ApiError::Busy(_)));
    match busy.or(errors.next()) {
        Some(ApiError::Unauthorized) => response
            .header("WWW-Authenticate", header("How to authenticate.", "Bearer realm=\"docket\"")),
        Some(ApiError::TooManyTokens(_) | ApiError::Busy(_)) => {
            response.header("Retry-After", header("The number of seconds to wait.", "41"))
        }
        Some(ApiError::Store(StoreError::Unmet { .. })) => {
            response.header("ETag", header("The current revision, if there is one.", "\"7\""))
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

fn no_term() -> ApiError {
    ApiError::NoTerm(NoTerm("another server has taken over the store".into()))
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
