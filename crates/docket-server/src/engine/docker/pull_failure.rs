//! Why a pull failed: whose fault it is, in the words of the registry or the network, and the remedy.
//!
//! Engines pass on what a registry or the network said as text only, so the cause is read from it.

use std::{fmt, time::Duration};

use crate::engine::docker_api::{login_registry_name::Reference, registry_login};

/// What kind of failure a pull met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The registry says that there is no such image.
    NoSuchImage,
    /// The image exists, but not for the platform.
    NoSuchPlatform,
    /// The registry allows no more pulls for now.
    RateLimited,
    /// The registry wants a login, or rejects the one that was sent.
    Unauthorized,
    /// The registry denies access, which it also does for images that do not exist.
    Denied,
    /// The registry answers that it is out of order.
    Unavailable,
    /// The registry's name cannot be resolved.
    UnknownHost,
    /// Nothing accepts connections at the registry's address.
    ConnectionRefused,
    /// There was no answer in time.
    NoAnswer,
    /// The pull as a whole took longer than docket allows.
    TooSlow,
    /// The engine's proxy cannot be reached, or wants a login.
    Proxy,
    /// The connection failed in another way.
    Unreachable,
    /// The registry speaks HTTP where the engine expects HTTPS.
    PlainHttp,
    /// The registry's certificate is not accepted, or TLS failed in another way.
    Tls,
    /// What answers is not a registry.
    NotARegistry,
    /// The engine has no room for the image.
    DiskFull,
    /// The engine, or a proxy in front of it, refused the request itself.
    EngineRefused,
    /// Nothing that docket knows.
    Other,
}

/// What docket itself says of a pull that took too long.
const TOOK_OVER: &str = "the pull took over";

/// Words that decide about the cause, the first match wins. Words with a slash are not looked at:
/// they are addresses and names of images, which may contain any word.
const PHRASES: [(Cause, &[&str]); 16] = [
    (Cause::DiskFull, &["no space left on device", "disk quota exceeded"]),
    (
        Cause::NoSuchPlatform,
        &[
            "no matching manifest for",
            "no match for platform",
            "does not match the specified platform",
            "no image found in manifest list",
            "no image found in image index",
        ],
    ),
    (Cause::NoSuchImage, &["manifest unknown", "name unknown", "manifest for"]),
    (Cause::RateLimited, &["toomanyrequests", "too many requests", "rate limit"]),
    (Cause::EngineRefused, &["authorization denied by plugin"]),
    (
        Cause::Unauthorized,
        &[
            "unauthorized",
            "no basic auth credentials",
            "authentication required",
            "authorization token has expired",
        ],
    ),
    // A permission that the engine lacks on its own host is no word of the registry.
    (Cause::Other, &["permission denied"]),
    (Cause::Denied, &["denied", "insufficient_scope", "forbidden"]),
    (Cause::Proxy, &["proxyconnect", "proxy authentication required"]),
    (Cause::PlainHttp, &["gave http response to https client"]),
    (Cause::UnknownHost, &["no such host", "server misbehaving", "name resolution", "lookup "]),
    (Cause::ConnectionRefused, &["connection refused"]),
    (Cause::TooSlow, &[TOOK_OVER]),
    (Cause::NoAnswer, &["timeout", "timed out", "deadline exceeded"]),
    (Cause::Tls, &["x509:", "tls:", "certificate"]),
    (
        Cause::Unreachable,
        &[
            "dial tcp",
            "connection reset",
            "is unreachable",
            "no route to host",
            "eof",
            "broken pipe",
        ],
    ),
];

/// Words that are looked for only after the status that the registry answered with.
const LATE_PHRASES: [(Cause, &[&str]); 3] = [
    (Cause::Unavailable, &["unavailable"]),
    (
        Cause::NotARegistry,
        &["invalid character", "end of json input", "unmarshalling content", "mediatype", "html"],
    ),
    (Cause::NoSuchImage, &["not found", "no such image", "does not exist"]),
];

impl Cause {
    /// Reads the cause from what the engine said.
    pub(super) fn of(words: &str) -> Self {
        // An engine never answers in HTML, but a proxy in front of it does.
        if words.trim_start().starts_with('<') {
            return Self::EngineRefused;
        }
        let words = words.to_lowercase();
        let plain: Vec<&str> =
            words.split_whitespace().filter(|word| !word.contains('/')).collect();
        let status = plain.iter().find_map(|word| http_status(word));
        let plain = plain.join(" ");
        let said = |phrases: &[(Self, &[&str])]| {
            let mut phrases = phrases.iter();
            let found = phrases.find(|(_, some)| some.iter().any(|phrase| plain.contains(phrase)));
            found.map(|(cause, _)| *cause)
        };
        // A number of three digits alone may be a port, a size or a part of a name.
        let is_about_status = plain.contains("status") || plain.contains("error parsing http");
        let answered = || status.filter(|_| is_about_status).map(Self::of_status);
        said(&PHRASES).or_else(answered).or_else(|| said(&LATE_PHRASES)).unwrap_or(Self::Other)
    }

