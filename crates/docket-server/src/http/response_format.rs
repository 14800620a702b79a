//! Chooses between JSON and YAML by the `Accept` header.

use actix_web::{
    HttpRequest,
    http::header::{self, Accept, Header as _, HeaderMap, Quality, QualityItem},
    mime::Mime,
};

use super::error::ApiError;

pub(super) const YAML: &str = "application/yaml";

/// True if the client names this media type among those that it accepts.
pub(super) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    // Not parsed: wildcards do not count, and no client names such a type with a quality of 0.
    accept.is_some_and(|accept| accept.contains(media_type))
}

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
        let accept = Accept::parse(request).map_err(|_| ApiError::NotAcceptable)?;
        choose(&accept).ok_or(ApiError::NotAcceptable)
    }
}

fn choose(accept: &[QualityItem<Mime>]) -> Option<Format> {
    let (json, yaml) = (preference(accept, "json"), preference(accept, "yaml"));
    // Precision breaks ties only; JSON wins if both are equal, as the original has only that.
    if yaml.0 > Quality::ZERO && yaml > json {
        Some(Format::Yaml)
    } else {
        (accept.is_empty() || json.0 > Quality::ZERO).then_some(Format::Json)
    }
}

/// The quality of a type by the most precise range that includes it, and the precision. Of two types with
/// the same quality the one that is named is preferred.
fn preference(accept: &[QualityItem<Mime>], subtype: &str) -> (Quality, u8) {
    let precision = |range: &Mime| match (range.type_().as_str(), range.subtype().as_str()) {
        ("*", "*") => Some(1),
        ("application", "*") => Some(2),
        // YAML had no registered type until 2024 (RFC 9512): older clients use the other names.
        ("application", sub) if sub.strip_prefix("x-").unwrap_or(sub) == subtype => Some(3),
        ("text", "yaml") if subtype == "yaml" => Some(3),
        _ => None,
    };
    let ranges = accept.iter().filter_map(|range| Some((precision(&range.item)?, range.quality)));
    let most_precise = ranges.max_by_key(|(precision, _)| *precision);
    most_precise.map_or((Quality::ZERO, 0), |(precision, quality)| (quality, precision))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

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
            let request = TestRequest::default().append_header(("accept", accept));
            assert_eq!(Format::of(&request.to_http_request()).ok(), chosen, "{accept}");
        }
    }
}
