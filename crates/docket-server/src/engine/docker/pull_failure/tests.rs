//! What engines say of failed pulls, and what is made of it.

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
        ("Get \"http://r:5000/v2/a/manifests/1\": no basic auth credentials", Cause::Unauthorized),
        ("error parsing HTTP 401 response body: \"x\"", Cause::Unauthorized),
        ("denied", Cause::Denied),
        ("denied: Your authorization token has expired. Reauthenticate", Cause::Unauthorized),
        ("failed to register layer: open /var/lib/docker/tmp/x: permission denied", Cause::Other),
        (
            "Get \"https://h.example/v2/\": dial tcp: lookup h.example on 127.0.0.53:53: read udp \
             127.0.0.1:3->127.0.0.53:53: read: connection refused",
            Cause::UnknownHost,
        ),
        (
            "Get \"https://h.example/v2/\": dial tcp: lookup h.example on 10.0.0.1:53: read udp \
             10.0.0.2:3->10.0.0.1:53: i/o timeout",
            Cause::UnknownHost,
        ),
        (
            "pull access denied for example/missing, repository does not exist or may require \
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
    let failure =
        |image, words: &str| PullFailure::new(&Reference::parse(image).unwrap(), words.to_owned());
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
