//! A specification as it is pushed, and an allocation as it is shown. They are read and written by
//! hand, so they are described by hand; what is said here is what README's table says.

use docket_model::{
    AllocationName,
    allocation::Keep,
    wire::{Created, Pushed, Status},
};
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{
            AdditionalProperties, AnyOfBuilder, ArrayBuilder, ObjectBuilder, Ref, Schema,
            SchemaType, Type,
        },
    },
};

/// An allocation as its user writes it.
pub(in crate::http) struct Specification;

/// A specification, and what the server knows of it.
pub(in crate::http) struct Allocation;

/// One specification, or an array of them.
pub(in crate::http) struct Push;

/// What answers a push.
pub(in crate::http) struct PushAnswer;

impl PartialSchema for Specification {
    fn schema() -> RefOr<Schema> {
        let about = "An allocation as its user writes it. Keys are read in any case; an unknown key \
                     is an error. What `GET` answers can be pushed back: `Logs` and `Status` are \
                     ignored.";
        let ignored = |about: &str| {
            ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some(about))
        };
        keys(ObjectBuilder::new())
            .property("Logs", ignored("Ignored."))
            .property("Status", ignored("Ignored."))
            .description(Some(about))
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
            .into()
    }
}

impl ToSchema for Specification {}

impl PartialSchema for Allocation {
    fn schema() -> RefOr<Schema> {
        let entry = "One step of a run: its time, and what was done.";
        let entry = ObjectBuilder::new().schema_type(Type::String).description(Some(entry));
        let about = "What happened lately, the newest last; absent with `?logs=false`.";
        keys(ObjectBuilder::new())
            .property("Logs", ArrayBuilder::new().items(entry).description(Some(about)))
            .property("Status", Ref::from_schema_name(Status::name()))
            .required("Status")
            .description(Some("A specification, and what the server knows of it."))
            .into()
    }
}

impl ToSchema for Allocation {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Status::name().into_owned(), Status::schema()));
        Status::schemas(schemas);
    }
}

impl PartialSchema for Push {
    fn schema() -> RefOr<Schema> {
        let one = Ref::from_schema_name(Specification::name());
        let several = ArrayBuilder::new().items(one.clone());
        let about = "One specification, or an array of which all are taken or none.";
        Schema::from(AnyOfBuilder::new().item(one).item(several).description(Some(about))).into()
    }
}

impl ToSchema for Push {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Specification::name().into_owned(), Specification::schema()));
    }
}

impl PartialSchema for PushAnswer {
    fn schema() -> RefOr<Schema> {
        let one = Ref::from_schema_name(Created::name());
        let several = Ref::from_schema_name(Pushed::name());
        let about = "What became of one specification, or of all of an array.";
        Schema::from(AnyOfBuilder::new().item(one).item(several).description(Some(about))).into()
    }
}

impl ToSchema for PushAnswer {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Created::name().into_owned(), Created::schema()));
        schemas.push((Pushed::name().into_owned(), Pushed::schema()));
        Pushed::schemas(schemas);
    }
}

/// The keys of a specification, in their order.
fn keys(object: ObjectBuilder) -> ObjectBuilder {
    let object = object
        .property("Name", AllocationName::schema())
        .required("Name")
        .property("Description", text("For people.", "Sums of the day").max_length(Some(4096)))
        .property("Labels", labels())
        .property("Cron", text(CRON, "0 18 * * MON-FRI"))
        .property("TimeZone", text(ZONE, "Europe/Berlin"))
        .property("After", names(AFTER, "import", MOST_NAMES))
        .property("Jitter", duration("Starts up to so much later: none by default.", "5m"))
        .property("NotBefore", moment("No instant before it."))
        .property("NotAfter", moment("No instant after it."))
        .property("Suspended", flag("True where nothing starts by itself."));
    object
        .property("Container", container())
        .required("Container")
        .property("EnvFiles", names(ENV_FILES, "report.env", MOST_NAMES))
        .property("Pull", word("When the image is pulled.", &["Always", "Missing", "Never"]))
        .property("Overlap", word(OVERLAP, &["Allow", "Forbid", "Replace", "Queue"]))
        .property("StartingDeadline", duration(DEADLINE, "30m"))
        .property("CatchUp", word(CATCH_UP, &["Latest", "All", "None"]))
        .property("Timeout", duration("Stops an attempt that takes longer.", "1h30m"))
        .property("Retries", retries())
        .property("Keep", keep())
}

const CRON: &str = "The schedule: cron with 5, 6 (the sixth is the year) or 7 fields (the first is the \
                    second), an alias such as `@daily`, `@every 1h30m`, ISO 8601 such as \
                    `R/2026-04-29T18:00:00Z/P1D`, or empty to start nothing by itself. Required, \
                    unless `After` is given.";
const ZONE: &str = "The IANA name of the zone whose wall clock the schedule means: the server's by \
                    default.";
const AFTER: &str = "In place of `Cron`: a name, or names. It runs when each of them has succeeded \
                     anew.";
const ENV_FILES: &str = "Files below the server's `--env-dir`, read at each start.";
const OVERLAP: &str = "While an older run goes on: start beside it, skip, stop the older one, or wait \
                       (one does).";
