//! Which time zone is meant where none is named.

use std::fmt;

use anyhow::{Context, Result};
use chrono_tz::Tz;
use docket_model::schedule::zone::parse_zone;

use crate::commands::Misused;

/// Names the zone for the server and for `next`.
pub(crate) const VARIABLE: &str = "DOCKET_TIME_ZONE";

/// A zone and who chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChosenZone {
    /// The zone.
    pub(crate) zone: Tz,
    /// Who chose it.
    pub(crate) by: ChosenBy,
}

/// Who chose a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChosenBy {
    /// The option `--time-zone`.
    Option,
    /// A variable of the environment.
    Variable(&'static str),
    /// The settings of the host.
    Host,
    /// Nobody: the host has no zone set.
    Nobody,
}

impl fmt::Display for ChosenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option => f.write_str("--time-zone"),
            Self::Variable(name) => f.write_str(name),
            Self::Host => f.write_str("the host"),
            Self::Nobody => f.write_str("nobody, as the host has none set"),
        }
    }
}

/// The zone that was asked for, or that `DOCKET_TIME_ZONE`, `TZ` or the host names, in this order.
///
/// # Errors
/// Where one of them names a zone that cannot be told: guessing would run everything at odd hours.
pub(crate) fn choose(asked: Option<Tz>) -> Result<ChosenZone> {
    choose_from(asked, |name| std::env::var(name).ok(), || iana_time_zone::get_timezone().ok())
}

fn choose_from(
    asked: Option<Tz>,
    variable: impl Fn(&str) -> Option<String>,
    host: impl Fn() -> Option<String>,
) -> Result<ChosenZone> {
    if let Some(zone) = asked {
        return Ok(ChosenZone { zone, by: ChosenBy::Option });
    }
    if let Some(name) = variable(VARIABLE).filter(|name| !name.is_empty()) {
        let zone = parse_zone(&name).context(Misused(VARIABLE))?;
        return Ok(ChosenZone { zone, by: ChosenBy::Variable(VARIABLE) });
    }
    if let Some(text) = variable("TZ") {
        let zone = parse_tz(&text).context("TZ names no zone, so choose one with --time-zone")?;
        return Ok(ChosenZone { zone, by: ChosenBy::Variable("TZ") });
    }
    match host() {
        Some(name) => {
            let zone = parse_zone(&name)
                .context("the host names no zone, so choose one with --time-zone")?;
            Ok(ChosenZone { zone, by: ChosenBy::Host })
        }
        None => Ok(ChosenZone { zone: Tz::UTC, by: ChosenBy::Nobody }),
    }
}

/// Reads `TZ` as the C library does: a colon or a path may precede the name; empty is UTC.
fn parse_tz(text: &str) -> Result<Tz> {
    let name = text.strip_prefix(':').unwrap_or(text);
    let name = name.split_once("/zoneinfo/").map_or(name, |(_, name)| name);
    if name.is_empty() {
        return Ok(Tz::UTC);
    }
    Ok(parse_zone(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose_with(variables: &[(&str, &str)], host: Option<&str>) -> String {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        match choose_from(None, variable, || host.map(str::to_owned)) {
            Ok(ChosenZone { zone, by }) => format!("{zone}, by {by}"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn docket_s_own_variable_comes_before_tz_and_tz_before_the_host() {
        let (own, tz) = (("DOCKET_TIME_ZONE", "asia/tokyo"), ("TZ", "Europe/Berlin"));
        let host = Some("Europe/Paris");
        assert_eq!(choose_with(&[own, tz], host), "Asia/Tokyo, by DOCKET_TIME_ZONE");
        assert_eq!(choose_with(&[tz], host), "Europe/Berlin, by TZ");
        assert_eq!(choose_with(&[], host), "Europe/Paris, by the host");
        assert_eq!(choose_with(&[], None), "UTC, by nobody, as the host has none set");
    }

    #[test]
    fn tz_is_read_as_the_c_library_reads_it() {
        for text in [":Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin", "europe/berlin"] {
            assert_eq!(choose_with(&[("TZ", text)], None), "Europe/Berlin, by TZ");
        }
        assert_eq!(choose_with(&[("TZ", "")], Some("Europe/Paris")), "UTC, by TZ");
    }

    #[test]
    fn a_zone_that_cannot_be_told_is_an_error_and_no_guess() {
        assert!(
            choose_with(&[("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")], None)
                .starts_with("TZ names no zone")
        );
        assert!(choose_with(&[("DOCKET_TIME_ZONE", "Berlin")], None).starts_with("DOCKET_TIME"));
    }
}
