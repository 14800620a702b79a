//! Suggests what to write instead of a text that is not the name of a time zone.

use super::zone_data::{LONGEST_NAME, names};

/// A name that the time zone database does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a time zone{hint}")]
pub struct UnknownZone {
    /// The name as it was given.
    pub name: String,
    /// What to write instead, as the end of the message.
    pub hint: String,
}

/// The meaning of the sign of an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// As in `UTC+1`, an hour ahead of UTC.
    Ahead,
    /// As in `Etc/GMT+1` and in rules of POSIX, an hour behind UTC.
    Behind,
}

impl UnknownZone {
    /// A value of the variable `TZ`, in which the sign of an offset is that of POSIX.
    #[must_use]
    pub fn of_tz(text: &str) -> Self {
        let hint = offset_hint(text, Sign::Behind);
        hint.map_or_else(|| Self::new(text), |hint| Self { name: text.to_owned(), hint })
    }

    pub(super) fn new(name: &str) -> Self {
        let hint = offset_hint(name, Sign::Ahead)
            .or_else(|| rule_hint(name))
            .unwrap_or_else(|| format!(", did you mean `{}`?", nearest(name)));
        Self { name: name.to_owned(), hint }
    }
}

/// The hint for an offset from UTC: `GMT+1`, `UTC-05:00`, `+0530`.
fn offset_hint(text: &str, sign: Sign) -> Option<String> {
    let upper = text.trim().to_ascii_uppercase();
    let (bare, sign) = match upper.strip_prefix("ETC/") {
        Some(bare) => (bare, Sign::Behind),
        None => (upper.as_str(), sign),
    };
    let bare = ["UTC", "GMT"].iter().find_map(|prefix| bare.strip_prefix(prefix)).unwrap_or(bare);
    let (is_ahead, digits) = match bare.trim_start().split_at_checked(1)? {
        ("+", digits) => (sign == Sign::Ahead, digits),
        ("-", digits) => (sign == Sign::Behind, digits),
        // POSIX writes no sign for zones behind UTC.
        _ if sign == Sign::Behind && bare.len() < upper.len() => (false, bare),
        _ => return None,
    };
    let minutes = minutes(digits)?;
    let place = "write the name of a place, such as `Europe/Berlin`";
    // No place is needed where there is no offset.
    if minutes == 0 {
        return Some(": write `UTC`".to_owned());
    }
    if minutes % 60 != 0 {
        return Some(format!(": {place}, as no zone is named by such an offset"));
    }
    let (hours, side) = (minutes / 60, if is_ahead { "ahead of" } else { "behind" });
    // The database has `Etc/GMT-14` to `Etc/GMT+12`.
    let longest = if is_ahead { 14 } else { 12 };
    if hours > longest {
        return Some(format!(": {place}, as no zone is {hours} hours {side} UTC"));
    }
    let reversed = if is_ahead { '-' } else { '+' };
    let noun = if hours == 1 { "hour" } else { "hours" };
    Some(format!(
        ": {place}, or `Etc/GMT{reversed}{hours}` for {hours} {noun} {side} UTC without daylight \
         saving (the sign in these names is reversed)"
    ))
}

/// Reads `1`, `01`, `0100`, `01:00`.
fn minutes(digits: &str) -> Option<u32> {
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if digits.len() > 2 => digits.split_at_checked(digits.len() - 2)?,
        None => (digits, "0"),
    };
    let number = |text: &str| {
        let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u32>().ok().filter(|_| is_number)
    };
    Some(number(hours)? * 60 + number(minutes)?)
}

/// The hint for a POSIX rule: `CET-1CEST,M3.5.0,M10.5.0/3`, `<+03>-3`.
fn rule_hint(text: &str) -> Option<String> {
    let rest = match text.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>')?.1,
        None => text.trim_start_matches(|c: char| c.is_ascii_alphabetic()),
    };
    let has_name = (3..=6).contains(&(text.len() - rest.len()));
    let is_upper = text.starts_with('<') || !text.contains(|c: char| c.is_ascii_lowercase());
    let digit = rest.strip_prefix(['+', '-']).unwrap_or(rest).bytes().next()?;
    let is_rule = has_name && is_upper && digit.is_ascii_digit() && !text.contains(['/', '_', ' '])
        || text.contains(",M")
        || text.contains(",J");
    is_rule.then(|| {
        " but a rule of POSIX, which does not follow changes of the law: write the name of a place, \
         such as `Europe/Berlin`"
            .to_owned()
    })
}

/// Compares with whole names and with their cities alone, so that `Berlin` finds its zone.
fn nearest(name: &str) -> &'static str {
    // The text comes from a client, and is compared with every name of the database.
    let typed: String = name.chars().take(LONGEST_NAME).collect::<String>().to_ascii_lowercase();
    let typed = typed.trim().replace(' ', "_");
    let distance = |zone: &&str| {
        let whole = zone.to_ascii_lowercase();
        let city = whole.rsplit('/').next().unwrap_or(&whole);
        let by_city = strsim::damerau_levenshtein(city, &typed);
        strsim::damerau_levenshtein(&whole, &typed).min(by_city)
    };
    names().min_by_key(distance).unwrap_or("UTC")
}
