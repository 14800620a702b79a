//! Names of images: what a user writes, and what an engine and a registry want.

/// The registry that is meant where none is written.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Under what Docker's client keeps the login of the default registry.
const DEFAULT_REGISTRY_LOGIN: &str = "https://index.docker.io/v1/";
/// The tag that is meant where none is written: an engine would pull all tags.
const DEFAULT_TAG: &str = "latest";
/// The longest tag there is.
const LONGEST_TAG: usize = 128;

/// The name of an image, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Reference {
    /// Registry and path, as written.
    pub(super) repository: String,
    version: Version,
}

/// Which image of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Version {
    Tag(String),
    Digest(String),
}

impl Reference {
    /// Reads what a user wrote; nothing where it cannot name an image. A digest outweighs a tag.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        // A colon before the last slash belongs to the registry's port.
        let path_start = name.rfind('/').map_or(0, |slash| slash + 1);
        let (repository, tag) = match name.get(path_start..)?.split_once(':') {
            Some((last, tag)) => (name.get(..path_start + last.len())?, tag),
            None => (name, DEFAULT_TAG),
        };
        let version = match digest {
            Some(digest) => Version::Digest(digest.to_owned()),
            None => Version::Tag(tag.to_owned()),
        };
        let sound = is_repository(repository) && is_tag(tag) && digest.is_none_or(is_digest);
        sound.then(|| Self { repository: repository.to_owned(), version })
    }

    /// The tag or digest, as the engine is asked for it.
    pub(super) fn version(&self) -> &str {
        match &self.version {
            Version::Tag(tag) => tag,
            Version::Digest(digest) => digest,
        }
    }

    /// The name under which the engine keeps the image. It can stand in an address.
    pub(super) fn local_name(&self) -> String {
        match &self.version {
            Version::Tag(tag) => format!("{}:{tag}", self.repository),
            Version::Digest(digest) => format!("{}@{digest}", self.repository),
        }
    }

    /// Under what Docker's client keeps the login of its registry.
    pub(super) fn login_key(&self) -> &str {
        match self.registry() {
            DEFAULT_REGISTRY | "index.docker.io" => DEFAULT_REGISTRY_LOGIN,
            registry => registry,
        }
    }

    /// Its registry's host and port.
    pub(super) fn registry(&self) -> &str {
        match self.repository.split_once('/') {
            Some((host, _)) if is_host(host) => host,
            _ => DEFAULT_REGISTRY,
        }
    }
}

/// Docker's rule for telling a registry from the first part of a path.
fn is_host(text: &str) -> bool {
    text == "localhost" || text.contains(['.', ':']) || text.chars().any(char::is_uppercase)
}

/// A host, if there is one, and a path; never `..` or anything else that an address would read.
fn is_repository(text: &str) -> bool {
    let path = match text.split_once('/') {
        Some((host, path)) if is_host(host) => {
            if !host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
                || !host.chars().all(|c| c.is_ascii_alphanumeric() || ".:-[]".contains(c))
            {
                return false;
            }
            path
        }
        _ => text,
    };
    path.split('/').all(is_path_part)
}

fn is_path_part(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let inside = |c: char| alphanumeric(c) || matches!(c, '.' | '_' | '-');
    text.starts_with(alphanumeric) && text.ends_with(alphanumeric) && text.chars().all(inside)
}

fn is_tag(text: &str) -> bool {
    let start = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let inside = |c: char| start(c) || matches!(c, '.' | '-');
    text.len() <= LONGEST_TAG && text.starts_with(start) && text.chars().all(inside)
}

fn is_digest(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '_' | '-');
    text.split_once(':').is_some_and(|(algorithm, hash)| {
        !algorithm.is_empty()
            && algorithm.chars().all(inside)
            && hash.len() >= 32
            && hash.chars().all(|c| c.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_added_where_none_is_written_and_a_port_is_no_tag() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let cases = [
            ("busybox", "busybox", "latest", DEFAULT_REGISTRY_LOGIN),
            ("busybox:1.36", "busybox", "1.36", DEFAULT_REGISTRY_LOGIN),
            ("me/tool:v1", "me/tool", "v1", DEFAULT_REGISTRY_LOGIN),
            ("docker.io/me/tool", "docker.io/me/tool", "latest", DEFAULT_REGISTRY_LOGIN),
            ("localhost/tool", "localhost/tool", "latest", "localhost"),
            ("reg:5000/tool", "reg:5000/tool", "latest", "reg:5000"),
            ("reg.example:5000/a/b_c:v.1", "reg.example:5000/a/b_c", "v.1", "reg.example:5000"),
            ("[::1]:5000/tool:x", "[::1]:5000/tool", "x", "[::1]:5000"),
            (&format!("tool@{digest}"), "tool", &digest, DEFAULT_REGISTRY_LOGIN),
            (&format!("r.example/tool:old@{digest}"), "r.example/tool", &digest, "r.example"),
        ];
        for (text, repository, version, login_key) in cases {
            let reference = Reference::parse(text).unwrap();
            assert_eq!(reference.repository, repository, "{text}");
            assert_eq!(reference.version(), version, "{text}");
            assert_eq!(reference.login_key(), login_key, "{text}");
        }
        assert_eq!(Reference::parse("busybox").unwrap().local_name(), "busybox:latest");
        let digested = Reference::parse(&format!("a:b@{digest}")).unwrap();
        assert_eq!(digested.local_name(), format!("a@{digest}"));
    }

    #[test]
    fn what_names_no_image_or_would_lead_elsewhere_in_an_address_is_refused() {
        let texts = [
            "",
            ":",
            "x:",
            "Tool",
            "a//b",
            "/a",
            "a/",
            "../x",
            "a/../b",
            "x.y/..",
            "a b",
            "a?b",
            "a#b",
            "a:b:c",
            "a@sha256",
            "a@sha256:xyz",
            "h?.x/a",
        ];
        for text in texts {
            assert_eq!(Reference::parse(text), None, "{text}");
        }
    }
}
