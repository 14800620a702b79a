//! The keys of the mappings within a specification.

use std::sync::LazyLock;

use super::super::{
    Keep, MOST_CONSTRAINTS, Placement, Retries,
    key_definition::{Absent, Entry, Field, Key, key},
    value_types::{ContainerPart, Rule, constraints, engine_name, length, number, size},
};

/// A field of a mapping that is read into the type it is written from.
macro_rules! field {
    ($type:ident . $field:ident) => {
        Field {
            get: |from: &$type| &from.$field,
            set: |draft: &mut $type, value| draft.$field = value,
        }
    };
}

pub(super) static CONTAINER: [ContainerPart; 4] = [
    ContainerPart {
        name: "Config",
        meaning: "What runs: image, command, environment.",
        values: "mapping; `Image` is required",
        default: "required",
    },
    ContainerPart {
        name: "HostConfig",
        meaning: "How it runs on its host: mounts, limits, privileges. A `RestartPolicy` is an error: \
                  use `Retries`.",
        values: "mapping",
        default: "none",
    },
    ContainerPart {
        name: "NetworkingConfig",
        meaning: "Which networks it joins.",
        values: "mapping",
        default: "none",
    },
    ContainerPart {
        name: "Platform",
        meaning: "The platform of the image, as for `docker run --platform`.",
        values: "`OS[/ARCHITECTURE[/VARIANT]]`",
        default: "the server's `DOCKER_DEFAULT_PLATFORM`, or else the engine's own",
    },
];

/// The first key may also be given alone, as a number.
pub(super) static RETRIES: LazyLock<[&dyn Key<Retries, Retries>; 3]> = LazyLock::new(|| {
    [
        key(Entry {
            name: "Limit",
            meaning: "How many further attempts there are at most.",
            example: "2",
            form: number(0, u64::from(Retries::MOST)),
            // A mapping without a limit would be the same as no retries, which is hardly what it
            // was written for.
            absent: Absent::Required("write how many further attempts there are at most"),
            field: field!(Retries.limit),
        }),
        key(Entry {
            name: "Delay",
            meaning: "How long the first retry waits; each further one waits twice as long.",
            example: "30s",
            form: length(0),
            absent: Absent::Is(Retries::DELAY),
            field: field!(Retries.delay),
        }),
        key(Entry {
            name: "MaxDelay",
            meaning: "The longest that a retry waits.",
            example: "1h",
            form: length(0),
            // A fixed default would make `Delay: 2h` alone an error, because the longest delay is
            // at least the first.
            absent: Absent::Follows {
                value: |retries: &Retries| Retries::max_delay_after(retries.delay),
                fill: |retries: &mut Retries| {
                    retries.max_delay = Retries::max_delay_after(retries.delay);
                },
                words: "`1h`, or `Delay` if that is longer",
            },
            field: field!(Retries.max_delay),
        }),
    ]
});

/// The longest delay is at least the first.
pub(super) const DELAYS: Rule<Retries> = Rule {
    keys: ["Delay", "MaxDelay"],
    check: |Retries { delay, max_delay, .. }| {
        (max_delay < delay).then(|| {
            format!(
                "{max_delay} is shorter than `Delay`, {delay}: write at least {delay}, or a shorter \
                 `Delay`"
            )
        })
    },
};

/// Keys of `Placement` that later versions of docket will have.
pub(super) const LATER_PLACEMENT_KEYS: [&str; 4] =
    ["On", "PullSecrets", "ServiceAccount", "Tolerations"];

pub(super) static PLACEMENT: LazyLock<[&dyn Key<Placement, Placement>; 2]> = LazyLock::new(|| {
    [
        key(Entry {
            name: "Engine",
            meaning: "The name of the engine, as `docket server --engine NAME=URL` gives it.",
            example: "web1",
            form: engine_name(),
            absent: Absent::Nothing("any that `Where` allows, or else the first"),
            field: field!(Placement.engine),
        }),
        key(Entry {
            name: "Where",
            meaning: "What must hold for the labels of the engine, those of `--engine-label` and its \
                      own, and for `engine.name`: `KEY==VALUE`, `KEY!=VALUE`, or `KEY=~PATTERN` and \
                      `KEY!~PATTERN` with a regular expression for the whole value. Of several \
                      engines, one that answers and has the fewest runs under way is chosen.",
            example: r#"["zone==a", "rack=~r[12]"]"#,
            form: constraints(MOST_CONSTRAINTS),
            absent: Absent::Nothing("none"),
            field: field!(Placement.constraints),
        }),
    ]
});

pub(super) static KEEP: LazyLock<[&dyn Key<Keep, Keep>; 3]> = LazyLock::new(|| {
    [
        key(Entry {
            name: "Runs",
            meaning: "The newest runs.",
            example: "10",
            // The newest run shows what happened last and is never removed, so 0 is not a choice.
            form: number(1, Keep::MOST_RUNS as u64),
            absent: Absent::Is(Keep::DEFAULT.runs),
            field: field!(Keep.runs),
        }),
        key(Entry {
            name: "Failures",
            meaning: "The newest runs that did not succeed, besides those.",
            example: "5",
            form: number(0, Keep::MOST_RUNS as u64),
            absent: Absent::Is(Keep::DEFAULT.failures),
            field: field!(Keep.failures),
        }),
        key(Entry {
            name: "Output",
            meaning: "The size of each output, of which head and tail are kept.",
            example: "512KiB",
            form: size(Keep::MOST_OUTPUT),
            absent: Absent::Is(Keep::DEFAULT.output),
            field: field!(Keep.output),
        }),
    ]
});
