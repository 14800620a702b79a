//! What docket reads of an engine's description of a container.

use std::collections::HashMap;

use chrono::{DateTime, Datelike, Utc};
use docket_model::run::{ContainerId, Exit, ExitCause};
use serde::Deserialize;

use super::container_log_cache::{Kept, LogForm};
use crate::engine::docker_api::engine_client::Client;
use crate::engine::{EngineError, Found, Identity, Observation, Past, Refusal, bounded};

/// Exit codes with which a container ends when its engine or host goes down: an unknown end (255),
/// and the signals that shut a machine down (HUP, INT, QUIT, KILL, TERM).
const CODES_OF_A_FALL: [i64; 6] = [129, 130, 131, KILLED, 143, 255];
/// The exit code of a container that was killed: 128 and the number of SIGKILL.
const KILLED: i64 = 137;

/// A container, as the engine describes it. What docket does not need is not read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Inspected {
    pub(super) id: Box<str>,
    #[serde(default)]
    pub(super) name: String,
    /// The id of its image.
    pub(super) image: Option<Box<str>>,
    created: Option<String>,
    state: State,
    config: Config,
    #[serde(default)]
    host_config: HostConfig,
    /// The file that keeps its log.
    log_path: Option<Box<str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    log_config: Option<LogConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LogConfig {
    #[serde(default, rename = "Type")]
    driver: String,
    config: Option<HashMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    #[serde(default)]
    status: String,
    #[serde(default)]
    running: bool,
    #[serde(default)]
    dead: bool,
    #[serde(default, rename = "OOMKilled")]
    out_of_memory: bool,
    #[serde(default)]
    exit_code: i64,
    error: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    tty: bool,
    labels: Option<HashMap<String, String>>,
    image: Option<String>,
}

impl Inspected {
    /// True while its main process lives; a paused one lives.
    pub(super) fn runs(&self) -> bool {
        // Podman has a state of its own from the request to end until the end.
        self.state.running || self.state.status == "stopping"
    }

    /// True while it is paused.
    pub(super) fn is_paused(&self) -> bool {
        self.state.status == "paused"
    }

    /// True once it was started, whatever came of it.
    pub(super) fn was_started(&self) -> bool {
        // The engine sets the time once the process runs; a failed start leaves it at the year 1.
        moment(self.state.started_at.as_deref()).is_some()
    }

    /// Where it is in its life.
    pub(super) fn observation(&self) -> Observation {
        if self.is_going() {
            Observation::Gone(Past::Unknown)
        } else if self.runs() {
            let since = moment(self.state.started_at.as_deref());
            Observation::Running { since, node: None }
        } else if self.was_started() {
            Observation::Ended(self.exit())
        } else {
            Observation::Pending(self.error())
        }
    }

    /// True while the engine takes it away.
    pub(super) fn is_going(&self) -> bool {
        // A container is `dead` if its removal broke off halfway.
        self.state.dead || matches!(self.state.status.as_str(), "removing" | "dead")
    }

    /// True where it writes to a terminal, so that its log has no frames.
    pub(super) fn has_terminal(&self) -> bool {
        self.config.tty
    }

    /// How much of its output its log driver keeps, if that drops old output; `None` if it keeps all,
    /// or is not known to rotate what it keeps.
    pub(super) fn kept_output(&self) -> Option<Kept> {
        let LogConfig { driver, config } = self.host_config.log_config.as_ref()?;
        let option = |name: &str| {
            let value = config.as_ref()?.get(name)?;
            // Docker writes -1 for no limit.
            (!value.is_empty() && value != "-1").then_some(value.as_str())
        };
        let size = option("max-size");
        match driver.as_str() {
            // The names of Docker's own drivers that keep no bounded copy, and those of Podman.
            "" | "none" | "journald" | "k8s-file" | "passthrough" => return None,
            "json-file" if size.is_none() => return None,
            // `local`, and the drivers that send output elsewhere: the engine keeps a copy with a bound.
            _ => {}
        }
        // Docker's `json-file` keeps one file unless more are requested.
        let files = option("max-file").map_or(Some(1), |files| files.parse::<u64>().ok());
        // The file that is written may be empty; of `local` the form on disk is not known.
        let is_known = driver == "json-file";
        let at_least = size.filter(|_| is_known).and_then(bytes).zip(files);
        let at_least =
            at_least.map_or(0, |(size, files)| size.saturating_mul(files.saturating_sub(1)));
        let options = ["max-size", "max-file"].into_iter();
        let options = options.filter_map(|name| Some(format!(", {name} {}", option(name)?)));
        let words = format!("`{driver}`{}", options.collect::<String>()).into();
        Some(Kept { words, at_least })
    }

    /// True where its log driver drops old output.
    pub(super) fn drops_old_output(&self) -> bool {
        self.kept_output().is_some()
    }

    /// True where a follow of its log hands out all that the log has.
    // A follow of Podman's log files skips lines where it is behind the program at the program's end, so such
    // a log is read again and again instead.
    pub(super) fn is_followed_completely(&self) -> bool {
        self.log_path.as_deref().is_none_or(str::is_empty) || self.has_docker_log()
    }

    /// True where its log is a file of Docker's default driver.
    fn has_docker_log(&self) -> bool {
        self.log_path.as_deref().is_some_and(|path| path.ends_with("-json.log"))
    }

    /// How its log is read.
    pub(super) fn log_form(&self) -> LogForm {
        let kept = self.kept_output();
        // Other drivers, and Podman, have stamps in a form or a time zone of their own.
        let has_stamps = kept.is_some() || self.has_docker_log();
        LogForm { has_terminal: self.has_terminal(), has_stamps, kept }
    }

