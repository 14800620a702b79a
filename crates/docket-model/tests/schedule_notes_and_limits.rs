//! Tests of the schedule language beyond single instants: counts, notes, warnings, zones, extremes.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Zone,
    schedule::{Kind, Schedule, Upcoming},
};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}

/// Writes the instants after a moment on the wall clock of their zone.
fn shown(text: &str, from: &str, name: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::parse(text).unwrap();
    let upcoming = schedule.upcoming(at(from), at(from), zone(name));
    let local = upcoming.map(|upcoming| upcoming.at.with_timezone(&zone(name)));
    local.map(|local| local.format("%m-%d %H:%M").to_string()).take(count).collect()
}

fn notes(text: &str, from: &str, name: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::parse(text).unwrap();
    let upcoming = schedule.upcoming(at(from), at(from), zone(name)).take(count);
    let note = |upcoming: Upcoming| upcoming.note.map(|note| note.to_string()).unwrap_or_default();
    upcoming.map(note).collect()
}

#[test]
fn every_form_has_its_kind_and_keeps_its_text() {
    for (text, kind) in [
        ("", Kind::Empty),
        (" 0 9 * * 1-5\n", Kind::Calendar),
        ("@Daily", Kind::Calendar),
        ("\t@every\t1h30m ", Kind::Every),
        (" R/2026-04-29T18:00:00Z/P1D ", Kind::Repeating),
    ] {
        let schedule = Schedule::parse(text).unwrap();

        assert_eq!((schedule.kind(), schedule.text()), (kind, text));
    }
}

#[test]
fn an_interval_counts_from_its_anchor_whatever_the_clock_does() {
    let schedule = Schedule::parse("@every 90m").unwrap();
    let anchor = at("2026-10-31T22:10:00Z");
    let new_york = zone("America/New_York");

    let first = schedule.next(at("2026-01-01T00:00:00Z"), anchor, new_york);
    let later = schedule.next(at("2026-11-01T06:00:00Z"), anchor, new_york);

    assert_eq!(first, Some(at("2026-10-31T23:40:00Z")));
    assert_eq!(later, Some(at("2026-11-01T07:10:00Z")));
    assert_eq!(schedule.count(anchor, anchor + TimeDelta::days(3), anchor, new_york), 48);
}

#[test]
fn an_anchor_within_a_second_is_rounded_up() {
    let schedule = Schedule::parse("R2//PT1M").unwrap();
    let anchor = at("2026-11-21T10:00:00.250Z");

    let first = schedule.next(anchor, anchor, Zone::utc());

    assert_eq!(first, Some(at("2026-11-21T10:00:01Z")));
}

#[test]
fn a_repeating_interval_with_an_empty_start_runs_at_once() {
    let schedule = Schedule::parse("R3//P1D").unwrap();
    let anchor = at("2026-11-21T10:00:00Z");

    let upcoming = schedule.upcoming(anchor - TimeDelta::seconds(1), anchor, Zone::utc());

    let days: Vec<_> = upcoming.map(|upcoming| (upcoming.at - anchor).num_days()).collect();
    assert_eq!(days, [0, 1, 2]);
}

#[test]
fn missed_runs_of_a_repeating_interval_are_used_up() {
    let schedule = Schedule::parse("R5/2026-11-01T00:00:00Z/P1D").unwrap();
    let (from, to) = (at("2026-11-03T12:00:00Z"), at("2027-01-01T00:00:00Z"));

    assert_eq!(schedule.next(from, from, Zone::utc()), Some(at("2026-11-04T00:00:00Z")));
    assert_eq!(schedule.count(from, to, from, Zone::utc()), 2);
    assert_eq!(schedule.next(at("2026-11-05T00:00:00Z"), from, Zone::utc()), None);
}

