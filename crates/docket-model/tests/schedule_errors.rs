//! Every error that the language names: its words, its place, its way out.

use docket_model::schedule::{InvalidSchedule, Kind, Schedule};

fn refused(text: &str) -> InvalidSchedule {
    match Schedule::parse(text) {
        Ok(_) => panic!("{text:?} was accepted"),
        Err(invalid) => invalid,
    }
}

/// Checks the single-line form of each refusal, and that each place is where the text is.
fn check(expected: &[(&str, &str)]) {
    for (text, line) in expected {
        let invalid = refused(text);
        assert_eq!(invalid.to_string(), *line, "of {text:?}");
        for error in invalid.errors() {
            let end = error.offset + error.length;
            assert_eq!(text.get(error.offset..end), Some(error.text.as_str()), "of {text:?}");
        }
    }
}

#[test]
fn an_error_is_shown_above_its_place() {
    let invalid = refused("0 25 * * MON");

    let expected = "Cron: hour: 25 is out of range (0-23)\n  0 25 * * MON\n    ^^";
    assert_eq!(invalid.snippet(), expected);
    assert_eq!(invalid.to_string(), "hour: 25 is out of range (0-23)");
}

#[test]
fn an_error_is_written_as_json_with_a_hint_only_where_there_is_one() {
    let plain = serde_json::to_string(refused("0 25 * * MON").errors()).unwrap();
    let hinted = serde_json::to_string(refused("0 22-2 * * *").errors()).unwrap();

    assert_eq!(
        plain,
        r#"[{"field":"Cron","part":"hour","text":"25","offset":2,"length":2,"message":"25 is out of range (0-23)"}]"#
    );
    assert_eq!(
        hinted,
        r#"[{"field":"Cron","part":"hour","text":"22-2","offset":2,"length":4,"message":"22-2 is reversed (0-23)","hint":"write 22-23,0-2"}]"#
    );
}

#[test]
fn every_bad_field_is_reported() {
    let invalid = refused("60 24 32 13 8 1969");

    let parts: Vec<_> = invalid.errors().iter().filter_map(|error| error.part).collect();
    assert_eq!(parts, ["min", "hour", "dom", "month", "dow", "year"]);
    assert_eq!(invalid.snippet().lines().count(), 18);
}

#[test]
fn a_wrong_number_of_fields_says_how_many_were_found() {
    let hint = "write min hour dom month dow, then year if wanted, and sec before all of them";
    for (text, found) in
        [("0", "1 field"), ("* * * *", "4 fields"), ("* * * * * * * *", "8 fields")]
    {
        let line = format!("found {found}, a cron schedule has 5, 6 or 7, {hint}");
        assert_eq!(refused(text).to_string(), line);
    }
}

#[test]
fn the_sixth_of_six_fields_is_said_to_be_the_year() {
    check(&[
        (
            "15 9 * JAN * MON",
            "year: MON is not a year (1970-2099), the sixth of six fields is the year; MON belongs in dow",
        ),
        (
            "0 30 9 * * *",
            "hour: 30 is out of range (0-23), the sixth of six fields is the year; \
             with seconds write 0 30 9 * * * *",
        ),
        (
            "0 0 1 1 * 2030-2026",
            "year: 2030-2026 is reversed (1970-2099), the sixth of six fields is the year; \
             write 2026-2030",
        ),
    ]);
}

#[test]
fn a_reversed_range_comes_with_its_rewrite() {
    for (text, rewrite) in [
        ("0 22-2 * * *", "22-23,0-2"),
        ("0 22-0 * * *", "22-23,0"),
        ("0 23-1 * * *", "23,0-1"),
        ("0 22-2/2 * * *", "22,0,2"),
        ("0 0 25-5 * *", "25-31,1-5"),
        ("0 0 * NOV-FEB *", "NOV-DEC,JAN-FEB"),
        ("0 0 * * FRI-MON", "FRI-SUN,MON"),
        ("0 0 * * FRI-TUE", "FRI-SUN,MON-TUE"),
        ("0 0 * * 5-1", "5-7,1"),
        ("0 0 * * 5-0", "5-7"),
        ("0 0 * * 7-2", "0-2"),
        ("0 0 1 1 * * 2030-2026", "2026-2030"),
    ] {
        let invalid = refused(text);
        let hint = invalid.errors().first().and_then(|error| error.hint.clone());
        assert_eq!(hint, Some(format!("write {rewrite}")), "of {text}");

        let fields: Vec<_> =
            text.split(' ').map(|word| if word.contains('-') { rewrite } else { word }).collect();
        assert!(Schedule::parse(&fields.join(" ")).is_ok(), "{rewrite}");
    }
}

