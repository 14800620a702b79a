//! The policies of a specification: all keys that have a default.

use std::sync::Arc;

use chrono::{DateTime, FixedOffset};
use serde_json::{Map, Value};

use super::{Reader, fields::Fields, values};
use crate::{
    allocation::{
        CatchUp, Keep, MOST_ENV_FILES, Overlap, Policies, Pull, Retries, writer::written,
    },
    finding::{Place, expected, listed, nearest, shortened, unknown_key},
};

const RETRIES_KEYS: [&str; 3] = ["Limit", "Delay", "MaxDelay"];
const KEEP_KEYS: [&str; 3] = ["Runs", "Failures", "Output"];

impl Reader<'_> {
    pub(super) fn policies(&mut self, fields: &mut Fields) -> Arc<Policies> {
        let (not_before, not_after) = self.bounds(fields);
        let jitter = self.field(fields, "Jitter", values::duration);
        let policies = Policies {
            // No jitter at all is the default, whose form it takes.
            jitter: jitter.filter(|jitter| jitter.seconds() > 0),
            not_before,
            not_after,
            suspended: self.field(fields, "Suspended", values::boolean).unwrap_or_default(),
            env_files: self.env_files(fields),
            pull: self.word(fields, "Pull", &Pull::ALL, Pull::word),
            overlap: self.word(fields, "Overlap", &Overlap::ALL, Overlap::word),
            starting_deadline: self.field(fields, "StartingDeadline", values::length),
            catch_up: self.word(fields, "CatchUp", &CatchUp::ALL, CatchUp::word),
            timeout: self.field(fields, "Timeout", values::length),
            retries: self.retries(fields),
            keep: self.keep(fields),
        };
        if policies == Policies::default() {
            Policies::shared_default()
        } else {
            Arc::new(policies)
        }
    }

    fn word<T: Copy + Default>(
        &mut self,
        fields: &mut Fields,
        key: &str,
        all: &[T],
        word: fn(T) -> &'static str,
    ) -> T {
        self.field(fields, key, |value| values::word(value, all, word)).unwrap_or_default()
    }

    fn bounds(&mut self, fields: &mut Fields) -> (Bound, Bound) {
        let not_before = self.field(fields, "NotBefore", values::moment);
        let not_after = self.field(fields, "NotAfter", values::moment);
        if let (Some(first), Some(last)) = (not_before, not_after)
            && last < first
        {
            let (first, last) = (written(first), written(last));
            let message = format!(
                "`{last}` is before `NotBefore`, which is `{first}`, so that no instant is left: \
                 exchange them"
            );
            self.wrong("NotAfter", message);
        }
        (not_before, not_after)
    }

    fn env_files(&mut self, fields: &mut Fields) -> Vec<Box<str>> {
        let value = fields.take("EnvFiles");
        let start = self.at;
        let at = Place::Key(&start, "EnvFiles");
        match value {
            Value::Null | Value::String(_) | Value::Array(_) => {
                self.list(at, &value, MOST_ENV_FILES, values::path_below)
            }
            other => {
                self.wrong("EnvFiles", expected("a path or a list of paths", &other));
                Vec::new()
            }
        }
    }

    fn retries(&mut self, fields: &mut Fields) -> Retries {
        let limits = 0..=u64::from(Retries::MOST);
        let limit = |value: &Value| values::whole_number(value, &limits);
        let start = self.at;
        let at = Place::Key(&start, "Retries");
        let mut fields = match fields.take("Retries") {
            Value::Object(posted) => self.inner(at, posted, &RETRIES_KEYS),
            value @ (Value::Array(_) | Value::Bool(_)) => {
                let kind = "a whole number, or a mapping of `Limit`, `Delay` and `MaxDelay`";
                self.wrong("Retries", expected(kind, &value));
                return Retries::default();
            }
            value => {
                let limit = self.value(at, &value, limit).unwrap_or_default();
                return Retries { limit, ..Retries::default() };
            }
        };
        let posted = fields.take("Limit");
        if posted.is_null() {
            let message = "Required: how many further attempts there are at most";
            self.errors.push(Place::Key(&at, "Limit").wrong(message));
        }
        let limit = self.value(Place::Key(&at, "Limit"), &posted, limit).unwrap_or_default();
        self.pauses(at, &mut fields, limit)
    }

    /// The pauses between attempts: the longest cannot be shorter than the first.
    fn pauses(&mut self, at: Place<'_>, fields: &mut Fields, limit: u32) -> Retries {
        let delay = fields.take("Delay");
        let delay = self.value(Place::Key(&at, "Delay"), &delay, values::duration);
        let (delay, whose) = match delay {
            Some(delay) => (delay, ""),
            None => (Retries::DELAY, " where it is left out"),
        };
        let (longest, place) = (fields.take("MaxDelay"), Place::Key(&at, "MaxDelay"));
        let max_delay = self.value(place, &longest, |value| match values::duration(value)? {
            short if short < delay => {
                let message = format!("{short} is shorter than `Delay`, which is {delay}{whose}");
                Err(format!("{message}: write at least that, or a shorter `Delay`"))
            }
            longest => Ok(longest),
        });
        let max_delay = max_delay.unwrap_or_else(|| Retries::max_delay_after(delay));
        Retries { limit, delay, max_delay }
    }

    fn keep(&mut self, fields: &mut Fields) -> Keep {
        let usual = Keep::default();
        let start = self.at;
        let at = Place::Key(&start, "Keep");
        let mut fields = match fields.take("Keep") {
            Value::Null => return usual,
            Value::Object(posted) => self.inner(at, posted, &KEEP_KEYS),
            other => {
                let kind = "a mapping of `Runs`, `Failures` and `Output`";
                self.wrong("Keep", expected(kind, &other));
                return usual;
            }
        };
        let most = Keep::MOST_RUNS as u64;
        let mut read = |key, read: &dyn Fn(&Value) -> Result<usize, String>| {
            self.value(Place::Key(&at, key), &fields.take(key), read)
        };
        let runs = read("Runs", &|value| values::whole_number(value, &(1..=most)));
        let failures = read("Failures", &|value| values::whole_number(value, &(0..=most)));
        let output = read("Output", &|value| values::size(value, Keep::MOST_OUTPUT));
        Keep {
            runs: runs.unwrap_or(usual.runs),
            failures: failures.unwrap_or(usual.failures),
            output: output.unwrap_or(usual.output),
        }
    }

    /// The fields of a mapping within the specification.
    fn inner(
        &mut self,
        at: Place<'_>,
        posted: Map<String, Value>,
        known: &[&'static str],
    ) -> Fields {
        self.fields(at, posted, known, |key| match nearest(key, known.iter().copied()) {
            Some(_) => unknown_key(key, known.iter().copied()),
            None => {
                format!("unknown key `{}`: there are {}", shortened(key), listed(known, " and "))
            }
        })
    }
}

type Bound = Option<DateTime<FixedOffset>>;