#[test]
fn a_repeating_interval_is_computed_from_its_start_and_not_from_the_run_before() {
    assert_eq!(
        shown("R/2026-01-31T00:00:00/P1M", "2026-01-01T00:00:00Z", "Europe/Paris", 4),
        ["01-31 00:00", "02-28 00:00", "03-31 00:00", "04-30 00:00"],
    );
    assert_eq!(
        shown("R/2026-01-31T00:00:00/P1MT1H", "2026-02-01T00:00:00Z", "UTC", 3),
        ["02-28 01:00", "03-31 02:00", "04-30 03:00"],
    );
    assert_eq!(
        shown("R/2026-01-05T08:00:00/P2W", "2026-01-05T12:00:00Z", "UTC", 2),
        ["01-19 08:00", "02-02 08:00"],
    );
}

#[test]
fn a_repeating_interval_follows_the_rule_for_daylight_saving() {
    // A gap of an hour, and the skipped day of Samoa, which nothing makes up for.
    assert_eq!(
        shown("R/2026-03-07T02:30:00/P1D", "2026-03-07T00:00:00Z", "America/New_York", 3),
        ["03-07 02:30", "03-08 03:00", "03-09 02:30"],
    );
    assert_eq!(
        shown("R/2011-12-29T09:00:00/P1D", "2011-12-29T00:00:00Z", "Pacific/Apia", 3),
        ["12-29 09:00", "12-31 09:00", "01-01 09:00"],
    );
    let schedule = Schedule::parse("R/2011-12-29T09:00:00/P1D").unwrap();
    let (from, to) = (at("2011-12-29T00:00:00Z"), at("2012-01-03T00:00:00Z"));
    let apia = zone("Pacific/Apia");
    let walked = schedule.upcoming(from, from, apia).take_while(|upcoming| upcoming.at <= to);
    assert_eq!(schedule.count(from, to, from, apia), walked.count() as u64);
}

#[test]
fn a_start_with_an_offset_is_that_instant_even_in_a_repeated_hour() {
    assert_eq!(
        Schedule::parse("R/2026-11-01T01:30:00-05:00/P1D").unwrap().next(
            at("2026-11-01T00:00:00Z"),
            at("2026-11-01T00:00:00Z"),
            zone("America/New_York"),
        ),
        Some(at("2026-11-01T06:30:00Z")),
    );
}

#[test]
fn runs_by_the_second_since_long_ago_are_counted_without_walking() {
    let (from, to) = (at("2014-01-01T00:00:00Z"), at("2090-01-01T00:00:00Z"));
    for text in ["R/2014-01-01T00:00:00Z/PT1S", "* * * * * * *"] {
        let schedule = Schedule::parse(text).unwrap();

        let count = schedule.count(from, to, from, zone("Europe/Berlin"));

        assert_eq!(count, (to - from).num_seconds().unsigned_abs(), "{text}");
    }
}

#[test]
fn a_count_is_what_a_walk_comes_to_wherever_it_begins_and_ends() {
    // Half an hour at a time around changes of the clock, the skipped day of Samoa, and month ends.
    let around = [
        ("America/New_York", "2026-03-08T04:15:07Z"),
        ("America/New_York", "2026-11-01T03:15:07Z"),
        ("Australia/Lord_Howe", "2026-04-04T12:15:07Z"),
        ("Pacific/Apia", "2011-12-30T04:15:07Z"),
        ("UTC", "2028-02-29T20:15:07Z"),
    ];
    let texts = ["*/7 * * * *", "5-50/15 */2 * * *", "*/20 1,*/5 0-3,23 L * 1 *", "*/10 2 1,8 * 0"];
    for (text, (name, begin)) in texts.iter().flat_map(|text| around.map(|place| (text, place))) {
        let (schedule, zone, begin) = (Schedule::parse(text).unwrap(), zone(name), at(begin));
        for half_hours in 0..20 {
            let from = begin + TimeDelta::minutes(30 * half_hours);
            for to in [from, from + TimeDelta::seconds(1), from + TimeDelta::hours(29)] {
                let walked = schedule.upcoming(from, from, zone).take_while(|next| next.at <= to);

                let count = schedule.count(from, to, from, zone);

                assert_eq!(count, walked.count() as u64, "{text} {name} ({from}, {to}]");
            }
        }
    }
}

