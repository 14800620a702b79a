//! The keys of the mappings within a specification.

use std::sync::LazyLock;

use super::super::{
    HostCount, Keep, MOST_CONSTRAINTS, MOST_PULL_SECRETS, MOST_TOLERATIONS, Placement, Retries,
    Toleration, TolerationOperator,
    key_definition::{Absent, Entry, Field, Key, key},
    notifications::{
        MOST_OUTPUT_LINES, Notification, NotificationDraft, NotifyEvent, ReceiverKind,
        SHORTEST_REPEAT,
    },
    value_types::{
        ContainerPart, Rule, constraints, engine_name, events, flag, host_count, length, mappings,
        number, object_name, object_names, optional_length, receiver_url, seconds, size,
        taint_effect, target, text, words,
    },
};

/// The longest key of a taint: a domain of 253 bytes, `/` and a name of 63. Values are shorter.
const LONGEST_TAINT: usize = 317;

/// A field of a mapping that is read into the type it is written from.
macro_rules! field {
    ($type:ident . $field:ident) => {
        Field {
            get: |from: &$type| &from.$field,
            set: |draft: &mut $type, value| draft.$field = value,
        }
    };
}

pub(super) static CONTAINER: [ContainerPart; 5] = [
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
    ContainerPart {
        name: "Swarm",
        meaning: "On an engine of kind `swarm` alone: secrets and configs of the Swarm, each a mapping of \
                  `Name`, `Target`, `UID`, `GID` and `Mode`.",
        values: "mapping of `Secrets` and `Configs`",
        default: "none",
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

pub(super) static PLACEMENT: LazyLock<[&dyn Key<Placement, Placement>; 7]> = LazyLock::new(|| {
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
                      `KEY!~PATTERN` with a regular expression for the whole value. On a Swarm or a \
                      cluster, the labels that the engine does not have are those of its nodes. Of several \
                      engines, those come first whose own labels decide all constraints, and of these one \
                      that answers and has the fewest runs under way is chosen.",
            example: r#"["zone==a", "rack=~r[12]"]"#,
            form: constraints(MOST_CONSTRAINTS),
            absent: Absent::Nothing("none"),
            field: field!(Placement.constraints),
        }),
        key(Entry {
            name: "Shared",
            meaning: "Whether each node has the paths and volumes that the container mounts. Otherwise an \
                      engine that chooses among nodes refuses such mounts, unless `Where` names one node or \
                      `On` is `All`.",
            example: "true",
            form: flag(),
            absent: Absent::Is(false),
            field: field!(Placement.is_shared),
        }),
        key(Entry {
            name: "On",
            meaning: "On how many hosts each run has a container: the parts of the run. A host is a Docker \
                      engine, or a node of a Swarm or a cluster. `All` are those that fit and answer when \
                      it starts, up to 250. It succeeds when all parts do; `Retries` repeat only a part \
                      that failed, and a part whose host is away waits, fails or is lost alone.",
            example: "2",
            form: host_count(),
            absent: Absent::Is(HostCount::One),
            field: field!(Placement.on),
        }),
        key(Entry {
            name: "Tolerations",
            meaning: "The taints of nodes that its pods tolerate. On Kubernetes only.",
            example: r#"[{"Key": "batch", "Operator": "Exists"}]"#,
            form: mappings(&*TOLERATION, MOST_TOLERATIONS),
            absent: Absent::Nothing("none"),
            field: field!(Placement.tolerations),
        }),
        key(Entry {
            name: "PullSecrets",
            meaning: "The secrets with which its nodes pull the image, in the namespace of the pods. On \
                      Kubernetes only.",
            example: r#"["registry"]"#,
            form: object_names(MOST_PULL_SECRETS),
            absent: Absent::Nothing("those of its service account"),
            field: field!(Placement.pull_secrets),
        }),
        key(Entry {
            name: "ServiceAccount",
            meaning: "The service account of its pods, whose token is mounted into the container. On \
                      Kubernetes only.",
            example: "report",
            form: object_name(),
            absent: Absent::Nothing("that of the namespace, without its token"),
            field: field!(Placement.service_account),
        }),
    ]
});

