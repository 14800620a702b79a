//! Signing in, and what a cookie may do.

use std::time::Duration;

use super::*;

const TOKEN: &str = "0123456789abcdef";
const RIGHT: &str = r#"{"Token":"0123456789abcdef"}"#;
const WRONG: &str = r#"{"Token":"0123456789abcdeF"}"#;

fn guarded(access: Access) -> Api {
    api(Access { token: Some(Token::parse(TOKEN).unwrap()), ..access })
}

fn asking(api: &Api) -> Asking {
    Asking::of(api).with("content-type", "application/json")
}

/// Signs in; what the answer sets.
async fn set_cookie(api: &Api) -> String {
    let (status, cookie) =
        asking(api).header(Method::POST, "/-/session", RIGHT, "set-cookie").await;
    assert_eq!(status, 204);
    cookie
}

/// Signs in; the cookie as a browser sends it.
async fn signed_in(api: &Api) -> String {
    set_cookie(api).await.split(';').next().unwrap().to_owned()
}

fn status(answer: &str) -> &str {
    &answer[..3]
}

const FOO: &str = r#"{"Name":"foo","Cron":"","Container":{"Config":{"Image":"x"}}}"#;

#[tokio::test(start_paused = true)]
async fn a_cookie_opens_what_the_token_opens() {
    let api = guarded(Access::default());
    let cookie = signed_in(&api).await;
    let known = || asking(&api).with("cookie", &format!("other=1; {cookie}"));
    let own = || known().with("origin", "http://localhost:3000");

    let read = known().send(Method::GET, "/", "").await;
    let pushed = own().send(Method::POST, "/", FOO).await;
    let same_origin = known().with("sec-fetch-site", "same-origin").send(Method::POST, "/", FOO);
    let same_origin = same_origin.await;
    let session = known().send(Method::GET, "/-/session", "").await;
    let out = own().header(Method::DELETE, "/-/session", "", "set-cookie").await;
    let after = known().send(Method::GET, "/", "").await;

    assert_eq!([&read, &pushed, &same_origin].map(|it| status(it)), ["200", "200", "200"]);
    assert!(session.ends_with(r#"{"Guarded":true,"SignedIn":true}"#), "{session}");
    let gone = "docket_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict";
    assert_eq!(out, (204, gone.to_owned()));
    assert_eq!(status(&after), "401");
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_ends_with_its_session_and_no_other() {
    let api = guarded(Access::default());
    let (one, other) = (signed_in(&api).await, signed_in(&api).await);
    let follow =
        |cookie: &str| asking(&api).with("cookie", cookie).send(Method::GET, "/-/events", "");
    let sign_out = async {
        let own = asking(&api).with("cookie", &one).with("origin", "http://localhost:3000");
        own.send(Method::DELETE, "/-/session", "").await
    };

    let (followed, signed_out) = tokio::join!(follow(&one), sign_out);
    let goes_on = tokio::time::timeout(Duration::from_secs(60), follow(&other)).await;

    assert_eq!((status(&followed), status(&signed_out)), ("200", "204"));
    assert!(goes_on.is_err(), "{goes_on:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cookie_alone_changes_nothing() {
    let api = guarded(Access::default());
    let cookie = signed_in(&api).await;
    let known = || asking(&api).with("cookie", &cookie);

    let bare = known().send(Method::POST, "/", FOO).await;
    let other = known().with("sec-fetch-site", "same-site").send(Method::POST, "/", FOO).await;
    let foreign = known().with("origin", "https://evil.example").send(Method::POST, "/", FOO).await;
    let signed_out = known().send(Method::DELETE, "/-/session", "").await;
    let unknown = asking(&api).with("cookie", "docket_session=x").send(Method::GET, "/", "").await;

    assert_eq!([&bare, &other, &foreign, &signed_out].map(|it| status(it)), ["403"; 4]);
    assert!(bare.contains("a cookie alone changes nothing"), "{bare}");
    assert_eq!(status(&unknown), "401");
    assert_eq!(status(&known().send(Method::GET, "/", "").await), "200");
}

#[tokio::test(start_paused = true)]
async fn a_cookie_says_where_it_may_go() {
    let public_url = |url: &str| Access { public_url: Some(url.to_owned()), ..Access::default() };
    let plain = set_cookie(&guarded(Access::default())).await;
    let proxied = set_cookie(&guarded(public_url("https://docket.example.org"))).await;
    let unencrypted = set_cookie(&guarded(public_url("http://docket.example.org"))).await;

    let (secret, attributes) = plain.split_once(';').unwrap();
    assert_eq!(secret.len(), "docket_session=".len() + 64);
    assert_eq!(attributes, " Path=/; Max-Age=604800; HttpOnly; SameSite=Strict");
    assert!(proxied.starts_with("__Host-docket_session=") && proxied.ends_with("; Secure"));
    assert!(unencrypted.starts_with("docket_session=") && !unencrypted.contains("Secure"));
}

#[tokio::test(start_paused = true)]
async fn an_address_with_ten_wrong_tokens_cannot_sign_in_for_a_while() {
    let api = guarded(Access::default());
    let try_in = |body| asking(&api).from("10.0.0.1:5").send(Method::POST, "/-/session", body);
    let bearer = |token: &str, peer: &str| {
        let asking = asking(&api).from(peer).with("authorization", &format!("Bearer {token}"));
        asking.header(Method::GET, "/", "", "retry-after")
    };
    for _ in 0..5 {
        assert_eq!(status(&try_in(WRONG).await), "401");
        assert_eq!(bearer("wrong", "10.0.0.1:6").await.0, 401);
    }
    tokio::time::advance(Duration::from_secs(20)).await;

    let waits = try_in(WRONG).await;
    let waits_too = bearer("wrong", "10.0.0.1:7").await;
    let right = (status(&try_in(RIGHT).await).to_owned(), bearer(TOKEN, "10.0.0.1:8").await.0);
    let elsewhere = bearer("wrong", "10.0.0.2:6").await.0;
    tokio::time::advance(Duration::from_secs(40)).await;
    let later = [try_in(WRONG).await, try_in(RIGHT).await];

    assert!(waits.starts_with("429 ") && waits.contains("wait 41 s"), "{waits}");
    assert_eq!(waits_too, (429, "41".to_owned()));
    assert_eq!(right, ("429".to_owned(), 200));
    assert_eq!((elsewhere, later.each_ref().map(|it| status(it))), (401, ["401", "204"]));
}

#[tokio::test(start_paused = true)]
async fn a_browser_without_a_session_learns_that_it_needs_one_and_no_more() {
    let api = guarded(Access::default());
    let page =
        |path| Asking::of(&api).with("accept", "text/html,*/*;q=0.8").send(Method::GET, path, "");

    let session = page("/-/session").await;
    let other = page("/foo").await;

    assert_eq!(status(&other), "401");
    assert!(session.ends_with(r#"{"Guarded":true,"SignedIn":false}"#), "{session}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_sign_in_has_a_reason() {
    let (open, guarded) = (api(Access::default()), guarded(Access::default()));

    let nothing = asking(&open).send(Method::POST, "/-/session", RIGHT).await;
    let nowhere = asking(&open).send(Method::DELETE, "/-/session", "").await;
    let unread = asking(&guarded).send(Method::POST, "/-/session", r#""0123456789abcdef""#).await;
    let form = Asking::of(&guarded).send(Method::POST, "/-/session", "token=x").await;
    let put = asking(&guarded).send(Method::PUT, "/-/session", RIGHT).await;

    assert_eq!([&nothing, &nowhere].map(|it| status(it)), ["404", "404"]);
    assert!(nothing.contains("this server requires no token"), "{nothing}");
    assert!(unread.starts_with("400 ") && !unread.contains(TOKEN), "{unread}");
    assert_eq!([&form, &put].map(|it| status(it)), ["415", "405"]);
}
