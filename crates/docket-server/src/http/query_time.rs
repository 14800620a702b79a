//! Times in a query.

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use docket_model::{
    Zone,
    duration::{Duration, InvalidDuration},
    parse_time::{self, InvalidMoment, Moment},
};

use super::error::ApiError;

/// Reads a time that may occur twice or not at all on the local clock.
pub(super) fn understand(
    key: &str,
    text: &str,
    zone: Zone,
    now: DateTime<Utc>,
) -> Result<Moment, ApiError> {
    parse_time::understand(&with_plus(text), zone, now).map_err(|error| invalid(key, &error))
}

/// Reads a time that must exist.
pub(super) fn read(
    key: &str,
    text: &str,
    zone: Zone,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, ApiError> {
    parse_time::read(&with_plus(text), zone, now).map_err(|error| invalid(key, &error))
}

/// Reads a time that must exist, or a duration: so long before now.
pub(super) fn since(
    key: &str,
    text: &str,
    zone: Zone,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, ApiError> {
    match text.parse::<Duration>() {
        Ok(duration) => {
            let at = now.checked_sub_signed(duration.into());
            at.ok_or_else(|| ApiError::BadQuery(format!("{key}: `{text}` is too long")))
        }
        // Its remedy is a unit; that of a time would mislead.
        Err(error @ InvalidDuration::BareNumber(_)) => {
            Err(ApiError::BadQuery(format!("{key}: {error}")))
        }
        Err(_) => parse_time::read(&with_plus(text), zone, now).map_err(|error| match error {
            InvalidMoment::Malformed { .. } => {
                ApiError::BadQuery(format!("{key}: {error}; or a duration, such as 24h"))
            }
            InvalidMoment::Never { .. } => invalid(key, &error),
        }),
    }
}

/// The UTC offset in the text of a time, if it has one.
pub(super) fn offset(text: &str) -> Option<FixedOffset> {
    let text = with_plus(text).replacen(' ', "T", 1);
    let read = DateTime::parse_from_rfc3339(&text)
        // RFC 3339 requires seconds, which users leave out.
        .or_else(|_| DateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M%:z"));
    read.ok().map(|moment| *moment.offset())
}

/// Writes a moment as in the request: at an offset, or else in a zone.
pub(super) fn shown(at: DateTime<Utc>, offset: Option<FixedOffset>, zone: Zone) -> String {
    if let Some(offset) = offset {
        return at.with_timezone(&offset).to_rfc3339_opts(SecondsFormat::AutoSi, true);
    }
    let has_seconds = at.timestamp() % 60 != 0;
    let form = if has_seconds { "%Y-%m-%d %H:%M:%S %Z" } else { "%Y-%m-%d %H:%M %Z" };
    at.with_timezone(&zone).format(form).to_string()
}

fn invalid(key: &str, error: &InvalidMoment) -> ApiError {
    ApiError::BadQuery(format!("{key}: {error}"))
}

/// A plus in a query means a space, so an unescaped offset arrives as ` 01:00`.
fn with_plus(text: &str) -> String {
    let offset = text.rsplit_once(' ');
    let offset =
        // The space between date and time has no colon before it.
        offset.filter(|(time, offset)| time.contains(':') && offset.len() == "01:00".len());
    offset.map_or_else(|| text.to_owned(), |(before, offset)| format!("{before}+{offset}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unescaped_plus_of_an_offset_is_read() {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let read = |text| {
            read("at", text, "Europe/Berlin".parse::<Zone>().unwrap(), now).unwrap().to_string()
        };

        assert_eq!(read("2026-11-21T09:00:00 03:00"), "2026-11-21 06:00:00 UTC");
        assert_eq!(read("2026-11-21 09:00 03:00"), "2026-11-21 06:00:00 UTC");
        assert_eq!(read("2026-11-21 09:00"), "2026-11-21 08:00:00 UTC");
    }
}