#[test]
fn a_calendar_without_a_star_counts_a_year_as_a_walk_does() {
    let texts = ["0,20,59 1-3 * * *", "30 2 * * 0", "15 0,23 1,L * *"];
    let zones = ["America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"];
    for (text, name) in texts.iter().flat_map(|text| zones.map(|name| (text, name))) {
        let (schedule, zone, from) =
            (Schedule::parse(text).unwrap(), zone(name), at("2011-10-01T13:07:00Z"));
        for days in [1, 90, 400] {
            let to = from + TimeDelta::days(days);
            let walked = schedule.upcoming(from, from, zone).take_while(|next| next.at <= to);

            let count = schedule.count(from, to, from, zone);

            assert_eq!(count, walked.count() as u64, "{text} {name} up to {to}");
        }
    }
}

#[test]
fn a_calendar_without_a_star_is_counted_without_walking() {
    // Each second, written out: a walk would take minutes.
    let schedule = Schedule::parse("0-59 0-59 0-23 * * * *").unwrap();
    let (from, to) = (at("1990-01-01T00:00:00Z"), at("2060-01-01T00:00:00Z"));

    let count = schedule.count(from, to, from, Zone::utc());

    assert_eq!(count, (to - from).num_seconds().unsigned_abs());
}

#[test]
fn a_calendar_counts_the_instants_of_a_weekend() {
    let schedule = Schedule::parse("*/15 * * * *").unwrap();
    let (from, to) = (at("2026-10-23T16:00:00Z"), at("2026-10-26T08:00:00Z"));

    assert_eq!(schedule.count(from, to, from, zone("Europe/Berlin")), 256);
    assert_eq!(schedule.count(to, from, from, zone("Europe/Berlin")), 0);
}

#[test]
fn several_times_in_a_gap_and_one_at_its_end_make_one_run() {
    assert_eq!(
        shown("0,15,45 2,3 * * *", "2026-03-08T05:00:00Z", "America/New_York", 3),
        ["03-08 03:00", "03-08 03:15", "03-08 03:45"],
    );
}

#[test]
fn a_fixed_time_runs_once_when_the_search_begins_between_its_two_passes() {
    assert_eq!(shown("30 1 * * *", "2026-11-01T06:10:00Z", "America/New_York", 1), ["11-02 01:30"],);
}

#[test]
fn a_written_second_that_begins_with_a_star_makes_a_wildcard() {
    let new_york = "America/New_York";

    let twice = shown("*/30 30 1 * * * *", "2026-11-01T04:00:00Z", new_york, 5);
    let left_out = shown("*/30 30 2 * * * *", "2026-03-08T05:00:00Z", new_york, 1);

    let first_day = ["11-01 01:30", "11-01 01:30", "11-01 01:30", "11-01 01:30", "11-02 01:30"];
    assert_eq!(twice, first_day);
    assert_eq!(left_out, ["03-09 02:30"]);
}

#[test]
fn both_days_restricted_run_on_either() {
    assert_eq!(
        shown("0 0 13 * FRI", "2026-11-01T00:00:00Z", "UTC", 4),
        ["11-06 00:00", "11-13 00:00", "11-20 00:00", "11-27 00:00"],
    );
    assert_eq!(
        shown("0 0 13,* * FRI", "2026-11-01T00:00:00Z", "UTC", 2),
        ["11-06 00:00", "11-13 00:00"],
    );
}

#[test]
fn sunday_is_zero_and_seven_and_may_end_a_range() {
    for text in
        ["0 0 * * 6-7", "0 0 * * SAT-SUN", "0 0 * * sat,Sunday", "0 0 * * 0,6", "0 0 * * 6,7"]
    {
        assert_eq!(
            shown(text, "2026-11-20T00:00:00Z", "UTC", 3),
            ["11-21 00:00", "11-22 00:00", "11-28 00:00"],
            "{text}",
        );
    }
    for text in ["0 0 * * SUN-SUN", "0 0 * * 7-7", "0 0 * * 7", "0 0 * * 7-SUN"] {
        assert_eq!(
            shown(text, "2026-11-20T00:00:00Z", "UTC", 2),
            ["11-22 00:00", "11-29 00:00"],
            "{text}"
        );
    }
}

