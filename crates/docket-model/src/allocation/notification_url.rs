//! The URL of a receiver of notifications. It is a secret: whoever knows it can post there.

use std::{fmt, str::FromStr, sync::Arc};

use thiserror::Error;

/// The longest URL, in bytes.
// As long as browsers and most servers accept.
const LONGEST: usize = 2048;

/// What stands for the path of a URL that is not shown.
const MASK: &str = "/•••";

/// A URL to which notifications are posted. `Display` and `Debug` show its host only.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NotificationUrl(Arc<str>);

/// A text that is not such a URL. The text is a secret and not part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidNotificationUrl {
    /// It is no URL of the web.
    #[error("is not a URL: write https://HOST/PATH")]
    NotAUrl,
    /// It has a user name or a password.
    #[error("has a user name before `@`: write https://HOST/PATH")]
    UserName,
    /// It has characters that no URL has.
    #[error(
        "has a space, a `#` or another character that a URL cannot have: write it as `%` and two hex digits"
    )]
    Character,
    /// It is too long.
    #[error("is longer than {LONGEST} bytes")]
    TooLong,
}

impl NotificationUrl {
    /// The whole URL.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// The URL with `•••` as its path.
    #[must_use]
    pub fn masked(&self) -> Self {
        let (scheme, authority, _) = parts(&self.0);
        Self(format!("{scheme}{authority}{MASK}").into())
    }

    /// True if it is [masked](Self::masked), so that it stands for another URL.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        self.0.ends_with(MASK)
    }

    /// The host, without a port.
    #[must_use]
    pub fn host(&self) -> &str {
        host_and_port(self.authority()).0
    }

    /// The host, with the port if the URL has one.
    #[must_use]
    pub fn authority(&self) -> &str {
        parts(&self.0).1
    }
}

/// The scheme with `://`, the authority, and the rest.
fn parts(url: &str) -> (&str, &str, &str) {
    let scheme = url.find("://").map_or(0, |at| at + "://".len());
    let (scheme, rest) = url.split_at(scheme);
    let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    (scheme, authority, rest)
}

/// The host, and the port if there is one. The brackets of an IPv6 address belong to the host.
fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !host.is_empty() && host.chars().all(is_allowed)
}

impl FromStr for NotificationUrl {
    type Err = InvalidNotificationUrl;

    fn from_str(text: &str) -> Result<Self, InvalidNotificationUrl> {
        if text.len() > LONGEST {
            return Err(InvalidNotificationUrl::TooLong);
        }
        let (scheme, authority, rest) = parts(text);
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(scheme.as_str(), "https://" | "http://") {
            return Err(InvalidNotificationUrl::NotAUrl);
        }
        if authority.contains('@') {
            return Err(InvalidNotificationUrl::UserName);
        }
        let (host, port) = host_and_port(authority);
        if !is_host(host) || port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err(InvalidNotificationUrl::NotAUrl);
        }
        let is_allowed = |c: char| c.is_ascii_graphic() && !r##""#<>\^`{|}"##.contains(c);
        if rest != MASK && !rest.chars().all(is_allowed) {
            return Err(InvalidNotificationUrl::Character);
        }
        Ok(Self(format!("{scheme}{}{rest}", authority.to_ascii_lowercase()).into()))
    }
}

impl fmt::Display for NotificationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked().0)
    }
}

impl fmt::Debug for NotificationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_of_a_url_is_shown_and_the_mask_is_a_url_too() {
        let url: NotificationUrl =
            "HTTPS://Hooks.example.org:8443/services/T0/s3cret?k=1".parse().unwrap();

        assert_eq!(url.secret(), "https://hooks.example.org:8443/services/T0/s3cret?k=1");
        assert_eq!(url.to_string(), "https://hooks.example.org:8443/•••");
        assert_eq!(format!("{url:?}"), url.to_string());
        assert_eq!((url.host(), url.authority()), ("hooks.example.org", "hooks.example.org:8443"));
        let mask: NotificationUrl = url.to_string().parse().unwrap();
        assert!(mask.is_masked() && !url.is_masked() && mask == url.masked());
        let v6: NotificationUrl = "http://[::1]:80".parse().unwrap();
        assert_eq!((v6.host(), v6.authority()), ("[::1]", "[::1]:80"));
    }

    #[test]
    fn what_is_no_url_of_the_web_is_refused_without_being_quoted() {
        for (text, error) in [
            ("", InvalidNotificationUrl::NotAUrl),
            ("hooks.example.org/x", InvalidNotificationUrl::NotAUrl),
            ("ftp://hooks.example.org/x", InvalidNotificationUrl::NotAUrl),
            ("https:///x", InvalidNotificationUrl::NotAUrl),
            ("https://a:b/x", InvalidNotificationUrl::NotAUrl),
            ("https://[::1/x", InvalidNotificationUrl::NotAUrl),
            ("https://ann:pw@a/x", InvalidNotificationUrl::UserName),
            ("https://a/x y", InvalidNotificationUrl::Character),
            ("https://a/x#y", InvalidNotificationUrl::Character),
            ("https://a/•••/x", InvalidNotificationUrl::Character),
            (&format!("https://a/{}", "x".repeat(LONGEST)), InvalidNotificationUrl::TooLong),
        ] {
            assert_eq!(text.parse::<NotificationUrl>(), Err(error), "{text}");
        }
    }
}
