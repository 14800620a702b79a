//! Image names: the grammar of engines and registries, and what to write instead of an invalid name.

use thiserror::Error;

use crate::finding::shortened;

/// The default registry.
const DEFAULT_REGISTRY: &str = "docker.io";
/// The default tag; without it an engine would pull all tags.
const DEFAULT_TAG: &str = "latest";
/// The length of the longest tag.
const LONGEST_TAG: usize = 128;
/// The length of the longest registry and path.
const LONGEST_REPOSITORY: usize = 255;

/// The digest algorithms that every engine checks, and how many digits each has.
const DIGESTS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// A parsed image name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageReference {
    repository: String,
    version: Version,
}

/// Which image of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Version {
    Tag(String),
    Digest(String),
}

/// Why a text is not a valid image name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidImage {
    /// The name or a part of it is empty.
    #[error("`{0}` has an empty part: write REPOSITORY:TAG, such as `busybox:1.36`")]
    EmptyPart(String),
    /// White space before, after or within the name.
    #[error("an image name has no white space: write `{0}`")]
    WhiteSpace(String),
    /// A URL instead of a name.
    #[error("an image name does not begin with `{scheme}://`: write `{rest}`")]
    Scheme {
        /// What is before `://`.
        scheme: String,
        /// What is after it.
        rest: String,
    },
    /// Capital letters in the path.
    #[error("an image name has no capital letters before its tag: write `{0}`")]
    CapitalLetters(String),
    /// A colon without a tag.
    #[error("no tag after `:`: write `{0}` or `{0}:TAG`")]
    EmptyTag(String),
    /// A tag that is too long.
    #[error("the tag has {0} characters, more than {LONGEST_TAG}")]
    LongTag(usize),
    /// A tag with an invalid character.
    #[error(
        "`{0}` is not a tag: a tag is letters, digits, `_`, `.` and `-`, and begins with a letter, a \
         digit or `_`"
    )]
    Tag(String),
    /// An `@` without a digest.
    #[error("`{0}` is not a digest: write `@sha256:` and 64 hexadecimal digits in lower case")]
    Digest(String),
    /// A tag after an `@`.
    #[error("`@` begins a digest: write `{0}` for a tag")]
    TagAfterAt(String),
    /// A registry that is not a valid host.
    #[error("`{0}` is not a registry: write HOST or HOST:PORT before the first `/`")]
    Registry(String),
    /// A part of the path with an invalid character.
    #[error(
        "`{0}` is not allowed in an image name: its parts are lower-case letters and digits, with `.`, \
         `_`, `__` or dashes between them"
    )]
    Part(String),
    /// A name that is too long.
    #[error("the name has {0} characters before its tag, more than {LONGEST_REPOSITORY}")]
    Long(usize),
}

impl ImageReference {
    /// Parses an image name. A digest takes precedence over a tag.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    pub fn parse(text: &str) -> Result<Self, InvalidImage> {
        check_form(text)?;
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        // A colon before the last slash belongs to the registry's port.
        let path_start = name.rfind('/').map_or(0, |slash| slash + 1);
        let (repository, tag) = match name.get(path_start..).and_then(|last| last.split_once(':')) {
            Some((last, tag)) => (name.get(..path_start + last.len()).unwrap_or(name), Some(tag)),
            None => (name, None),
        };
        // In this order the message is about the first wrong part, as it is read.
        check_repository(repository, text)?;
        tag.map_or(Ok(()), |tag| check_tag(tag, repository))?;
        digest.map_or(Ok(()), |digest| check_digest(digest, repository))?;
        let version = match digest {
            // With both, Docker pulls by the digest and ignores the tag.
            Some(digest) => Version::Digest(digest.to_owned()),
            None => Version::Tag(tag.unwrap_or(DEFAULT_TAG).to_owned()),
        };
        Ok(Self { repository: repository.to_owned(), version })
    }

    /// The registry and the path, as written.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag or digest, as the engine expects it.
    #[must_use]
    pub fn version(&self) -> &str {
        match &self.version {
            Version::Tag(tag) => tag,
            Version::Digest(digest) => digest,
        }
    }

    /// The name under which the engine keeps the image, safe in a URL.
    #[must_use]
    pub fn local_name(&self) -> String {
        match &self.version {
            Version::Tag(tag) => format!("{}:{tag}", self.repository),
            Version::Digest(digest) => format!("{}@{digest}", self.repository),
        }
    }

    /// Its registry's host and port.
    #[must_use]
    pub fn registry(&self) -> &str {
        match self.repository.split_once('/') {
            // Without a slash the whole text is a path: `localhost:5000` is a tag of `localhost`.
            Some((host, _)) if is_host(host) => host,
            _ => DEFAULT_REGISTRY,
        }
    }

    /// The first part, if only its capital letters make it a registry, as in `Team/app`.
    #[must_use]
    pub fn doubtful_registry(&self) -> Option<&str> {
        let registry = self.registry();
        (!is_host(&registry.to_lowercase()))
            .then_some(registry)
            .filter(|it| *it != DEFAULT_REGISTRY)
    }
}