#[test]
fn notes_say_what_daylight_saving_does() {
    let (spring, autumn) = ("2026-03-08T05:00:00Z", "2026-11-01T04:00:00Z");
    let new_york = "America/New_York";
    for (text, from, expected) in [
        ("30 2 * * *", spring, ["02:30 does not exist that day: runs at 03:00", ""]),
        ("*/30 2 * * *", spring, ["2026-03-08 02:00 does not exist: does not run", ""]),
        ("30 1 * * *", autumn, ["01:30 comes twice: runs at the first", ""]),
        ("0 30 1 * * ? *", autumn, ["01:30 comes twice: runs at the first", ""]),
        (
            "30 * * * *",
            "2026-11-01T05:00:00Z",
            ["01:30 comes twice: runs both times", "01:30 comes twice: runs both times"],
        ),
        ("R/2026-03-08T02:30:00/P1D", spring, ["02:30 does not exist that day: runs at 03:00", ""]),
    ] {
        assert_eq!(notes(text, from, new_york, 2), expected, "{text}");
    }
    assert_eq!(
        notes("15 10 30 12 *", "2011-12-01T00:00:00Z", "Pacific/Apia", 1),
        ["2011-12-30 10:15 does not exist: does not run"],
    );
}

#[test]
fn a_stepped_day_field_beside_another_is_warned_of() {
    for (text, expected) in [
        ("0 0 */2 * MON", "runs on odd days OR Mondays"),
        (
            "0 0 */10,L * 1-3",
            "runs on days 1, 11, 21 and 31 and the last day OR Mondays, Tuesdays and Wednesdays",
        ),
        (
            "0 0 15W,LW * */3,FRIL,1#2",
            "runs on the weekday nearest day 15 and the last weekday OR Sundays, Wednesdays, Saturdays, the last Friday and the second Monday",
        ),
        ("0 0 30 2 *", "never runs: there is no such date"),
    ] {
        assert_eq!(Schedule::parse(text).unwrap().warnings(), [expected]);
    }
    // All Sundays: the step of a whole week.
    assert_eq!(
        shown("0 9 * * */7", "2026-11-21T00:00:00Z", "UTC", 2),
        ["11-22 09:00", "11-29 09:00"]
    );
    for text in ["0 0 */2 * *", "0 0 * * */2", "0 0 13 * FRI", "@every 1s", ""] {
        assert!(Schedule::parse(text).unwrap().warnings().is_empty(), "{text}");
    }
}

#[test]
fn six_fields_with_a_star_as_the_year_are_warned_of() {
    for (text, seven, five) in [
        ("0 0 4 * * *", "0 0 4 * * * *", "0 0 4 * *"),
        ("* * * * * *", "* * * * * * *", "* * * * *"),
        ("0 0 4 * * ?", "0 0 4 * * ? *", "0 0 4 * *"),
        (" 0  9 * *\tMON *,2030 ", "0  9 * *\tMON *,2030 *", "0  9 * *\tMON"),
    ] {
        let expected = format!(
            "six fields end with the year; if seconds were meant first, write `{seven}`, and if not, \
             write `{five}`"
        );
        assert_eq!(Schedule::parse(text).unwrap().warnings(), [expected]);
    }
    for text in ["0 9 * * * 2027", "0 0 4 * * * *", "0 9 * * *", "@daily"] {
        assert!(Schedule::parse(text).unwrap().warnings().is_empty(), "{text}");
    }
}

#[test]
fn the_latest_instant_of_a_dense_schedule_is_found_without_walking() {
    let before = |text: &str, now: &str| {
        let schedule = Schedule::parse(text).unwrap();
        schedule.previous(at(now), at("1970-01-01T00:00:00Z"), Zone::utc()).map(|at| at.to_string())
    };
    for (text, now, latest) in [
        ("* * * * * * 2000", "2026-11-21T09:00:00Z", "2000-12-31 23:59:59 UTC"),
        ("* * * * * * 1971", "2026-11-21T09:00:00.5Z", "1971-12-31 23:59:59 UTC"),
        ("* * * * * * *", "2026-11-21T09:00:00Z", "2026-11-21 08:59:59 UTC"),
        ("* * * * * * *", "2026-11-21T09:00:00.5Z", "2026-11-21 09:00:00 UTC"),
        ("0 9 * * 1-5", "2026-11-22T09:00:00Z", "2026-11-20 09:00:00 UTC"),
        ("0 9,10 20 11 *", "2026-11-22T09:00:00Z", "2026-11-20 10:00:00 UTC"),
    ] {
        assert_eq!(before(text, now).as_deref(), Some(latest), "{text}");
    }
}

