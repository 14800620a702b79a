//! The file of `docket server --notify`: targets, the default, and the hosts that allocations may name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use docket_model::{
    FieldPath, Finding, Specification,
    allocation::{
        InvalidNotificationUrl, Notification, NotificationUrl, Receiver, ReceiverKind, TargetName,
    },
    document::{Located, decode, read_mapping},
    finding::nearest,
    one_line::without_urls,
};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// Where notifications go.
#[derive(Debug, Clone, Default)]
pub struct NotifySettings {
    /// The targets by name.
    pub targets: BTreeMap<TargetName, Target>,
    /// Who gets notifications of allocations without `Notify`.
    pub default: Arc<[Notification]>,
    /// The hosts, some with a port, to which URLs of allocations may lead.
    pub allowed_hosts: BTreeSet<String>,
    /// True if there is a file.
    pub has_file: bool,
}

/// A receiver that the file names.
#[derive(Debug, Clone)]
pub struct Target {
    /// How messages are posted.
    pub kind: ReceiverKind,
    /// To where.
    pub url: NotificationUrl,
    /// The key of the signature.
    pub key: Option<SigningKey>,
}

/// The key with which messages are signed. It is never printed or logged.
#[derive(Clone)]
pub struct SigningKey(Arc<[u8]>);

impl SigningKey {
    #[cfg(test)]
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(key.into())
    }

    /// The bytes of the key.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// A file of `--notify` that cannot be used.
#[derive(Debug, Error)]
pub enum NotifyFileError {
    /// It, or a file that it names, cannot be read.
    #[error("cannot read `{}`", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// It is not YAML.
    #[error("{}:{located}", .file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The error and its position.
        located: Box<Located>,
    },
    /// A value is not valid.
    #[error("{}: {reason}", .file.display())]
    Value {
        /// The file.
        file: PathBuf,
        /// What is wrong, and what to write.
        reason: String,
    },
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct File {
    #[serde(default)]
    targets: BTreeMap<TargetName, WrittenTarget>,
    #[serde(default)]
    default: Value,
    #[serde(default)]
    allowed_hosts: Vec<String>,
}

/// A target as it is written: under the word of its kind.
#[derive(Deserialize)]
enum WrittenTarget {
    Webhook(WrittenUrl),
    Slack(WrittenUrl),
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    rename_all = "PascalCase",
    expecting = "a mapping with `Url` or `UrlFile`"
)]
struct WrittenUrl {
    url: Option<String>,
    url_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
}

/// Reads the file of `--notify`. Paths in it are relative to its own folder.
///
/// # Errors
/// [`NotifyFileError`] with the file, the place, and what to write. No URL and no key is part of it.
pub fn read_notify_file(path: &Path) -> Result<NotifySettings, NotifyFileError> {
    let bytes =
        fs::read(path).map_err(|error| NotifyFileError::Unreadable(path.to_owned(), error))?;
    let wrong = |reason: String| NotifyFileError::Value { file: path.to_owned(), reason };
    let value = decode(&bytes).and_then(read_mapping).map_err(|located| {
        NotifyFileError::Syntax { file: path.to_owned(), located: Box::new(located) }
    })?;
    let File { targets, default, allowed_hosts } =
        serde_json::from_value(value).map_err(|error| wrong(without_urls(&error.to_string())))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let targets = targets.into_iter().map(|(name, written)| {
        let target = written.read(folder, |reason| wrong(format!("Targets.{name}: {reason}")))?;
        Ok((name, target))
    });
    let targets = targets.collect::<Result<BTreeMap<_, _>, NotifyFileError>>()?;
    let default = match default {
        Value::Null => Vec::new(),
        value => Notification::read_list(value, &FieldPath::key("Default")).map_err(|errors| {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            wrong(without_urls(&errors.join("; ")))
        })?,
    };
    let allowed_hosts = allowed_hosts.iter().map(|host| {
        allowed_host(host).ok_or_else(|| {
            let host = without_urls(host);
            wrong(format!("AllowedHosts: `{host}` is not a host: write HOST or HOST:PORT"))
        })
    });
    let allowed_hosts = allowed_hosts.collect::<Result<_, _>>()?;
    let settings =
        NotifySettings { targets, default: default.into(), allowed_hosts, has_file: true };
    let known = |entry: &Notification| match &entry.receiver {
        Receiver::Target(name) => settings.unknown_target(name),
        Receiver::Url(kind, _) => {
            Some(format!("name a target here, with `To`, instead of `{kind}`"))
        }
    };
    match settings.default.iter().find_map(known) {
        Some(reason) => Err(wrong(format!("Default: {reason}"))),
        None => Ok(settings),
    }
}