const DEADLINE: &str = "How late the decision to start may fall: until the next instant by default, at \
                        most an hour.";
const CATCH_UP: &str =
    "Which of the instants within `StartingDeadline` are made up for after a pause.";
const CONTAINER: &str = "`Config`, `HostConfig` and `NetworkingConfig` as in the body of the Docker Engine \
                         API's `POST /containers/create`, whatever option it is: it goes to the engine \
                         as it is written. A key that the Engine API does not know is an error, unless \
                         `allow-unknown-options` is given.";

const PLATFORM: &str = "What the image is for, as OS[/ARCHITECTURE[/VARIANT]]: the server's \
                        `DOCKER_DEFAULT_PLATFORM` by default, or else the engine's own platform.";

/// The most parents, and the most files, that may be named.
const MOST_NAMES: usize = 100;

/// A key that may be left out, which null says too.
fn optional(kind: Type, about: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([kind, Type::Null]))
        .description(Some(about))
}

fn text(about: &str, example: &str) -> ObjectBuilder {
    optional(Type::String, about).examples([example])
}

fn flag(about: &str) -> ObjectBuilder {
    optional(Type::Boolean, about).default(Some(json!(false)))
}

fn duration(about: &str, example: &str) -> ObjectBuilder {
    let about = format!("{about} A length of time: `1h30m10s`, or ISO 8601 `PT1H30M10S`.");
    text(&about, example).pattern(Some("^[0-9PpTtWwDdHhMmSs.,]+$"))
}

fn moment(about: &str) -> ObjectBuilder {
    let about = format!("{about} RFC 3339 with an offset.");
    text(&about, "2026-11-21T09:00:00+01:00").format(Some(
        utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime),
    ))
}

/// One of some words, the first of which is the default; they are read in any case.
fn word(about: &str, words: &[&str]) -> ObjectBuilder {
    let values = words.iter().map(|word| json!(word)).chain([Value::Null]);
    optional(Type::String, about)
        .enum_values(Some(values))
        .default(words.first().map(|it| json!(it)))
}

/// A text, or a list of texts.
fn names(about: &str, example: &str, most: usize) -> Schema {
    let one = optional(Type::String, "One.");
    let items = ObjectBuilder::new().schema_type(Type::String);
    let several = ArrayBuilder::new().items(items).max_items(Some(most));
    let any = AnyOfBuilder::new().item(one).item(several).description(Some(about));
    any.examples([json!([example])]).into()
}

fn labels() -> ObjectBuilder {
    let about = "Texts by name, for people and filters; put on the container too. Names that begin with \
                 `io.docket.` are docket's own.";
    optional(Type::Object, about)
        .additional_properties(Some(ObjectBuilder::new().schema_type(Type::String)))
        .examples([json!({"team": "finance"})])
}

fn container() -> ObjectBuilder {
    let image = ObjectBuilder::new().schema_type(Type::String).examples(["busybox"]);
    let config = ObjectBuilder::new().property("Image", image).required("Image");
    let options = |about: &str| {
        ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some(about))
    };
    ObjectBuilder::new()
        .description(Some(CONTAINER))
        .property("Config", config.description(Some("What runs. `Image` is required.")))
        .required("Config")
        .property("HostConfig", options("How it runs on its host; docket has no restart policies."))
        .property("NetworkingConfig", options("The networks that it is connected to."))
        .property("Platform", text(PLATFORM, "linux/arm64"))
        .examples([json!({
            "Config": {"Image": "busybox", "Cmd": ["echo", "all sums"]},
            "HostConfig": {"Memory": 67_108_864},
        })])
}

fn retries() -> Schema {
    let limit = |about: &str, kinds: SchemaType| {
        let limit = ObjectBuilder::new().schema_type(kinds).description(Some(about));
        limit.minimum(Some(0)).maximum(Some(1000))
    };
    let number = SchemaType::from_iter([Type::Integer, Type::Null]);
    let mapping = ObjectBuilder::new()
        .property("Limit", limit("How many further attempts.", Type::Integer.into()))
        .required("Limit")
        .property("Delay", duration("The first pause, which doubles: `30s` by default.", "30s"))
        .property("MaxDelay", duration("The longest pause: `1h` by default.", "1h"))
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    let any = AnyOfBuilder::new().item(limit("How many.", number)).item(mapping);
    any.description(Some("Further attempts of a run that failed: none by default."))
        .examples([json!(2)])
        .into()
}

fn keep() -> ObjectBuilder {
    let count = |about: &str, least: usize, usual: usize| {
        let count = optional(Type::Integer, about).default(Some(json!(usual)));
        count.minimum(Some(least)).maximum(Some(Keep::MOST_RUNS))
    };
    let usual = Keep::default();
    let output = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Integer, Type::Null]))
        .description(Some("Bytes of an output, as a number or such as `512KiB`: `1MiB` by default, at most `64MiB`."))
        .examples(["512KiB"]);
    optional(Type::Object, "How much history stays.")
        .property("Runs", count("The newest runs.", 1, usual.runs))
        .property("Failures", count("Those that failed besides.", 0, usual.failures))
        .property("Output", output)
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
        .examples([json!({"Runs": 10})])
}
