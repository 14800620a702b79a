//! Chooses the default time zone, from options, variables or the host.

use std::fmt;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use docket_model::Zone;
use docket_server::time_zone_files::{HostZoneError, host_zone, zone_of_tz};

use crate::{clock, commands::UsageError};

/// The variable with the zone of the server and of `next`.
pub(crate) const VARIABLE: &str = "DOCKET_TIME_ZONE";

/// A zone and its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChosenZone {
    /// The zone.
    pub(crate) zone: Zone,
    /// Its source.
    pub(crate) by: ChosenBy,
}

/// The source of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChosenBy {
    /// The option `--time-zone`.
    Option,
    /// An environment variable.
    Variable(&'static str),
    /// The settings of the host.
    Host,
    /// The default: the host has no zone set.
    Default,
}

impl fmt::Display for ChosenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option => f.write_str("--time-zone"),
            Self::Variable(name) => f.write_str(name),
            Self::Host => f.write_str("the host"),
            Self::Default => f.write_str("default, as the host has no time zone set"),
        }
    }
}

/// The requested zone, or that of `DOCKET_TIME_ZONE`, `TZ` or the host, in this order.
///
/// # Errors
/// One of them is not a zone that docket knows: with UTC instead, everything would run at the wrong time.
pub(crate) fn choose(asked: Option<Zone>) -> Result<ChosenZone> {
    let now = clock::now();
    choose_from(asked, |name| std::env::var(name).ok(), || host_zone(now), now)
}

fn choose_from(
    asked: Option<Zone>,
    variable: impl Fn(&str) -> Option<String>,
    host: impl Fn() -> Result<Option<Zone>, HostZoneError>,
    now: DateTime<Utc>,
) -> Result<ChosenZone> {
    if let Some(zone) = asked {
        return Ok(ChosenZone { zone, by: ChosenBy::Option });
    }
    if let Some(name) = variable(VARIABLE).filter(|name| !name.is_empty()) {
        let zone = name.parse().context(UsageError(VARIABLE))?;
        return Ok(ChosenZone { zone, by: ChosenBy::Variable(VARIABLE) });
    }
    // An empty TZ is not unset: the C library reads it as UTC.
    if let Some(text) = variable("TZ") {
        let zone = zone_of_tz(&text, now);
        let zone =
            zone.context("the variable TZ is not a time zone (correct it, or use `--time-zone`)")?;
        return Ok(ChosenZone { zone, by: ChosenBy::Variable("TZ") });
    }
    match host().context("cannot determine the time zone of the host (use `--time-zone`)")? {
        Some(zone) => Ok(ChosenZone { zone, by: ChosenBy::Host }),
        // Containers usually have no zone, and the C library uses UTC for them too.
        None => Ok(ChosenZone { zone: Zone::utc(), by: ChosenBy::Default }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose_with(variables: &[(&str, &str)], host: Option<&str>) -> String {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let host = || Ok(host.map(|name| name.parse().unwrap()));
        match choose_from(None, variable, host, clock::now()) {
            Ok(ChosenZone { zone, by }) => format!("{zone}, by {by}"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn docket_s_own_variable_comes_before_tz_and_tz_before_the_host() {
        let (own, tz) = (("DOCKET_TIME_ZONE", "asia/tokyo"), ("TZ", ":Europe/Berlin"));
        let host = Some("Europe/Paris");
        assert_eq!(choose_with(&[own, tz], host), "Asia/Tokyo, by DOCKET_TIME_ZONE");
        assert_eq!(choose_with(&[tz], host), "Europe/Berlin, by TZ");
        assert_eq!(choose_with(&[("TZ", "")], host), "UTC, by TZ");
        assert_eq!(choose_with(&[], host), "Europe/Paris, by the host");
        assert_eq!(choose_with(&[], None), "UTC, by default, as the host has no time zone set");
    }

    #[test]
    fn an_unknown_zone_is_an_error_with_a_remedy() {
        let tz = |text| choose_with(&[("TZ", text)], None);
        let remedy = "the variable TZ is not a time zone (correct it, or use `--time-zone`): ";
        let rule = "`CET-1CEST,M3.5.0,M10.5.0/3` is not a time zone but a rule of POSIX, which does not \
                    follow changes of the law: write the name of a place, such as `Europe/Berlin`";
        assert_eq!(tz("CET-1CEST,M3.5.0,M10.5.0/3"), format!("{remedy}{rule}"));
        let typo = "`Europe/Berln` is not a time zone, did you mean `Europe/Berlin`?";
        assert_eq!(tz("Europe/Berln"), format!("{remedy}{typo}"));
        let own = choose_with(&[("DOCKET_TIME_ZONE", "GMT+1")], None);
        assert!(own.starts_with("DOCKET_TIME_ZONE: `GMT+1` is not a time zone: "), "{own}");
    }
}