#[test]
fn values_and_steps_out_of_range_say_what_is_allowed() {
    check(&[
        ("60 * * * *", "min: 60 is out of range (0-59)"),
        ("60 * * * * * *", "sec: 60 is out of range (0-59)"),
        ("* 0-24 * * *", "hour: 24 is out of range (0-23)"),
        ("* * 0 * *", "dom: 0 is out of range (1-31)"),
        ("* * 32W * *", "dom: 32 is out of range (1-31)"),
        ("* * * 13 *", "month: 13 is out of range (1-12)"),
        ("* * * * 8", "dow: 8 is out of range (0-7)"),
        ("* * * * 8#1", "dow: 8 is out of range (0-7)"),
        ("* * * * * * 2100", "year: 2100 is out of range (1970-2099)"),
        ("99999999999999999999999 * * * *", "min: 99999999999999999999999 is out of range (0-59)"),
        ("*/0 * * * *", "min: step 0 is out of range (1-59)"),
        ("*/60 * * * *", "min: step 60 is out of range (1-59)"),
        ("* * * * */8", "dow: step 8 is out of range (1-7)"),
        ("5/ * * * *", "min: 5/ has no step (1-59) after the slash"),
        ("1-5/2/3 * * * *", "min: 1-5/2/3 has no step (1-59) after the slash"),
    ]);
}

#[test]
fn a_name_in_the_wrong_field_says_where_it_belongs() {
    check(&[
        ("* MON * * *", "hour: MON is not an hour (0-23), MON belongs in dow"),
        ("* * * MON *", "month: MON is not a month (1-12, JAN-DEC), MON belongs in dow"),
        ("* * * * JAN", "dow: JAN is not a day of the week (0-7, SUN-SAT), JAN belongs in month"),
        ("* * * * TUES", "dow: TUES is not a day of the week (0-7, SUN-SAT), write TUE"),
        ("* * * SEPT *", "month: SEPT is not a month (1-12, JAN-DEC), write SEP"),
    ]);
}

#[test]
fn elements_that_are_none_are_refused() {
    check(&[
        ("1,,2 * * * *", "min: 1,,2 has an empty element in its list (0-59)"),
        ("1, * * * *", "min: 1, has an empty element in its list (0-59)"),
        ("-5 * * * *", "min: -5 is not a range, which has two ends (0-59)"),
        ("5- * * * *", "min: 5- is not a range, which has two ends (0-59)"),
        ("1--2 * * * *", "min: -2 is not a minute (0-59)"),
        ("+5 * * * *", "min: +5 is not a minute (0-59)"),
        ("?/5 * * * *", "min: ?/5 is not known, ? has no step (0-59), write */5"),
        ("** * * * *", "min: ** is not a minute (0-59)"),
        ("* * W * *", "dom: W is not a day of the month (1-31)"),
        ("* * 15WW * *", "dom: 15WW is not a day of the month (1-31)"),
    ]);
}

#[test]
fn the_letters_of_the_day_fields_are_refused_where_they_mean_nothing() {
    let alone = "stands alone or in a list, never in a range or with a step";
    let month = "(1-31)";
    let week = "(0-7, SUN-SAT)";
    check(&[
        (
            "* * * * L",
            "dow: L alone does not say which day of the week (0-7, SUN-SAT), write 6 or 6L",
        ),
        ("* * L-3 * *", "dom: L-3 is not known, days before the last cannot be counted (1-31)"),
        (
            "* * 5L * *",
            "dom: 5L is not a day of the month (1-31), L for the last day; the last Friday is 5L in dow",
        ),
        ("* * * * 5W", "dow: 5W is not a day of the week (0-7, SUN-SAT), W belongs in dom"),
        ("* * * * 5#6", "dow: 5#6 does not say which one of the month (1-5)"),
        ("* * * * 5#0", "dow: 5#0 does not say which one of the month (1-5)"),
        ("* * * * #1", "dow: #1 is not a day of the week (0-7, SUN-SAT)"),
        ("* * LW/2 * *", &format!("dom: LW {alone} {month}")),
        ("* * 1-5W * *", &format!("dom: 5W {alone} {month}")),
        ("* * * * MON-FRIL", &format!("dow: FRIL {alone} {week}")),
        ("* * * * MON#1/2", &format!("dow: MON#1/2 {alone} {week}")),
    ]);
}

#[test]
fn aliases_stand_alone_and_are_spelt_right() {
    let known = "@yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @every";
    check(&[
        (
            "@reboot",
            "@reboot is not a calendar schedule, write \"\" and have the host run `docket run NAME` when \
             it boots, such as from a systemd unit after docket.service",
        ),
        ("@week", &format!("@week is not an alias ({known}), write @weekly")),
        ("@daily 5", "nothing may follow @daily"),
    ]);
}

