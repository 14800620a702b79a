//! Chooses between JSON and YAML by the `Accept` header.

use actix_web::{HttpRequest, http::header};

use super::error::ApiError;

pub(super) const YAML: &str = "application/yaml";

/// How a response is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Yaml,
}

impl Format {
    /// The format that the client prefers; JSON if it has no preference.
    ///
    /// # Errors
    /// If the client accepts neither.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        let values = request.headers().get_all(header::ACCEPT);
        let accept = values.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
        choose(&accept).ok_or(ApiError::NotAcceptable)
    }
}

fn choose(accept: &str) -> Option<Format> {
    if accept.trim().is_empty() {
        return Some(Format::Json);
    }
    let (json, yaml) = (Preference::of(accept, "json"), Preference::of(accept, "yaml"));
    match (json.quality > 0, yaml.quality > 0) {
        (false, false) => None,
        (_, true) if yaml > json => Some(Format::Yaml),
        (true, _) => Some(Format::Json),
        (false, true) => Some(Format::Yaml),
    }
}

/// How much a client wants a media type. Of two with the same quality it wants the one that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Preference {
    /// `q` in thousandths.
    quality: u16,
    /// 1 for `*/*`, 2 for `application/*`, 3 for the type itself.
    precision: u8,
}

impl Preference {
    fn of(accept: &str, subtype: &str) -> Self {
        let ranges = accept.split(',').filter_map(|range| Self::of_range(range, subtype));
        // The most precise range decides, whatever the quality of the others is.
        ranges.max_by_key(|preference| preference.precision).unwrap_or_default()
    }

    /// `None` if the range does not include the type.
    fn of_range(range: &str, subtype: &str) -> Option<Self> {
        let mut parts = range.split(';').map(str::trim);
        let (main, sub) = parts.next()?.split_once('/')?;
        let sub = sub.to_ascii_lowercase();
        let precision = match (main.to_ascii_lowercase().as_str(), sub.as_str()) {
            ("*", "*") => 1,
            ("application", "*") => 2,
            ("application", sub) if sub.strip_prefix("x-").unwrap_or(sub) == subtype => 3,
            ("text", sub) if sub == "yaml" && subtype == "yaml" => 3,
            _ => return None,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |quality| {
            quality.trim().parse::<f32>().unwrap_or_default().clamp(0.0, 1.0)
        });
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to 1000"
        )]
        let quality = (quality * 1000.0) as u16;
        Some(Self { quality, precision })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_with_the_highest_quality_is_chosen_and_json_without_a_preference() {
        let json = Some(Format::Json);
        let yaml = Some(Format::Yaml);
        for (accept, chosen) in [
            ("", json),
            ("*/*", json),
            ("application/*", json),
            ("application/json", json),
            ("application/json, application/problem+json", json),
            ("application/yaml", yaml),
            ("application/x-yaml", yaml),
            ("text/yaml", yaml),
            ("Application/YAML; charset=utf-8", yaml),
            ("application/yaml, */*", yaml),
            ("application/yaml, application/json", json),
            ("application/json;q=0.5, application/yaml", yaml),
            ("application/yaml;q=0.5, */*", json),
            ("application/json;q=0, */*", yaml),
            ("text/html,application/xhtml+xml,*/*;q=0.8", json),
            ("text/html", None),
            ("application/json;q=0", None),
            ("application/xml, application/yaml;q=0", None),
        ] {
            assert_eq!(choose(accept), chosen, "{accept}");
        }
    }
}
