//! What a client asks of the stub: a request line, read as a call of the Engine API.

use std::borrow::Cow;

/// One call of the Engine API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// `GET` or `HEAD /_ping`.
    Ping,
    /// `GET /version`.
    Version,
    /// `GET /info`.
    Info,
    /// `POST /images/create`.
    Pull,
    /// `GET /images/{}/json`.
    InspectImage,
    /// `POST /containers/create`.
    Create,
    /// `POST /containers/{}/start`.
    Start,
    /// `POST /containers/{}/wait`.
    Wait,
    /// `GET /containers/{}/json`.
    Inspect,
    /// `GET /containers/{}/logs`.
    Logs,
    /// `POST /containers/{}/stop`.
    Stop,
    /// `POST /containers/{}/kill`.
    Kill,
    /// `POST /containers/{}/pause`.
    Pause,
    /// `POST /containers/{}/unpause`.
    Unpause,
    /// `DELETE /containers/{}`.
    Remove,
    /// `GET /containers/json`.
    List,
    /// `GET /events`.
    Events,
    /// `GET /networks`.
    Networks,
    /// `GET /networks/{}`.
    InspectNetwork,
    /// `GET /volumes/{}`.
    InspectVolume,
    /// Anything else, which is answered with 404.
    Other,
}

impl Call {
    /// Every call that the stub knows.
    pub const ALL: [Self; 20] = [
        Self::Ping,
        Self::Version,
        Self::Info,
        Self::Pull,
        Self::InspectImage,
        Self::Create,
        Self::Start,
        Self::Wait,
        Self::Inspect,
        Self::Logs,
        Self::Stop,
        Self::Kill,
        Self::Pause,
        Self::Unpause,
        Self::Remove,
        Self::List,
        Self::Events,
        Self::Networks,
        Self::InspectNetwork,
        Self::InspectVolume,
    ];
}

impl Call {
    /// The call in a request line, and what it is about: see [`crate::Stamp`].
    #[must_use]
    pub fn read(request_line: &str) -> (Self, String) {
        let request = Request::read(request_line);
        (request.call, request.subject.into_owned())
    }
}

/// A call, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) call: Call,
    /// The name of the new container, or the id or name of what is there: see [`crate::Stamp`].
    pub(crate) subject: Cow<'a, str>,
    pub(crate) wants_body: bool,
    query: &'a str,
}

impl<'a> Request<'a> {
    /// Reads a request line, with or without `/vX.Y` before its path.
    pub(crate) fn read(line: &'a str) -> Self {
        let mut words = line.split(' ');
        let method = words.next().unwrap_or_default();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (call, subject) = route(method, unversioned(path), query);
        Self { call, subject, wants_body: method != "HEAD", query }
    }

    /// The query, as it was sent.
    pub(crate) fn query(&self) -> &'a str {
        self.query
    }

    /// The value of a parameter of the query; empty if there is none.
    pub(crate) fn parameter(&self, name: &str) -> Cow<'a, str> {
        parameter(self.query, name)
    }

    /// Whether a parameter is set, as the engine reads it.
    pub(crate) fn flag(&self, name: &str) -> bool {
        let value = self.parameter(name).to_ascii_lowercase();
        // The list of Docker's own `BoolValue`.
        !matches!(value.as_str(), "" | "0" | "no" | "false" | "none")
    }
}

fn unversioned(path: &str) -> &str {
    let path = path.strip_prefix('/').unwrap_or(path);
    match path.split_once('/') {
        Some((first, rest)) if is_version(first) => rest,
        _ => path,
    }
}

fn is_version(segment: &str) -> bool {
    segment
        .strip_prefix('v')
        .is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
}

fn route<'a>(method: &str, path: &'a str, query: &'a str) -> (Call, Cow<'a, str>) {
    let none = Cow::Borrowed("");
    match (method, path) {
        ("GET" | "HEAD", "_ping") => (Call::Ping, none),
        ("GET", "version") => (Call::Version, none),
        ("GET", "info") => (Call::Info, none),
        ("GET", "events") => (Call::Events, none),
        ("GET", "networks") => (Call::Networks, none),
        ("GET", "containers/json") => (Call::List, none),
        ("POST", "images/create") => (Call::Pull, parameter(query, "fromImage")),
        ("POST", "containers/create") => (Call::Create, parameter(query, "name")),
        _ => about(method, path).unwrap_or((Call::Other, none)),
    }
}