static TOLERATION: LazyLock<[&dyn Key<Toleration, Toleration>; 5]> = LazyLock::new(|| {
    [
        key(Entry {
            name: "Key",
            meaning: "The key of the taint.",
            example: "batch",
            form: text(LONGEST_TAINT),
            absent: Absent::Nothing("any, with the operator `Exists`"),
            field: field!(Toleration.key),
        }),
        key(Entry {
            name: "Operator",
            meaning: "Whether the value has to be the same, or may be any.",
            example: "Exists",
            form: words(&TolerationOperator::ALL),
            absent: Absent::Is(TolerationOperator::Equal),
            field: field!(Toleration.operator),
        }),
        key(Entry {
            name: "Value",
            meaning: "The value of the taint.",
            example: "yes",
            form: text(LONGEST_TAINT),
            absent: Absent::Nothing("empty"),
            field: field!(Toleration.value),
        }),
        key(Entry {
            name: "Effect",
            meaning: "The effect of the taint.",
            example: "NoSchedule",
            form: taint_effect(),
            absent: Absent::Nothing("any"),
            field: field!(Toleration.effect),
        }),
        key(Entry {
            name: "TolerationSeconds",
            meaning: "For how long a pod stays on a node that gets such a taint with the effect \
                      `NoExecute`.",
            example: "300",
            form: seconds(),
            absent: Absent::Nothing("for ever"),
            field: field!(Toleration.seconds),
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

/// A field of an entry of `Notify` that its draft has under the same name.
macro_rules! notification {
    ($field:ident) => {
        Field {
            get: |from: &Notification| &from.$field,
            set: |draft: &mut NotificationDraft, value| draft.$field = value,
        }
    };
}

/// The receiver of an entry of `Notify`, which several keys share, so that an entry has one.
macro_rules! receiver {
    () => {
        Field {
            get: |from: &Notification| &from.receiver,
            set: |draft: &mut NotificationDraft, value| draft.receiver = Some(value),
        }
    };
}

pub(in crate::allocation) static NOTIFICATIONS: LazyLock<
    [&dyn Key<NotificationDraft, Notification>; 6],
> = LazyLock::new(|| {
    [
        key(Entry {
            name: "To",
            meaning: "A target of the server's `--notify` file.",
            example: "oncall",
            form: target(),
            absent: Absent::Nothing("one of `To`, `Webhook` and `Slack`"),
            field: receiver!(),
        }),
        key(Entry {
            name: "Webhook",
            meaning: "A URL that gets docket's JSON. Its host must be one of the server's `AllowedHosts`. The \
                      server shows it as `https://HOST/•••`; a push of that keeps the URL.",
            example: "https://hooks.example.org/x",
            form: receiver_url(ReceiverKind::Webhook),
            absent: Absent::Nothing("one of `To`, `Webhook` and `Slack`"),
            field: receiver!(),
        }),
        key(Entry {
            name: "Slack",
            meaning: "The same with JSON for an incoming webhook of Slack, or of what is compatible with it.",
            example: "https://hooks.slack.com/services/x",
            form: receiver_url(ReceiverKind::Slack),
            absent: Absent::Nothing("one of `To`, `Webhook` and `Slack`"),
            field: receiver!(),
        }),
        key(Entry {
            name: "On",
            meaning: "About what: the first failure (which includes timed out and lost runs), the success after \
                      it, missed instants, skipped runs.",
            example: r#"["failed", "recovered"]"#,
            form: events(),
            absent: Absent::Is(NotifyEvent::DEFAULT.to_vec()),
            field: notification!(on),
        }),
        key(Entry {
            name: "Repeat",
            meaning: "Sends a further message when runs still fail, or instants are still missed, after so long.",
            example: "4h",
            form: optional_length(SHORTEST_REPEAT),
            absent: Absent::Nothing("never"),
            field: notification!(repeat),
        }),
        key(Entry {
            name: "Output",
            meaning: "How many of the last lines of the output the message has. Values of `EnvFiles`, and of \
                      variables with names such as `DB_PASSWORD`, are replaced by `•••`.",
            example: "20",
            form: number(0, u64::from(MOST_OUTPUT_LINES)),
            absent: Absent::Is(0),
            field: notification!(output),
        }),
    ]
});