    /// Whose it is, by its labels.
    pub(super) fn found(&self) -> Option<Found> {
        let created_at = moment(self.created.as_deref());
        let id = ContainerId(self.id.as_ref().into());
        Found::of(id.into(), self.config.labels.as_ref()?, created_at).ok()
    }

    /// True where every label that tells the container from all others is there.
    pub(super) fn is(&self, identity: &Identity) -> bool {
        let labels = self.config.labels.as_ref();
        labels.is_some_and(|labels| Identity::of(labels).as_ref() == Ok(identity))
    }

    /// The container in words, and what to do where another server with the same namespace has it.
    pub(super) fn holder(&self, identity: &Identity) -> String {
        let label = |wanted: &str| {
            let labels = self.config.labels.as_ref()?;
            labels.get(wanted).map(String::as_str)
        };
        let store = label("io.docket.store");
        let description = self.description();
        if store.is_some_and(|store| store != identity.store.to_string()) {
            let namespace = &identity.namespace;
            format!(
                "{description} of another docket server in the same namespace, `{namespace}`: give one \
                 of the two servers another `--namespace`"
            )
        } else {
            description
        }
    }

    /// The container in words, for one who wonders whose it is.
    pub(super) fn description(&self) -> String {
        let image = self.config.image.as_deref().unwrap_or("unknown");
        let name = self.name.strip_prefix('/').unwrap_or(&self.name);
        bounded(format!("container {} (`{name}`, image `{image}`)", self.id))
    }

    /// What the engine says went wrong, if it says anything.
    pub(super) fn error(&self) -> Option<String> {
        let error = self.state.error.as_ref();
        error.filter(|error| !error.is_empty()).map(bounded)
    }

    /// True where the kernel killed it because it used too much memory.
    pub(super) fn is_out_of_memory(&self) -> bool {
        self.state.out_of_memory
    }

    /// True where it ended as one does whose engine or host goes down.
    pub(super) fn may_have_fallen(&self) -> bool {
        !self.is_out_of_memory() && CODES_OF_A_FALL.contains(&self.state.exit_code)
    }

    /// How it ended.
    pub(super) fn exit(&self) -> Exit {
        let started_at = moment(self.state.started_at.as_deref());
        let ended_at = moment(self.state.finished_at.as_deref());
        Exit {
            code: Some(self.state.exit_code),
            image: self.image.as_deref().map(Into::into),
            started_at,
            // An engine notes the start of a short life after its end.
            ended_at: ended_at.map(|ended_at| started_at.map_or(ended_at, |at| at.max(ended_at))),
            error: self.error(),
            cause: if self.is_out_of_memory() {
                Some(ExitCause::OutOfMemory)
            } else {
                cause_of(self.state.exit_code)
            },
        }
    }
}

/// Why a container ended, as far as its exit code shows.
pub(super) fn cause_of(exit_code: i64) -> Option<ExitCause> {
    (exit_code == KILLED).then_some(ExitCause::Killed)
}

fn moment(text: Option<&str>) -> Option<DateTime<Utc>> {
    moment_in(text?)
}

/// A moment as the engine writes it, which has the year 1 for one that never was.
pub(super) fn moment_in(text: &str) -> Option<DateTime<Utc>> {
    let moment = DateTime::parse_from_rfc3339(text).ok()?;
    (moment.year() > 1).then(|| moment.to_utc())
}

/// Reads a size as Docker's log drivers do: a number with `k`, `m` or `g`, in powers of 1,024.
fn bytes(text: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let end = lower.find(|c: char| !c.is_ascii_digit()).unwrap_or(lower.len());
    let (digits, unit) = lower.split_at(end);
    let power = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << power)
}

impl Client {
    /// Looks at a container, by id or name.
    pub(super) async fn inspect(&self, container: &str) -> Result<Inspected, EngineError> {
        let path = format!("/containers/{container}/json");
        match self.get_json(&path, &[]).await {
            Err(EngineError::Refused { kind: Refusal::NotFound, .. }) => Err(EngineError::Gone),
            answer => answer,
        }
    }

    /// Inspects a container by its id.
    ///
    /// A container, or that there is none, is an answer. A refusal says nothing about a container, so
    /// it counts as no answer.
    pub(super) async fn inspect_id(&self, id: &ContainerId) -> Result<Inspected, EngineError> {
        self.inspect(&id.0).await.map_err(|error| self.refusal_as_no_answer("inspect", error))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn kept_output(driver: &str, options: &Value) -> Option<String> {
        let inspected: Inspected = serde_json::from_value(json!({
            "Id": "c1", "State": {}, "Config": {},
            "HostConfig": {"LogConfig": {"Type": driver, "Config": options}},
        }))
        .unwrap();
        inspected.kept_output().map(|kept| format!("{}: {}", kept.words, kept.at_least))
    }

    #[test]
    fn a_log_driver_drops_old_output_where_what_it_keeps_is_bounded() {
        let rotated = json!({"max-size": "1m", "max-file": "3", "compress": "true"});
        for (driver, options, kept) in [
            ("json-file", json!({}), None),
            ("json-file", Value::Null, None),
            ("json-file", json!({"max-size": "-1"}), None),
            ("json-file", rotated, Some("`json-file`, max-size 1m, max-file 3: 2097152")),
            ("json-file", json!({"max-size": "10k"}), Some("`json-file`, max-size 10k: 0")),
            ("local", json!({}), Some("`local`: 0")),
            ("syslog", json!({"syslog-address": "udp://10.0.0.1"}), Some("`syslog`: 0")),
            ("journald", json!({}), None),
            ("k8s-file", Value::Null, None),
            ("none", json!({}), None),
        ] {
            assert_eq!(kept_output(driver, &options).as_deref(), kept, "{driver}");
        }
    }
}
