//! Formats measured durations.

use chrono::TimeDelta;

/// Formats a duration in its two largest units: `5m 3s`.
#[must_use]
pub fn length(length: TimeDelta) -> String {
    let seconds = length.num_seconds();
    let units = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];
    let mut rest = seconds;
    let counted = units.map(|(name, size)| {
        let count = rest / size;
        rest %= size;
        (count, name)
    });
    // Two units are precise enough to read; `1d 2h 3m 4s` is not easier.
    let largest = counted.iter().skip_while(|(count, _)| *count == 0).take(2);
    let parts: Vec<_> = largest
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count}{name}"))
        .collect();
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// Formats a duration, below a minute with its milliseconds or tenths: `12ms`, `1.2s`, `5m 3s`.
#[must_use]
pub fn exact(time: TimeDelta) -> String {
    match time.num_milliseconds() {
        // Differences of clocks may be negative; the remainder below would have the wrong sign.
        milliseconds @ ..0 => format!("-{}", exact(TimeDelta::milliseconds(-milliseconds))),
        milliseconds @ ..1000 => format!("{milliseconds}ms"),
        milliseconds @ ..60_000 => match milliseconds % 1000 / 100 {
            0 => format!("{}s", milliseconds / 1000),
            tenths => format!("{}.{tenths}s", milliseconds / 1000),
        },
        _ => length(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_time_is_exact_to_the_millisecond() {
        let cases = [
            (0, "0ms"),
            (12, "12ms"),
            (1250, "1.2s"),
            (2000, "2s"),
            (59_999, "59.9s"),
            (303_000, "5m 3s"),
            (-12, "-12ms"),
        ];
        for (milliseconds, words) in cases {
            assert_eq!(exact(TimeDelta::milliseconds(milliseconds)), words);
        }
    }
}
