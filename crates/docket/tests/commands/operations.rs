//! Commands about the server as a whole.

use insta::assert_snapshot;

use crate::{
    docket,
    stub::{Stub, ok, problem},
};

#[test]
fn health_is_an_exit_code() {
    let well = Stub::tcp(|_| ok("{}"));
    let ill = Stub::tcp(|_| problem("503 Service Unavailable", "the clock was set back"));
    assert_snapshot!(well.transcript(&mut docket(["health"])), @r"
    exit code 0
    --- stdout
    <server> is well
    ");
    assert_snapshot!(ill.transcript(&mut docket(["health"])), @r"
    exit code 1
    --- stderr
    error: <server> answered 503 Service Unavailable: the clock was set back
    ");
    assert_eq!(well.lines(), ["GET /-/health"]);
}
