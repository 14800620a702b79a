//! Recognizes the form of a schedule, and parses the forms of a single word.

use super::Rule;
use super::error::{Piece, ScheduleError};
use super::every_interval::Interval;
use super::parse_cron_expression;
use super::parse_iso_interval;

/// The longest schedule, in bytes. A full list of every field but the years is shorter.
const LONGEST: usize = 1024;

const ALIASES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// How many letters of a misspelled alias may differ.
const SLIPS: usize = 3;

/// Parses a schedule in any of its forms.
pub(super) fn parse(text: &str) -> Result<Rule, Vec<ScheduleError>> {
    let whole = Piece { text, offset: 0 };
    if text.is_empty() {
        return Ok(Rule::Empty);
    }
    if text.len() > LONGEST {
        let message = format!("{} bytes are too long (up to {LONGEST})", text.len());
        // Only its first character is quoted, because the error repeats the text that it is about.
        let (start, _) = whole.split_at(text.chars().next().map_or(0, char::len_utf8));
        return Err(vec![ScheduleError::new(None, start, message)]);
    }
    let trimmed = whole.trimmed();
    if trimmed.text.is_empty() {
        let error = ScheduleError::new(None, whole, "nothing but white space".into());
        return Err(vec![error.with_hint("write \"\" for an allocation that has no schedule")]);
    }
    let Some((zone, rest)) = split_zone(trimmed) else {
        return form(trimmed);
    };
    let mut errors = vec![zone];
    if !rest.text.is_empty() {
        // The rest is checked too, so that one correction fixes all of it.
        errors.extend(form(rest).err().into_iter().flatten());
    }
    Err(errors)
}

fn form(piece: Piece<'_>) -> Result<Rule, Vec<ScheduleError>> {
    let is_expression = !piece.text.starts_with('@') && !parse_iso_interval::is_meant(piece.text);
    // In five to seven fields the error names the field with the foreign character.
    let has_fields = is_expression && (5..=7).contains(&piece.words().count());
    if !has_fields && !piece.text.is_ascii() {
        return Err(vec![ScheduleError::foreign(None, piece)]);
    }
    if is_expression {
        return parse_cron_expression::parse(piece).map(|calendar| Rule::Calendar(calendar.into()));
    }
    if piece.text.starts_with('@') {
        return alias(piece);
    }
    parse_iso_interval::parse(piece).map(|repeating| Rule::Repeating(repeating.into()))
}

/// Splits off a time zone, which other cron programs accept before the fields.
fn split_zone(piece: Piece<'_>) -> Option<(ScheduleError, Piece<'_>)> {
    let end = piece.text.find([' ', '\t']).unwrap_or(piece.text.len());
    let (word, rest) = piece.split_at(end);
    let (key, zone) = word.split_once('=')?;
    let is_zone = ["TZ", "CRON_TZ"].iter().any(|name| name.eq_ignore_ascii_case(key.text));
    is_zone.then(|| {
        let message = format!("{} does not belong in a schedule", word.text);
        let hint = format!("write {} in the field TimeZone", zone.text);
        (ScheduleError::new(None, word, message).with_hint(hint), rest.trimmed())
    })
}

fn alias(piece: Piece<'_>) -> Result<Rule, Vec<ScheduleError>> {
    let end = piece.text.find([' ', '\t']).unwrap_or(piece.text.len());
    let (name, rest) = piece.split_at(end);
    let rest = rest.trimmed();
    let lower = name.text.to_ascii_lowercase();
    if lower == "@every" {
        return every(name, rest);
    }
    let Some((_, meaning)) = ALIASES.iter().find(|(alias, _)| *alias == lower) else {
        return Err(vec![unknown(name, &lower)]);
    };
    if !rest.text.is_empty() {
        return Err(vec![ScheduleError::new(
            None,
            rest,
            format!("nothing may follow {}", name.text),
        )]);
    }
    let calendar = parse_cron_expression::parse(Piece { text: meaning, offset: 0 })?;
    Ok(Rule::Calendar(calendar.into()))
}

fn every(name: Piece<'_>, rest: Piece<'_>) -> Result<Rule, Vec<ScheduleError>> {
    if rest.text.is_empty() {
        let error = ScheduleError::new(Some("interval"), name, "@every needs an interval".into());
        return Err(vec![error.with_hint("write @every 1h30m")]);
    }
    Interval::parse(rest).map(Rule::Every).map_err(|error| vec![error])
}

fn unknown(name: Piece<'_>, lower: &str) -> ScheduleError {
    if lower == "@reboot" {
        let hint = "write \"\" and have the host run `docket run NAME` when it boots, such as from a \
                    systemd unit after docket.service";
        return ScheduleError::new(None, name, "@reboot is not a calendar schedule".into())
            .with_hint(hint);
    }
    let names = ALIASES.map(|(alias, _)| alias);
    let known = format!("{}, @every", names.join(", "));
    let error = ScheduleError::new(None, name, format!("{} is not an alias ({known})", name.text));
    let near =
        names.into_iter().chain(["@every"]).map(|known| (strsim::levenshtein(lower, known), known));
    match near.min() {
        Some((distance, known)) if distance <= SLIPS => error.with_hint(format!("write {known}")),
        _ => error,
    }
}
