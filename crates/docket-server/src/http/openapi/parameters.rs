//! What stands in paths and heads of requests, the same for many.

use docket_model::{
    AllocationName,
    run::{Instant, StateWord},
};
use utoipa::{
    IntoParams, PartialSchema,
    openapi::{
        Object, Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};

/// The allocation that a path names.
pub(in crate::http) struct OfAllocation;

/// The run that a path names.
pub(in crate::http) struct OfRun;

/// What a change may depend on.
pub(in crate::http) struct IfMatch;

/// What a reader knows already.
pub(in crate::http) struct IfNoneMatch;

/// That a push only creates.
pub(in crate::http) struct IfAbsent;

/// The last event that a reader got.
pub(in crate::http) struct LastEventId;

impl IntoParams for OfAllocation {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            in_path("name", "The allocation.")
                .schema(Some(AllocationName::schema()))
                .example(Some("report".into()))
                .build(),
        ]
    }
}

impl IntoParams for OfRun {
    fn into_params(kept: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let run = in_path("run", "The run's name below its allocation.");
        let run = run.schema(Some(Instant::schema())).example(Some("20261121T090000Z".into()));
        OfAllocation::into_params(kept).into_iter().chain([run.build()]).collect()
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about =
            "The change is made only while this is the present revision; `*` where there is any.";
        vec![in_head("If-Match", about, TAGS, "*")]
    }
}

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_head(
            "If-None-Match",
            "The revision that is known: 304 while it is the present one.",
            TAGS,
            "\"7\"",
        )]
    }
}

impl IntoParams for IfAbsent {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_head("If-None-Match", "`*`: creates, and replaces nothing.", "^\\*$", "*")]
    }
}

impl IntoParams for LastEventId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "The id of the last event that the reader got: what follows it is sent.";
        // Any is taken: of one that docket did not give, the first event says so.
        vec![in_head("Last-Event-ID", about, "", "20261121T080000Z-17")]
    }
}

/// An entity tag, or several, or any.
const TAGS: &str = "^(\\*|(W/)?\"[0-9]{1,18}\"(, (W/)?\"[0-9]{1,18}\")*)$";

fn in_path(name: &str, about: &str) -> ParameterBuilder {
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path);
    parameter.required(Required::True).description(Some(about))
}

fn in_head(name: &str, about: &str, pattern: &str, example: &str) -> Parameter {
    let pattern = Some(pattern).filter(|pattern| !pattern.is_empty());
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(pattern);
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header);
    let parameter = parameter.required(Required::False).description(Some(about));
    parameter.schema(Some(schema)).example(Some(example.into())).build()
}

/// One of the words for the state of a run, or several.
fn states() -> Object {
    let words = StateWord::WORDS.join("|");
    let pattern = format!("^({words})(,({words}))*$");
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build()
}

/// Which events are wanted. The query is read by hand, as its keys may stand there several times.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is a description")]
pub(in crate::http) struct EventsQuery {
    /// Those of this allocation; of several where it is given several times.
    allocation: Option<AllocationName>,
    /// Those of allocations with this label: `KEY`, or `KEY=VALUE`.
    #[param(pattern = "^[^=]", example = "team=finance")]
    label: Option<String>,
    /// Those of these kinds, with commas between.
    #[param(pattern = "^(run|allocation|server)(,(run|allocation|server))*$", example = "run")]
    kind: Option<String>,
    /// Those of runs that are in one of these states since, with commas between; then only events of runs.
    #[param(schema_with = states, required = false, example = "failed,timed-out")]
    state: Option<String>,
    /// Those after the event of this id.
    #[param(example = "20261121T080000Z-17")]
    since: Option<String>,
}