/// The calls whose path names what they are about.
fn about<'a>(method: &str, path: &'a str) -> Option<(Call, Cow<'a, str>)> {
    let (kind, rest) = path.split_once('/')?;
    // From the end: the name of an image may contain slashes.
    let (subject, action) = match rest.rsplit_once('/') {
        Some((subject, action)) => (subject, action),
        None => (rest, ""),
    };
    let call = match (method, kind, action) {
        ("POST", "containers", action) => act(action)?,
        ("GET", "containers", "json") => Call::Inspect,
        ("GET", "containers", "logs") => Call::Logs,
        ("DELETE", "containers", "") => Call::Remove,
        ("GET", "images", "json") => Call::InspectImage,
        ("GET", "networks", "") => Call::InspectNetwork,
        ("GET", "volumes", "") => Call::InspectVolume,
        _ => return None,
    };
    Some((call, decoded(subject)))
}

fn act(action: &str) -> Option<Call> {
    Some(match action {
        "start" => Call::Start,
        "wait" => Call::Wait,
        "stop" => Call::Stop,
        "kill" => Call::Kill,
        "pause" => Call::Pause,
        "unpause" => Call::Unpause,
        _ => return None,
    })
}

fn parameter<'a>(query: &'a str, name: &str) -> Cow<'a, str> {
    let value = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
        .unwrap_or_default();
    if value.contains('+') {
        // Only a query, not a path, writes a space so.
        Cow::Owned(decoded(&value.replace('+', "%20")).into_owned())
    } else {
        decoded(value)
    }
}

fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2);
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => bytes.extend_from_slice(part.as_bytes()),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> (Call, String) {
        let request = Request::read(line);
        (request.call, request.subject.into_owned())
    }

    #[test]
    fn a_version_before_the_path_changes_nothing() {
        let plain = read("POST /containers/abc/start HTTP/1.1");
        let versioned = read("POST /v1.41/containers/abc/start HTTP/1.1");

        assert_eq!(plain, (Call::Start, "abc".to_owned()));
        assert_eq!(versioned, plain);
    }

    #[test]
    fn the_subject_of_a_call_is_found_in_its_path_or_its_query() {
        let subjects = [
            "POST /containers/create?platform=&name=docket.a.20261121T090000Z HTTP/1.1",
            "POST /images/create?fromImage=localhost%3A5000%2Fa%2Fb&tag=1 HTTP/1.1",
            "GET /images/localhost:5000/a/b:1/json HTTP/1.1",
            "DELETE /v1.41/containers/abc?v=true HTTP/1.1",
            "GET /networks/my%20net HTTP/1.1",
        ]
        .map(read);

        assert_eq!(
            subjects,
            [
                (Call::Create, "docket.a.20261121T090000Z".to_owned()),
                (Call::Pull, "localhost:5000/a/b".to_owned()),
                (Call::InspectImage, "localhost:5000/a/b:1".to_owned()),
                (Call::Remove, "abc".to_owned()),
                (Call::InspectNetwork, "my net".to_owned()),
            ]
        );
    }

    #[test]
    fn parameters_are_read_as_the_engine_reads_them() {
        let request = Request::read("DELETE /containers/abc?force=1&v=False&a=b+c%2B HTTP/1.1");

        assert!(request.flag("force"));
        assert!(!request.flag("v"));
        assert!(!request.flag("link"));
        assert_eq!(request.parameter("a"), "b c+");
    }

    #[test]
    fn what_the_stub_does_not_know_is_other() {
        for line in ["GET / HTTP/1.1", "PUT /containers/abc HTTP/1.1", "POST /build HTTP/1.1", ""] {
            assert_eq!(read(line).0, Call::Other, "{line}");
        }
    }
}
