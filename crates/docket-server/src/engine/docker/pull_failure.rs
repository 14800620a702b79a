//! Why a pull failed: whose fault it is, in the words of the registry or the network, and the remedy.
//!
//! Engines pass on what a registry or the network said as text only, so the cause is read from it.

use std::{fmt, time::Duration};

use super::reference::Reference;

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
const PHRASES: [(Cause, &[&str]); 15] = [
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
    (Cause::Denied, &["denied", "insufficient_scope", "forbidden"]),
    (
        Cause::Unauthorized,
        &["unauthorized", "no basic auth credentials", "authentication required"],
    ),
    (Cause::Proxy, &["proxyconnect", "proxy authentication required"]),
    (Cause::PlainHttp, &["gave http response to https client"]),
    (Cause::UnknownHost, &["no such host", "server misbehaving", "name resolution"]),
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
        let login = match self.registry.as_str() {
            "docker.io" => "`docker login`".to_owned(),
            registry => format!("`docker login {registry}`"),
        };
        let user = "as the user who runs the server";
        Some(match self.cause {
            Cause::RateLimited if self.had_login => "try again later".to_owned(),
            Cause::RateLimited => format!("try again later, or run {login} {user}"),
            Cause::Unauthorized => format!("run {login} {user}"),
            Cause::Denied if self.had_login => {
                "the image does not exist, or this login may not pull it".to_owned()
            }
            Cause::Denied => {
                format!("the image does not exist, or it requires a login: run {login} {user}")
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
mod tests {
    use super::*;

    /// What engines said in front of real and of broken registries, networks and disks.
    #[test]
    fn the_cause_is_read_from_the_engines_words() {
        let cases = [
            ("toomanyrequests: You have reached your pull rate limit.", Cause::RateLimited),
            (
                "error parsing HTTP 429 response body: invalid character 's' looking for \
                 beginning of value: \"slow down\"",
                Cause::RateLimited,
            ),
            (
                "failed to resolve reference \"docker.io/a/b:1\": unexpected status from HEAD \
                 request to https://r.example/v2/a/b/manifests/1: 429 Too Many Requests",
                Cause::RateLimited,
            ),
            ("unauthorized: authentication required", Cause::Unauthorized),
            (
                "Get \"http://r:5000/v2/a/manifests/1\": no basic auth credentials",
                Cause::Unauthorized,
            ),
            ("error parsing HTTP 401 response body: \"x\"", Cause::Unauthorized),
            ("denied", Cause::Denied),
            (
                "pull access denied for nobody/nothing, repository does not exist or may require \
                 'docker login': denied: requested access to the resource is denied",
                Cause::Denied,
            ),
            (
                "error parsing HTTP 403 response body: invalid character '<' looking for \
                 beginning of value: \"<html><body>blocked</body></html>\"",
                Cause::Denied,
            ),
            ("received unexpected HTTP status: 503 Service Unavailable", Cause::Unavailable),
            ("received unexpected HTTP status: 500 Internal Server Error", Cause::Unavailable),
            ("received unexpected HTTP status: 502 Bad Gateway", Cause::Unavailable),
            (
                "Get \"http://r:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused",
                Cause::ConnectionRefused,
            ),
            (
                "Get \"https://h.example/v2/\": dial tcp: lookup h.example on 127.0.0.53:53: no such host",
                Cause::UnknownHost,
            ),
            ("Get \"https://r/v2/\": dial tcp 192.0.2.1:443: i/o timeout", Cause::NoAnswer),
            ("Get \"https://r/v2/\": net/http: TLS handshake timeout", Cause::NoAnswer),
            (
                "Get \"https://r/v2/\": net/http: request canceled while waiting for connection \
                 (Client.Timeout exceeded while awaiting headers)",
                Cause::NoAnswer,
            ),
            ("Get \"https://r/v2/\": context deadline exceeded", Cause::NoAnswer),
            ("Get \"https://r/v2/\": EOF", Cause::Unreachable),
            ("dial tcp 192.0.2.1:443: connect: no route to host", Cause::Unreachable),
            ("proxyconnect tcp: dial tcp 127.0.0.1:9: connect: connection refused", Cause::Proxy),
            (
                "Get \"https://r:1/v2/\": http: server gave HTTP response to HTTPS client",
                Cause::PlainHttp,
            ),
            ("Get \"https://r/v2/\": x509: certificate signed by unknown authority", Cause::Tls),
            ("remote error: tls: handshake failure", Cause::Tls),
            (
                "error unmarshalling content: invalid character '<' looking for beginning of value",
                Cause::NotARegistry,
            ),
            ("unexpected end of JSON input", Cause::NotARegistry),
            (
                "error parsing HTTP 404 response body: invalid character 'p' after top-level \
                 value: \"404 page not found\"",
                Cause::NotARegistry,
            ),
            ("the pull took over 600 s", Cause::TooSlow),
            ("manifest unknown", Cause::NoSuchImage),
            ("manifest unknown: manifest unknown", Cause::NoSuchImage),
            ("name unknown: repository name not known to registry", Cause::NoSuchImage),
            ("manifest for r/denied:1 not found: manifest unknown", Cause::NoSuchImage),
            ("repository r.example/unauthorized not found", Cause::NoSuchImage),
            (
                "no matching manifest for linux/arm64 in the manifest list entries",
                Cause::NoSuchPlatform,
            ),
            ("no match for platform in manifest: not found", Cause::NoSuchPlatform),
            ("write /var/lib/docker/tmp/GetImageBlob1: no space left on device", Cause::DiskFull),
            ("<html><body><h1>403 Forbidden</h1></body></html>", Cause::EngineRefused),
            ("authorization denied by plugin authz: no", Cause::EngineRefused),
            ("filesystem layer verification failed for digest sha256:0a", Cause::Other),
        ];
        for (words, cause) in cases {
            assert_eq!(Cause::of(words), cause, "{words}");
        }
    }

    #[test]
    fn a_failure_names_the_registry_and_the_remedy() {
        let failure = |image, words: &str| {
            PullFailure::new(&Reference::parse(image).unwrap(), words.to_owned())
        };
        let cases = [
            (
                failure("busybox", "toomanyrequests: slow down"),
                "the rate limit of registry docker.io is reached: toomanyrequests: slow down; \
                 try again later, or run `docker login` as the user who runs the server",
            ),
            (
                failure("r.example/a", "unauthorized"),
                "registry r.example requires a login: unauthorized; \
                 run `docker login r.example` as the user who runs the server",
            ),
            (
                failure("r.example/a", "unauthorized").with_login(true, None),
                "registry r.example rejected the login: unauthorized; \
                 run `docker login r.example` as the user who runs the server",
            ),
            (
                failure("r.example/a", "denied")
                    .with_login(false, Some("`docker-credential-x` failed".to_owned())),
                "registry r.example denied access: denied (asked without a login: \
                 `docker-credential-x` failed); the image does not exist, or it requires a login: \
                 run `docker login r.example` as the user who runs the server",
            ),
            (
                failure("r.example/a", "received unexpected HTTP status: 503 Service Unavailable"),
                "registry r.example is unavailable: received unexpected HTTP status: 503 Service \
                 Unavailable; try again later",
            ),
            (
                failure("r.example/a", "dial tcp 192.0.2.1:443: connect: connection refused"),
                "registry r.example refuses connections: \
                 dial tcp 192.0.2.1:443: connect: connection refused",
            ),
            (failure("r.example/a", "layer verification failed"), "layer verification failed"),
        ];
        for (failure, text) in cases {
            assert_eq!(failure.to_string(), text);
        }
    }
}
