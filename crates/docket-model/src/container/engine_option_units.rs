//! Numbers of the Engine API that count small units: the number to write for `64m`, `30s` or half a
//! CPU.

use serde_json::Value;

use crate::{finding::Place, size::Size};

/// The unit that a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    Seconds,
    Microseconds,
    Nanoseconds,
    NanoCpus,
}

/// Units of time, in nanoseconds; `ms` before `m`.
const TIMES: [(&str, f64); 9] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
    ("d", 86_400e9),
    ("w", 604_800e9),
];

impl Unit {
    /// The unit of the number at a path; `None` for a plain number.
    pub(super) fn at(place: Place<'_>) -> Option<Self> {
        let Place::Key(parent, key) = place else {
            return None;
        };
        // `Timeout` is also a key of other options, where it has another unit.
        let is_below = |name| matches!(parent, Place::Key(_, parent) if *parent == name);
        match key {
            "Memory" | "MemoryReservation" | "MemorySwap" | "KernelMemory" | "KernelMemoryTCP"
            | "ShmSize" | "SizeBytes" | "IOMaximumBandwidth" => Some(Self::Bytes),
            "NanoCpus" => Some(Self::NanoCpus),
            "StopTimeout" => Some(Self::Seconds),
            "CpuPeriod" | "CpuQuota" | "CpuRealtimePeriod" | "CpuRealtimeRuntime" => {
                Some(Self::Microseconds)
            }
            "Interval" | "Timeout" | "StartPeriod" | "StartInterval" if is_below("Healthcheck") => {
                Some(Self::Nanoseconds)
            }
            _ => None,
        }
    }

    /// The unit in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
            Self::NanoCpus => "billionths of a CPU",
        }
    }

    /// The number for a value as a user wrote it.
    pub(super) fn number(self, written: &Value) -> Option<i64> {
        let number = match (self, written) {
            // A fraction such as `0.5` is of the wrong type here, and can only mean half a CPU.
            (Self::NanoCpus, Value::Number(number)) => number.as_f64()? * 1e9,
            (Self::NanoCpus, Value::String(text)) => decimal(text)? * 1e9,
            // Docker's own rule is used, because users copy `64m` from its command line.
            (Self::Bytes, Value::String(text)) => {
                return i64::try_from(Size::parse_as_docker(text)?.bytes()).ok();
            }
            (Self::Seconds, Value::String(text)) => nanoseconds(text)? / 1e9,
            (Self::Microseconds, Value::String(text)) => nanoseconds(text)? / 1e3,
            (Self::Nanoseconds, Value::String(text)) => nanoseconds(text)?,
            _ => return None,
        };
        whole(number)
    }
}

fn whole(number: f64) -> Option<i64> {
    // Every whole number up to there is exact.
    let in_range = number.abs() < 9e15;
    #[expect(clippy::cast_possible_truncation, reason = "it is in range")]
    in_range.then(|| number.round() as i64)
}

/// Reads a number without unit, sign and exponent.
fn decimal(text: &str) -> Option<f64> {
    // `parse` alone would also accept `inf`, `nan` and `1e9`.
    let is_decimal = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    is_decimal.then(|| text.parse().ok())?
}

/// Reads a duration such as `1m30s` or `500ms`.
fn nanoseconds(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(end);
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let (unit, next) = unit.split_at(end);
        let (_, length) = TIMES.iter().find(|(name, _)| *name == unit.trim())?;
        total += decimal(number)? * length;
        rest = next;
    }
    (total > 0.0).then_some(total)
}