/// Detects what users paste along with a name: commands, URLs, white space.
fn check_form(text: &str) -> Result<(), InvalidImage> {
    if text.contains(char::is_whitespace) {
        let mut words = text.split_whitespace();
        // A pasted `docker pull NAME` ends with the name.
        let name = match words.next() {
            Some("docker" | "podman") => words.next_back(),
            first => first,
        };
        let name = name.unwrap_or_default();
        return Err(InvalidImage::WhiteSpace(shortened(name)));
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let rest = rest.trim_end_matches('/');
        return Err(InvalidImage::Scheme { scheme: shortened(scheme), rest: shortened(rest) });
    }
    Ok(())
}

/// Docker's rule for whether the first part of a name is a registry.
fn is_host(text: &str) -> bool {
    // Capital letters cannot be in a path, so Docker takes such a word for a host.
    text == "localhost" || text.contains(['.', ':']) || text.chars().any(char::is_uppercase)
}

/// Checks the host, if there is one, and the path; rejects `..` and anything else special in a URL.
fn check_repository(repository: &str, text: &str) -> Result<(), InvalidImage> {
    let path = match repository.split_once('/') {
        Some((host, path)) if is_host(host) => {
            check_host(host)?;
            path
        }
        _ => repository,
    };
    for part in path.split('/') {
        if part.is_empty() {
            return Err(InvalidImage::EmptyPart(shortened(text)));
        }
        if !is_path_part(part) {
            return Err(match path.to_ascii_lowercase() {
                // Only if lower case would make it valid; another character has a message of its
                // own.
                lower if lower != path && lower.split('/').all(is_path_part) => {
                    InvalidImage::CapitalLetters(shortened(&text.replacen(path, &lower, 1)))
                }
                _ => InvalidImage::Part(shortened(part)),
            });
        }
    }
    match repository.len() {
        length if length > LONGEST_REPOSITORY => Err(InvalidImage::Long(length)),
        _ => Ok(()),
    }
}

fn check_host(host: &str) -> Result<(), InvalidImage> {
    let is_sound = host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
        && host.chars().all(|c| c.is_ascii_alphanumeric() || ".:-[]".contains(c));
    // An IPv6 address has colons and ends with a bracket if it has no port.
    let port = host.rsplit_once(':').filter(|_| !host.ends_with(']')).map(|(_, port)| port);
    let has_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    if is_sound && has_port { Ok(()) } else { Err(InvalidImage::Registry(shortened(host))) }
}

/// True for letters and digits with single separators between them: `.`, `_`, `__` or dashes.
fn is_path_part(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut separators = text.split(alphanumeric).filter(|between| !between.is_empty());
    text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && separators.all(|it| matches!(it, "." | "_" | "__") || it.bytes().all(|c| c == b'-'))
}

fn check_tag(tag: &str, repository: &str) -> Result<(), InvalidImage> {
    let start = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let inside = |c: char| start(c) || matches!(c, '.' | '-');
    if tag.is_empty() {
        Err(InvalidImage::EmptyTag(shortened(repository)))
    } else if !tag.starts_with(start) || !tag.chars().all(inside) {
        Err(InvalidImage::Tag(shortened(tag)))
    } else if tag.len() > LONGEST_TAG {
        Err(InvalidImage::LongTag(tag.len()))
    } else {
        Ok(())
    }
}