#[test]
fn intervals_say_what_they_lack() {
    check(&[
        ("@every", "interval: @every needs an interval, write @every 1h30m"),
        ("@every 30", "interval: 30 what? write 30s or 30m"),
        ("@every 500ms", "interval: 500ms has parts of a second, write @every 1s"),
        ("@every 90m500ms", "interval: 90m500ms has parts of a second, write @every 1h30m1s"),
        ("@every 5us", "interval: 5us has parts of a second, write @every 1s"),
        (
            "@every 60000ms",
            "interval: 60000ms is not written with the units h, m and s, write @every 1m",
        ),
        (
            "@every 1d",
            "interval: 1d has days, whose length daylight saving changes, write @every 24h, or @daily \
             for each day at 00:00",
        ),
        (
            "@every 1d12h",
            "interval: 1d12h has days, whose length daylight saving changes, write @every 36h",
        ),
        (
            "@every 1w2d",
            "interval: 1w2d has weeks, whose length daylight saving changes, write @every 216h",
        ),
        (
            "@every 1h30min",
            "interval: 1h30min is not written with the units h, m and s, write @every 1h30m",
        ),
        (
            "@every 2 hours",
            "interval: 2 hours is not written with the units h, m and s, write @every 2h",
        ),
        (
            "@every 1H30M",
            "interval: 1H30M is not written with the units h, m and s, write @every 1h30m",
        ),
        (
            "@every 1h 30m",
            "interval: 1h 30m is not written with the units h, m and s, write @every 1h30m",
        ),
        ("@every 1.5h", "interval: 1.5h has a fraction, write 1h30m for 1.5h"),
        ("@every 0h0s", "interval: an interval is at least 1s"),
        ("@every h", "interval: h lacks a number, write 1h30m10s"),
        ("@every 1m1h", "interval: 1m1h repeats a unit or has them out of order, write 1h30m10s"),
        (
            "@every -1h",
            "interval: -1h is not an interval, write hours, minutes and seconds as 1h30m10s",
        ),
        (
            "@every 99999999999999999999s",
            "interval: 99999999999999999999s is too long (up to 1000 years)",
        ),
        ("@every 99999999999h", "interval: 99999999999h is too long (up to 1000 years)"),
    ]);
}

#[test]
fn repeating_intervals_say_which_part_is_wrong() {
    let order = "write each unit once, in the order P1Y2M3W4DT5H6M7S";
    check(&[
        ("R/P1D", "found 2 parts between slashes, not 3, write R/START/PERIOD"),
        ("R0//P1D", "count: R0 never runs (R1 or more)"),
        (
            "R99999999999999999999//P1D",
            "count: R99999999999999999999 is too large a number of runs",
        ),
        ("r//P1D", "count: r does not begin with a capital R, write R"),
        ("R//P", "period: P has no length, write P1D or PT1H"),
        ("R//P1DT", "period: P1DT has no length, write P1D or PT1H"),
        ("R//PT0S", "period: PT0S is zero, which only R1 may be, write R1 for a single run"),
        ("R2//P0D", "period: P0D is zero, which only R1 may be"),
        ("R//P-1D", "period: P-1D is negative, a period is positive, such as P1D"),
        ("R//PT0.5H", "period: PT0.5H has a fraction, write PT30M for half an hour"),
        ("R//P1D1D", &format!("period: P1D1D is not a period, {order}")),
        ("R//P1D1M", &format!("period: P1D1M is not a period, {order}")),
        ("R//PT1D", &format!("period: PT1D is not a period, {order}")),
        (
            "R//P99999999999999999999D",
            "period: P99999999999999999999D is too long (up to 9999 years)",
        ),
    ]);
    for start in [
        "2026-02-30T00:00:00",
        "2026-04-29",
        "2026-04-29T18:00:60Z",
        "2026-04-29T18:00:00.5Z",
        "2026-04-29T18:00:00+2",
        "2026-04-29T24:00:00Z",
        "2026-04-29 18:00:00",
        "tomorrow",
    ] {
        let invalid = refused(&format!("R/{start}/P1D"));
        assert_eq!(invalid.errors().first().and_then(|error| error.part), Some("start"));
    }
}

#[test]
fn a_time_zone_in_the_schedule_points_to_its_field() {
    check(&[
        (
            "CRON_TZ=Asia/Tokyo 0 25 * * *",
            "CRON_TZ=Asia/Tokyo does not belong in a schedule, write Asia/Tokyo in the field \
             TimeZone; hour: 25 is out of range (0-23)",
        ),
        ("TZ=UTC @daily", "TZ=UTC does not belong in a schedule, write UTC in the field TimeZone"),
    ]);
}

#[test]
fn what_is_not_ascii_is_refused_at_its_place() {
    check(&[
        ("0 1,é 9 6 1", "hour: é is not ASCII, as all of a schedule is"),
        (
            "é 25 * * *",
            "min: é is not ASCII, as all of a schedule is; hour: 25 is out of range (0-23)",
        ),
        ("*\u{a0}* * * *", "\\u{a0} is not ASCII, as all of a schedule is"),
        ("@dåily", "å is not ASCII, as all of a schedule is"),
        ("R//P１D", "１ is not ASCII, as all of a schedule is"),
    ]);
    let snippet = refused("é 25 * * *").snippet();
    assert!(snippet.ends_with("\n  é 25 * * *\n    ^^"), "{snippet}");
}

#[test]
fn white_space_alone_and_overlong_texts_are_refused() {
    assert!(refused(" \t\n").to_string().starts_with("nothing but white space"));
    let long = format!("{} * * * *", "1,".repeat(600));
    assert_eq!(refused(&long).to_string(), "1208 bytes are too long (up to 1024)");
}

#[test]
fn an_empty_schedule_is_accepted_and_is_of_its_own_kind() {
    let schedule = Schedule::parse("").unwrap();

    assert_eq!(schedule.kind(), Kind::Empty);
}
