//! Zones, with made-up zone files of the host.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::*;

/// Compiled files for some names; the rest has none.
#[derive(Debug)]
struct Files(Option<&'static str>, Vec<(&'static str, &'static str)>);

impl ZoneFiles for Files {
    fn edition(&self) -> Edition {
        Edition { version: self.0.map(str::to_owned), origin: Origin::Host("/zones".into()) }
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        let (_, rule) = self.1.iter().find(|(known, _)| *known == name)?;
        Some(compiled(rule))
    }
}

/// A zone file without changes of its own, which a rule of POSIX follows (RFC 9636, version 2).
fn compiled(rule: &str) -> Vec<u8> {
    let header = |types: u8, letters: u8| {
        let mut header = b"TZif2".to_vec();
        header.extend([0; 15]);
        // The counts of: UTC and standard marks, leap seconds, changes, kinds of time, letters.
        for count in [0, 0, 0, 0, types, letters] {
            header.extend([0, 0, 0, count]);
        }
        header
    };
    let kind = [0, 0, 0, 0, 0, 0];
    let body: Vec<u8> = header(1, 4).into_iter().chain(kind).chain(*b"UTC\0").collect();
    [body.as_slice(), &body, b"\n", rule.as_bytes(), b"\n"].concat()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn hints_for_offsets_have_the_right_sign() {
    let cases = [
        ("GMT+1", "`Etc/GMT-1` for 1 hour ahead of UTC"),
        ("utc-5", "`Etc/GMT+5` for 5 hours behind UTC"),
        ("UTC+02:00", "`Etc/GMT-2` for 2 hours ahead of UTC"),
        ("-0800", "`Etc/GMT+8` for 8 hours behind UTC"),
        ("+1", "`Etc/GMT-1` for 1 hour ahead of UTC"),
        ("UTC+14", "`Etc/GMT-14` for 14 hours ahead of UTC"),
        ("+05:30", "no zone is named by such an offset"),
        ("UTC-13", "no zone is 13 hours behind UTC"),
        ("+00:00", "write `UTC`"),
        ("Etc/GMT+01", "`Etc/GMT+1` for 1 hour behind UTC"),
        ("Etc/GMT-07:00", "`Etc/GMT-7` for 7 hours ahead of UTC"),
    ];
    for (text, hint) in cases {
        let error = text.parse::<Zone>().unwrap_err().to_string();
        assert!(error.contains(hint), "{error}");
    }
    // In `TZ` the sign is that of POSIX.
    for (text, hint) in [
        ("GMT+1", "`Etc/GMT+1` for 1 hour behind UTC"),
        ("UTC-8", "`Etc/GMT-8` for 8 hours ahead of UTC"),
        ("UTC5", "`Etc/GMT+5` for 5 hours behind UTC"),
        ("UTC0", "write `UTC`"),
    ] {
        let error = UnknownZone::of_tz(text).to_string();
        assert!(error.contains(hint), "{error}");
    }
    // What the hints name is what they say.
    let hours = |name: &str| {
        name.parse::<Zone>().unwrap().rules().offset(at("2026-07-01T00:00:00Z").timestamp()) / 3600
    };
    assert_eq!(["Etc/GMT-1", "Etc/GMT+5", "Etc/GMT-14"].map(hours), [1, -5, 14]);
}

#[test]
fn a_rule_of_posix_is_refused_with_what_to_write() {
    for text in ["CET-1CEST,M3.5.0,M10.5.0/3", "<+03>-3", "CET-1CEST", "EST5EDT4,M3.2.0,M11.1.0"] {
        let error = text.parse::<Zone>().unwrap_err().to_string();
        assert!(error.contains("a rule of POSIX"), "{error}");
        assert!(error.contains("`Europe/Berlin`"), "{error}");
    }
}

#[test]
fn a_name_is_written_in_one_way_only() {
    for text in ["/etc/localtime", "Europe//Berlin", "Europe/Berlin/", "/UTC", "Berlin2", "../x"] {
        let error = text.parse::<Zone>().unwrap_err().to_string();
        assert!(error.contains("did you mean"), "{error}");
    }
}

#[test]
fn files_with_leap_seconds_or_without_an_end_are_harmless() {
    let mut leap = compiled("XXX-3");
    leap[LEAP_SECONDS_AT] = 1;
    assert!(Rules::parse("leap", &leap).is_none());
    // Without a rule for the time after its last change.
    let footerless = compiled("");
    let rules = Rules::parse("footerless", &footerless).unwrap();
    let now = at("2026-11-01T00:00:00Z").timestamp();
    assert_eq!(rules.first_change(now, now + 10_000_000_000), None);
}

/// Where the file has the lowest byte of the number of leap seconds.
const LEAP_SECONDS_AT: usize = 31;

#[test]
fn docket_s_own_data_knows_the_changes_of_2026() {
    let hours = |name: &str| {
        let zone: Zone = name.parse().unwrap();
        zone.rules().offset(at("2026-12-01T12:00:00Z").timestamp()) / 3600
    };
    let zones =
        ["America/Vancouver", "America/Edmonton", "America/Winnipeg", "America/Havana"].map(hours);
    assert_eq!(zones, [-7, -6, -5, -4]);
    assert_eq!(hours("Africa/Casablanca"), 0);
}

#[test]
fn every_zone_has_an_abbreviation_and_a_day_in_both_halves_of_the_year() {
    for name in names() {
        let zone: Zone = name.parse().unwrap();
        assert_eq!(zone.name(), name);
        for month in ["1902-01-15", "2026-01-15", "2026-07-15", "2090-07-15"] {
            let local = at(&format!("{month}T12:00:00Z")).with_timezone(&zone);
            let letters = local.format("%Z").to_string();
            assert!((2..=LETTERS).contains(&letters.len()), "{name} {letters}");
        }
    }
}

/// The longest abbreviation that is in the database, with some room.
const LETTERS: usize = 8;

#[test]
fn what_rfc_3339_cannot_write_is_written_in_utc_or_not_at_all() {
    let zone = |name: &str| name.parse::<Zone>().unwrap();
    let cases = [
        ("2026-01-01T00:00:00Z", "Europe/Berlin", Some("2026-01-01T01:00:00+01:00")),
        ("2026-01-01T00:00:00Z", "UTC", Some("2026-01-01T00:00:00Z")),
        ("2026-01-01T00:00:00Z", "Europe/London", Some("2026-01-01T00:00:00+00:00")),
        // Local mean time, and Liberia until 1972.
        ("1890-01-01T00:00:00Z", "Europe/Berlin", Some("1890-01-01T00:00:00Z")),
        ("1971-06-01T00:00:00Z", "Africa/Monrovia", Some("1971-06-01T00:00:00Z")),
        ("9999-12-31T23:30:00Z", "Europe/Berlin", Some("9999-12-31T23:30:00Z")),
        ("+10000-01-01T00:00:00Z", "Europe/Berlin", None),
    ];
    for (instant, name, expected) in cases {
        let instant = instant.parse().unwrap();
        assert_eq!(written(instant, zone(name)).as_deref(), expected, "{instant} {name}");
    }
}

/// One test, as the data is that of the whole program; it uses zones that no other test uses.
#[test]
fn the_newer_of_the_host_s_files_and_docket_s_own_are_used_and_reloaded() {
    let since = at("2026-11-01T00:00:00Z");
    let hours = |zone: Zone| zone.rules().offset(since.timestamp()) / 3600;
    let files = |version, rules: &[(&'static str, &'static str)]| {
        Some(Arc::new(Files(version, rules.to_vec())) as Arc<dyn ZoneFiles>)
    };
    let kiritimati: Zone = "Pacific/Kiritimati".parse().unwrap();
    assert_eq!(hours(kiritimati), 14);

    // Files that do not say their version are the host's choice.
    let update = Update::read(files(None, &[("Pacific/Kiritimati", "XXX-13")]), since);
    assert_eq!(update.changed(), [kiritimati]);
    assert_eq!(hours(kiritimati), 14, "nothing changes before the update is applied");
    update.apply();
    assert_eq!(hours(kiritimati), 13);
    assert_eq!(edition().to_string(), "unknown version (/zones)");

    // Older files are not used, but for zones that the newer data lacks.
    let older = files(Some("2025b"), &[("Pacific/Kiritimati", "XXX-12"), ("Local/Base", "BBB-3")]);
    let update = Update::read(older, since);
    assert_eq!(update.changed(), [kiritimati]);
    update.apply();
    assert_eq!(hours(kiritimati), 14);
    assert_eq!("Local/Base".parse::<Zone>().map(hours), Ok(3));
    assert_eq!(edition().origin.to_string(), "bundled, newer than 2025b in /zones");

    // Newer files are, and a zone that they lack stays as it was.
    let update = Update::read(files(Some("2999a"), &[("Pacific/Kiritimati", "XXX-10")]), since);
    update.apply();
    assert_eq!(hours(kiritimati), 10);
    assert_eq!("Local/Base".parse::<Zone>().map(hours), Ok(3));
    assert_eq!(edition().to_string(), "2999a (/zones)");

    // A file that is damaged, or is being written, changes nothing.
    let damaged = Update::read(files(Some("2999a"), &[("Pacific/Kiritimati", "?")]), since);
    assert_eq!(damaged.changed(), []);

    // The same clock in another file is no change.
    let again = Update::read(files(Some("2999b"), &[("Pacific/Kiritimati", "YYY-10")]), since);
    assert_eq!(again.changed(), []);
    install(None);
    assert_eq!(hours(kiritimati), 14);
}