/// A host as it is compared; none if it is not one.
fn allowed_host(host: &str) -> Option<String> {
    let url: NotificationUrl = format!("https://{host}").parse().ok()?;
    (url.authority() == host.to_ascii_lowercase()).then(|| url.authority().to_owned())
}

impl WrittenTarget {
    fn read(
        self,
        folder: &Path,
        wrong: impl Fn(String) -> NotifyFileError,
    ) -> Result<Target, NotifyFileError> {
        let (kind, written) = match self {
            Self::Webhook(written) => (ReceiverKind::Webhook, written),
            Self::Slack(written) => (ReceiverKind::Slack, written),
        };
        let url = match (written.url, written.url_file) {
            (Some(url), None) => url,
            (None, Some(file)) => {
                let text = String::from_utf8(secret(&folder.join(file))?);
                text.map_err(|_| wrong("the URL in `UrlFile` is not text".to_owned()))?
            }
            _ => return Err(wrong("write either `Url` or `UrlFile`".to_owned())),
        };
        let url: NotificationUrl = url
            .trim()
            .parse()
            .map_err(|error: InvalidNotificationUrl| wrong(format!("the URL {error}")))?;
        if url.is_masked() {
            return Err(wrong(format!("`{url}` is a mask: write the whole URL")));
        }
        let key = match written.key_file {
            Some(_) if kind == ReceiverKind::Slack => {
                return Err(wrong(
                    "`KeyFile` belongs to `Webhook`: Slack checks no signature".to_owned(),
                ));
            }
            Some(file) => Some(secret(&folder.join(file))?),
            None => None,
        };
        if key.as_ref().is_some_and(Vec::is_empty) {
            return Err(wrong(
                "the key in `KeyFile` is empty: create one with `openssl rand -hex 32`".to_owned(),
            ));
        }
        Ok(Target { kind, url, key: key.map(|key| SigningKey(key.into())) })
    }
}

/// A secret in a file, without the line break at its end.
fn secret(path: &Path) -> Result<Vec<u8>, NotifyFileError> {
    let bytes =
        fs::read(path).map_err(|error| NotifyFileError::Unreadable(path.to_owned(), error))?;
    Ok(bytes.trim_ascii_end().to_vec())
}

impl NotifySettings {
    /// What this server cannot do of `Notify`.
    pub(crate) fn check(&self, specification: &Specification) -> Vec<Finding> {
        let entries = specification.policies.notify.as_deref().unwrap_or_default();
        let each = entries.iter().enumerate().filter_map(|(index, entry)| {
            let message = match &entry.receiver {
                Receiver::Target(name) => self.unknown_target(name),
                Receiver::Url(_, url) => self.forbidden_host(url),
            };
            let field = FieldPath::key("Notify").with_index(index).with_key(entry.receiver_key());
            Some(Finding::new(field, message?))
        });
        each.collect()
    }

    /// True if a URL of an allocation may be posted to.
    pub(crate) fn allows(&self, url: &NotificationUrl) -> bool {
        self.allowed_hosts.contains(url.host()) || self.allowed_hosts.contains(url.authority())
    }

    fn forbidden_host(&self, url: &NotificationUrl) -> Option<String> {
        if self.allows(url) {
            return None;
        }
        let host = url.host();
        if !self.has_file {
            return Some(no_file(&format!("a file with `AllowedHosts: [{host}]`")));
        }
        Some(format!(
            "this server sends nothing to `{host}`: add it to `AllowedHosts` in the file of `docket server --notify`"
        ))
    }

    fn unknown_target(&self, name: &TargetName) -> Option<String> {
        if self.targets.contains_key(name) {
            return None;
        }
        if !self.has_file {
            return Some(no_file(&format!("a file with the target `{name}`")));
        }
        let near = nearest(name.as_str(), self.targets.keys().map(TargetName::as_str));
        let remedy = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add it to `Targets` in the file of `docket server --notify`".to_owned(),
        };
        Some(format!("there is no target `{name}`: {remedy}"))
    }
}