#[test]
fn no_instant_is_later_than_the_year_9999() {
    let last = |text: &str| {
        let schedule = Schedule::parse(text).unwrap();
        let from = at("9990-01-01T00:00:00Z");
        let all = schedule.upcoming(from, from, Zone::utc()).map(|next| next.at);
        let last = all.last().unwrap();
        assert_eq!(schedule.next(last, from, Zone::utc()), None, "{text}");
        let far = DateTime::<Utc>::MAX_UTC;
        assert!(
            schedule.count(last - TimeDelta::seconds(1), far, from, Zone::utc()) == 1,
            "{text}"
        );
        last.to_rfc3339()
    };
    assert_eq!(last("R/2026-01-01T00:00:00Z/P1Y"), "9999-01-01T00:00:00+00:00");
    assert_eq!(last("@every 8760h"), "9999-12-30T00:00:00+00:00");
    assert_eq!(last("R//P12M"), "9999-01-01T00:00:00+00:00");
}

#[test]
fn dates_that_cannot_exist_and_years_gone_by_never_run() {
    for text in
        ["", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31W 2 *", "0 0 * * * 2020", "0 0 29 2 * 2027"]
    {
        let schedule = Schedule::parse(text).unwrap();

        assert_eq!(
            schedule.next(at("2026-11-21T00:00:00Z"), at("2026-11-21T00:00:00Z"), Zone::utc()),
            None
        );
    }
}

#[test]
fn the_calendar_ends_with_its_last_second() {
    let schedule = Schedule::parse("59 59 23 31 12 ? 2099").unwrap();
    let from = at("2026-11-21T00:00:00Z");
    let last = at("2099-12-31T23:59:59Z");

    assert_eq!(schedule.next(from, from, Zone::utc()), Some(last));
    assert_eq!(schedule.next(last, from, Zone::utc()), None);
    assert_eq!(schedule.next(from, from, zone("Asia/Tokyo")), Some(last - TimeDelta::hours(9)));
}

#[test]
fn the_ends_of_time_are_borne() {
    for text in [
        "* * * * *",
        "30 2 * * *",
        "@every 1s",
        "R//P9999Y",
        "R/0000-01-01T00:00:00/PT1S",
        "R1//PT0S",
    ] {
        let schedule = Schedule::parse(text).unwrap();
        for from in
            [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::UNIX_EPOCH, DateTime::<Utc>::MAX_UTC]
        {
            for anchor in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
                let next = schedule.next(from, anchor, zone("Pacific/Apia"));

                assert!(next.is_none_or(|next| next > from), "{text} from {from}");
                assert!(schedule.upcoming(from, anchor, zone("Pacific/Apia")).take(2).count() <= 2);
            }
        }
    }
    let first = Schedule::parse("* * * * *").unwrap().next(
        DateTime::<Utc>::MIN_UTC,
        at("2026-01-01T00:00:00Z"),
        Zone::utc(),
    );
    assert_eq!(first, Some(DateTime::<Utc>::UNIX_EPOCH));
}

#[test]
fn a_zone_is_found_in_any_case_and_a_slip_names_the_nearest() {
    assert_eq!("europe/BERLIN".parse::<Zone>().map(Zone::name), Ok("Europe/Berlin"));
    for (name, nearest) in [
        ("Europe/Berln", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("America/New York", "America/New_York"),
        ("Amercia/Chicago", "America/Chicago"),
    ] {
        let unknown = name.parse::<Zone>().unwrap_err();
        let expected = format!("`{name}` is not a time zone, did you mean `{nearest}`?");
        assert_eq!(unknown.to_string(), expected);
    }
    assert!("".parse::<Zone>().is_err());
    assert!("é".repeat(5000).parse::<Zone>().is_err());
}