fn check_digest(digest: &str, repository: &str) -> Result<(), InvalidImage> {
    let invalid = || InvalidImage::Digest(shortened(digest));
    let Some((algorithm, hash)) = digest.split_once(':') else {
        // `busybox@1.36` is a usual slip for `busybox:1.36`.
        let is_tag = check_tag(digest, repository).is_ok();
        let tagged = || InvalidImage::TagAfterAt(shortened(&format!("{repository}:{digest}")));
        return Err(if is_tag { tagged() } else { invalid() });
    };
    let known = DIGESTS.iter().find(|(name, _)| *name == algorithm);
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '_' | '-');
    let is_sound = !algorithm.is_empty()
        && algorithm.chars().all(inside)
        && hash.chars().all(|c| c.is_ascii_digit() || matches!(c, 'a'..='f'))
        // A newer engine may support other digests.
        && known.map_or(hash.len() >= 32, |(_, length)| hash.len() == *length);
    if is_sound { Ok(()) } else { Err(invalid()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_added_where_none_is_written_and_a_port_is_no_tag() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let id = "5".repeat(64);
        let cases = [
            ("busybox", "busybox", "latest", "docker.io"),
            ("busybox:1.36", "busybox", "1.36", "docker.io"),
            ("me/tool:v1", "me/tool", "v1", "docker.io"),
            ("docker.io/me/tool", "docker.io/me/tool", "latest", "docker.io"),
            ("localhost/tool", "localhost/tool", "latest", "localhost"),
            ("reg:5000/tool", "reg:5000/tool", "latest", "reg:5000"),
            ("reg.example:5000/a/b_c:v.1", "reg.example:5000/a/b_c", "v.1", "reg.example:5000"),
            ("Reg.Example/a__b/c---d:V_1", "Reg.Example/a__b/c---d", "V_1", "Reg.Example"),
            ("[::1]:5000/tool:x", "[::1]:5000/tool", "x", "[::1]:5000"),
            ("[::1]/tool:x", "[::1]/tool", "x", "[::1]"),
            (&format!("tool@{digest}"), "tool", &digest, "docker.io"),
            (&format!("r.example/tool:old@{digest}"), "r.example/tool", &digest, "r.example"),
            (&format!("sha256:{id}"), "sha256", &id, "docker.io"),
            (&id, &id, "latest", "docker.io"),
        ];
        for (text, repository, version, registry) in cases {
            let reference = ImageReference::parse(text).unwrap();
            assert_eq!(reference.repository(), repository, "{text}");
            assert_eq!(reference.version(), version, "{text}");
            assert_eq!(reference.registry(), registry, "{text}");
        }
        assert_eq!(ImageReference::parse("busybox").unwrap().local_name(), "busybox:latest");
        let digested = ImageReference::parse(&format!("a:b@{digest}")).unwrap();
        assert_eq!(digested.local_name(), format!("a@{digest}"));
        let doubtful = |text| ImageReference::parse(text).unwrap().doubtful_registry().is_some();
        assert!(doubtful("Team/app") && !doubtful("Team.Example/app") && !doubtful("team/app"));
    }

    #[test]
    fn what_names_no_image_is_rejected_with_what_to_write() {
        let long = "t".repeat(129);
        let cases = [
            ("", "`` has an empty part"),
            (":", "`:` has an empty part"),
            ("a//b", "`a//b` has an empty part"),
            ("/a", "`/a` has an empty part"),
            ("a/", "`a/` has an empty part"),
            ("x:", "no tag after `:`: write `x` or `x:TAG`"),
            ("r.example:5000/x:", "no tag after `:`: write `r.example:5000/x` or"),
            ("Tool:V1", "an image name has no capital letters before its tag: write `tool:V1`"),
            (
                "r.example/Team/Tool",
                "an image name has no capital letters before its tag: write `r.example/team/tool`",
            ),
            ("docker pull me/tool:1", "an image name has no white space: write `me/tool:1`"),
            (" busybox\n", "an image name has no white space: write `busybox`"),
            (
                "http://r.example/tool",
                "an image name does not begin with `http://`: write `r.example/tool`",
            ),
            ("docker://busybox", "an image name does not begin with `docker://`: write `busybox`"),
            (&format!("x:{long}"), "the tag has 129 characters, more than 128"),
            ("x:-1", "`-1` is not a tag"),
            ("a:b:c", "`b:c` is not a tag"),
            ("a@latest", "`@` begins a digest: write `a:latest` for a tag"),
            ("a@sha256:xyz", "`sha256:xyz` is not a digest"),
            (&format!("a@sha256:{}", "0".repeat(63)), "`sha256:"),
            (&format!("a@sha256:{}", "A".repeat(64)), "`sha256:"),
            ("a@", "`` is not a digest"),
            ("r.example:port/a", "`r.example:port` is not a registry"),
            ("h?.x/a", "`h?.x` is not a registry"),
            ("../x", "`..` is not a registry"),
            ("a/../b", "`..` is not allowed in an image name"),
            ("x.y/..", "`..` is not allowed in an image name"),
            ("a..b", "`a..b` is not allowed in an image name"),
            ("-a", "`-a` is not allowed in an image name"),
            ("a?b", "`a?b` is not allowed in an image name"),
            ("a#b", "`a#b` is not allowed in an image name"),
            ("é", "`é` is not allowed in an image name"),
            (&"a".repeat(256), "the name has 256 characters before its tag, more than 255"),
        ];
        for (text, expected) in cases {
            let messages = ImageReference::parse(text).unwrap_err().to_string();
            assert!(messages.starts_with(expected), "{text}: {messages}");
        }
    }
}