fn no_file(wanted: &str) -> String {
    format!("this server sends no notifications: start it with `--notify FILE`, {wanted}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<NotifySettings, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notify.yml");
        fs::write(&file, text).unwrap();
        fs::write(folder.path().join("url"), "https://hooks.example.org/secret\n").unwrap();
        fs::write(folder.path().join("key"), "0123456789\n").unwrap();
        fs::write(folder.path().join("empty"), "\n").unwrap();
        let place = format!("{}/", folder.path().display());
        read_notify_file(&file).map_err(|error| error.to_string().replace(&place, ""))
    }

    #[test]
    fn targets_have_their_secrets_from_files_and_none_is_shown() {
        let settings = read(
            "Targets:\n  oncall: {Webhook: {UrlFile: url, KeyFile: key}}\n  chat: {Slack: {Url: 'https://a/b'}}\n\
             Default: [{To: oncall, Repeat: 4h}]\nAllowedHosts: [Hooks.example.org, 'hc.example.org:8443']\n",
        )
        .unwrap();

        let oncall = &settings.targets[&"oncall".parse::<TargetName>().unwrap()];
        assert_eq!(oncall.url.secret(), "https://hooks.example.org/secret");
        assert_eq!(oncall.key.as_ref().unwrap().secret(), b"0123456789");
        assert_eq!(settings.default.len(), 1);
        let shown = format!("{settings:?}");
        assert!(!shown.contains("/secret") && !shown.contains("0123"), "{shown}");
        let allows = |url: &str| settings.allows(&url.parse().unwrap());
        assert!(allows("https://hooks.example.org:99/x") && allows("http://hc.example.org:8443"));
        assert!(!allows("https://hc.example.org/x") && !allows("https://x.hooks.example.org"));
    }

    #[test]
    fn an_error_in_the_file_has_its_place_and_what_to_write() {
        let wrong = [
            "Smtp: {Host: a}",
            "Targets: {a: {Mail: [a@b]}}",
            "Targets: {a b: {Slack: {Url: 'https://a/b'}}}",
            "Targets: {a: {Slack: {}}}",
            "Targets: {a: {Slack: {Url: 'https://a/b', UrlFile: url}}}",
            "Targets: {a: {Slack: {Url: 'a/secret'}}}",
            "Targets: {a: {Slack: {UrlFile: url, KeyFile: key}}}",
            "Targets: {a: {Webhook: {UrlFile: url, KeyFile: empty}}}",
            "Targets: {a: {Webhook: {UrlFile: missing}}}",
            "Targets: {a: {Webhook: {Url: 'https://a/•••'}}}",
            "Default: [{To: oncal}]\nTargets: {oncall: {Slack: {UrlFile: url}}}",
            "Default: [{Webhook: 'https://a/secret'}]",
            "Default: {To: oncall}",
            "AllowedHosts: ['https://a']",
            "AllowedHosts: ['https://a/secret']",
            "Targets: {a: {Slack: 'https://a/secret'}}",
            "Targets: {a: 'https://a/secret'}",
            "Targets: [",
        ];
        let errors: Vec<_> = wrong.into_iter().map(|text| read(text).unwrap_err()).collect();
        assert!(!errors.join("").contains("secret"));
        insta::assert_snapshot!(errors.join("\n"), @r#"
        notify.yml: unknown field `Smtp`, expected one of `Targets`, `Default`, `AllowedHosts`
        notify.yml: unknown variant `Mail`, expected `Webhook` or `Slack`
        notify.yml: `a b` is not a valid name of a target: use 1 to 63 letters, digits, `_`, `.` and `-`, beginning with a letter or a digit
        notify.yml: Targets.a: write either `Url` or `UrlFile`
        notify.yml: Targets.a: write either `Url` or `UrlFile`
        notify.yml: Targets.a: the URL is not a URL: write https://HOST/PATH
        notify.yml: Targets.a: `KeyFile` belongs to `Webhook`: Slack checks no signature
        notify.yml: Targets.a: the key in `KeyFile` is empty: create one with `openssl rand -hex 32`
        cannot read `missing`
        notify.yml: Targets.a: `https://a/•••` is a mask: write the whole URL
        notify.yml: Default: there is no target `oncal`: did you mean `oncall`?
        notify.yml: Default: name a target here, with `To`, instead of `Webhook`
        notify.yml: Default: expected a list of mappings; `[]` is no notification, found a mapping
        notify.yml: AllowedHosts: `•••` is not a host: write HOST or HOST:PORT
        notify.yml: AllowedHosts: `•••` is not a host: write HOST or HOST:PORT
        notify.yml: invalid type: string "•••", expected a mapping with `Url` or `UrlFile`
        notify.yml: unknown variant `•••`, expected `Webhook` or `Slack`
        notify.yml:2:1: invalid YAML: while parsing a node, did not find expected node content
        "#);
    }
}
