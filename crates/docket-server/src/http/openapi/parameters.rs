//! Parameters in paths and headers that several operations share.

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

/// The allocation in a path.
pub(in crate::http) struct OfAllocation;

/// The run in a path.
pub(in crate::http) struct OfRun;

/// The expected revision of a change.
pub(in crate::http) struct IfMatch;

/// The revision that a client has.
pub(in crate::http) struct IfNoneMatch;

/// Makes a push create only.
pub(in crate::http) struct IfAbsent;

/// The last event that a client got.
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
        let about = "The change is made only if this is the current revision; `*` for any.";
        vec![in_head("If-Match", about, TAGS, "*")]
    }
}

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_head(
            "If-None-Match",
            "The known revision: 304 while it is the current one.",
            TAGS,
            "\"7\"",
        )]
    }
}

impl IntoParams for IfAbsent {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_head("If-None-Match", "`*`: creates, and does not replace.", "^\\*$", "*")]
    }
}

impl IntoParams for LastEventId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "The id of the last event that the client got: the stream continues after it.";
        // Any text is accepted: an unknown id gets a `gap`.
        vec![in_head("Last-Event-ID", about, "", "17")]
    }
}

/// An entity tag, or several, or any.
// Any number of 18 digits fits in a revision, and no server comes to more.
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

/// The pattern of one or more states of runs.
pub(in crate::http) fn run_states() -> Object {
    let words = StateWord::WORDS.join("|");
    let pattern = format!("^({words})(,({words}))*$");
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build()
}

/// Which events to send. `events.rs` parses this query, because its keys may be repeated.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is a description")]
pub(in crate::http) struct EventsQuery {
    /// Only events of this allocation; may be repeated.
    allocation: Option<AllocationName>,
    /// Only events of allocations with this label: `KEY` or `KEY=VALUE`.
    #[param(pattern = "^[^=]", example = "team=finance")]
    label: Option<String>,
    /// Only events of these kinds, separated by commas.
    #[param(pattern = "^(run|allocation|server)(,(run|allocation|server))*$", example = "run")]
    kind: Option<String>,
    /// Only events of runs that entered one of these states, separated by commas.
    #[param(schema_with = run_states, required = false, example = "failed,timed-out")]
    state: Option<String>,
    /// Only events after the one with this id.
    #[param(example = "17")]
    since: Option<String>,
}
