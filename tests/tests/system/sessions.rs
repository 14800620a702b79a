//! Signing in at the built server, over a plain connection and over TLS.

use docket_stub_engine::Options;
use docket_tests::{
    Server, StubEngine,
    allocation::idle,
    certificate::Certificate,
    raw_http_client::{Reply, Request},
};
use serde_json::json;
use tempfile::TempDir;

const TOKEN: &str = "correct-horse-battery-staple";

/// A guarded server, and how to ask it.
struct Guarded {
    server: Server,
    certificate: Option<Certificate>,
    _stub: StubEngine,
    _directory: TempDir,
}

impl Guarded {
    fn start(certificate: Option<Certificate>) -> Self {
        let stub = StubEngine::start(Options::default());
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("token");
        std::fs::write(&file, TOKEN).unwrap();
        let server = Server::listening("127.0.0.1:0", &stub.docker_host(), |command| {
            command.arg("--token-file").arg(&file);
            if let Some(certificate) = &certificate {
                command.arg("--tls-cert").arg(certificate.chain());
                command.arg("--tls-key").arg(certificate.key());
            }
        });
        Self { server, certificate, _stub: stub, _directory: directory }
    }

    fn send(&self, request: &Request) -> Reply {
        match &self.certificate {
            Some(certificate) => {
                request.send_over_tls(self.server.address().host(), &certificate.authority())
            }
            None => self.server.send(request),
        }
    }

    fn sign_in(&self, token: &str) -> Reply {
        self.send(&Request::post_to("/-/session", json!({ "Token": token })))
    }

    /// Signs in, works, and signs out again; returns what the cookie was set with.
    fn come_and_go(&self) -> String {
        let set = self.sign_in(TOKEN);
        let set_cookie = set.header("set-cookie").unwrap().to_owned();
        let cookie = set_cookie.split(';').next().unwrap();
        let known = |request: Request| request.header("Cookie", cookie);
        let own = |request: Request| known(request).header("Origin", self.server.url());

        let without = self.send(&Request::get("/")).status;
        let listed = self.send(&known(Request::get("/"))).text();
        let by_cookie_alone = self.send(&known(Request::post(idle("foo")))).status;
        let pushed = self.send(&own(Request::post(idle("foo")))).status;
        let out = self.send(&own(Request::new("DELETE", "/-/session"))).status;
        let after = self.send(&known(Request::get("/"))).status;

        assert_eq!((set.status, without, listed.as_str()), (204, 401, "[]"));
        assert_eq!((by_cookie_alone, pushed, out, after), (403, 200, 204, 401));
        set_cookie
    }
}

#[test]
fn one_signs_in_works_and_signs_out() {
    let guarded = Guarded::start(None);

    let cookie = guarded.come_and_go();

    assert!(cookie.starts_with("docket_session=") && !cookie.contains("Secure"), "{cookie}");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert!(!guarded.server.log().contains(TOKEN));
}

#[test]
fn over_tls_the_cookie_goes_over_tls_only() {
    let guarded = Guarded::start(Some(Certificate::issue()));

    let cookie = guarded.come_and_go();

    assert!(cookie.starts_with("__Host-docket_session="), "{cookie}");
    assert!(cookie.contains("; Secure"), "{cookie}");
}

#[test]
fn after_ten_wrong_tokens_an_address_cannot_sign_in_and_programs_continue() {
    let guarded = Guarded::start(None);

    let wrong: Vec<_> = (0..12).map(|_| guarded.sign_in("wrong-horse-battery-staple")).collect();
    let right = guarded.sign_in(TOKEN).status;
    let program = Request::get("/").header("Authorization", &format!("Bearer {TOKEN}"));
    let program = guarded.send(&program).status;

    let statuses: Vec<_> = wrong.iter().map(|reply| reply.status).collect();
    let wait: u64 = wrong[11].header("retry-after").unwrap().parse().unwrap();
    assert_eq!(statuses, [[401; 10].as_slice(), &[429; 2]].concat());
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!((right, program), (429, 200));
}