    /// The cause that an HTTP status of a registry stands for.
    fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Unauthorized,
            403 => Self::Denied,
            407 => Self::Proxy,
            429 => Self::RateLimited,
            500.. => Self::Unavailable,
            _ => Self::NotARegistry,
        }
    }
}

/// The HTTP status of a failure that a word is.
fn http_status(word: &str) -> Option<u16> {
    let digits = word.trim_end_matches([':', ',', ';', '.']);
    digits.parse().ok().filter(|status| digits.len() == 3 && (300..600).contains(status))
}

/// A pull that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PullFailure {
    cause: Cause,
    registry: String,
    /// What the engine said, and in it what the registry or the network said.
    words: String,
    /// True where a login was sent.
    had_login: bool,
    /// Why a login that is configured could not be used.
    login_trouble: Option<String>,
}

impl PullFailure {
    /// A failure of this image's pull, of which the engine said `words`.
    pub(super) fn new(reference: &Reference, words: String) -> Self {
        let (cause, registry) = (Cause::of(&words), reference.registry().to_owned());
        Self { cause, registry, words, had_login: false, login_trouble: None }
    }

    /// What is said of a pull that took longer than `limit`.
    pub(super) fn too_slow(limit: Duration) -> String {
        format!("{TOOK_OVER} {} s", limit.as_secs())
    }

    /// The same, with what is known about the login.
    pub(super) fn with_login(self, had_login: bool, login_trouble: Option<String>) -> Self {
        Self { had_login, login_trouble, ..self }
    }

    /// True where the registry itself says that there is no such image.
    pub(super) fn is_no_such_image(&self) -> bool {
        self.cause == Cause::NoSuchImage
    }

    /// What failed, with the name of what is at fault.
    fn what(&self) -> String {
        let registry = format!("registry {}", self.registry);
        match self.cause {
            Cause::NoSuchImage => format!("{registry} has no such image"),
            Cause::NoSuchPlatform => "the image does not exist for this platform".to_owned(),
            Cause::RateLimited => format!("the rate limit of {registry} is reached"),
            Cause::Unauthorized if self.had_login => format!("{registry} rejected the login"),
            Cause::Unauthorized => format!("{registry} requires a login"),
            Cause::Denied => format!("{registry} denied access"),
            Cause::Unavailable => format!("{registry} is unavailable"),
            Cause::UnknownHost => format!("the engine cannot resolve the name of {registry}"),
            Cause::ConnectionRefused => format!("{registry} refuses connections"),
            Cause::NoAnswer => format!("no answer from {registry} in time"),
            Cause::TooSlow => "the pull did not finish in time".to_owned(),
            Cause::Proxy => format!("the engine cannot reach {registry} through its proxy"),
            Cause::Unreachable => format!("the engine cannot reach {registry}"),
            Cause::PlainHttp => format!("{registry} does not use HTTPS"),
            Cause::Tls => format!("no secure connection to {registry}"),
            Cause::NotARegistry => format!("what answers as {registry} is not a registry"),
            Cause::DiskFull => "the engine's disk is full".to_owned(),
            Cause::EngineRefused => "the engine, or a proxy before it, refused the pull".to_owned(),
            Cause::Other => String::new(),
        }
    }

    /// What can be done about it.
    fn remedy(&self) -> Option<String> {
        let login = registry_login::remedy(&self.registry);
        Some(match self.cause {
            Cause::RateLimited if self.had_login => "try again later".to_owned(),
            Cause::RateLimited => format!("try again later, or {login}"),
            Cause::Unauthorized => login,
            Cause::Denied if self.had_login => {
                "the image does not exist, or this login may not pull it".to_owned()
            }
            Cause::Denied => {
                format!("the image does not exist, or it requires a login: {login}")
            }
            Cause::Unavailable => "try again later".to_owned(),
            Cause::TooSlow => "a larger `--pull-timeout` gives it more time".to_owned(),
            Cause::PlainHttp => {
                "list it under `insecure-registries` in the engine's daemon.json".to_owned()
            }
            Cause::Tls => format!(
                "if its authority is your own, install it for the engine as /etc/docker/certs.d/{}/ca.crt",
                self.registry
            ),
            Cause::NotARegistry => {
                "check the name; a proxy or a login page may answer instead of it".to_owned()
            }
            Cause::DiskFull => {
                "free space on the engine's host, for example with `docker system prune`".to_owned()
            }
            _ => return None,
        })
    }
}

impl fmt::Display for PullFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.what();
        let colon = if what.is_empty() { "" } else { ": " };
        write!(f, "{what}{colon}{}", self.words)?;
        if let Some(trouble) = &self.login_trouble {
            write!(f, " (asked without a login: {trouble})")?;
        }
        match self.remedy() {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
