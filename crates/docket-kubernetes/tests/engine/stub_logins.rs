//! Login commands of a kubeconfig, on the stub of an API server.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use docket_kubernetes::{ClusterAddress, connect_with};
use docket_server::engine::{Engine, EngineError};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stub_api::StubApi;

/// An engine whose user logs in by a shell script in a folder; connecting does not run it.
async fn engine(stub: &StubApi, folder: &TempDir, script: &str) -> Arc<dyn Engine> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "sh",
        "args": ["-c", format!("cd {} && echo run >>runs && {script}", folder.path().display())],
        "interactiveMode": "IfAvailable",
    });
    let kubeconfig = stub.kubeconfig_of(&json!({"exec": exec}));
    let engine = connect_with(&kubeconfig, &ClusterAddress::default()).await.unwrap();
    assert_eq!(runs(folder.path()), 0);
    engine
}

/// How often the command was run.
fn runs(folder: &Path) -> usize {
    fs::read_to_string(folder.join("runs")).unwrap_or_default().lines().count()
}

/// Writes what the command prints.
fn print(folder: &TempDir, status: &Value) {
    let credential = json!({"kind": "ExecCredential", "status": status});
    fs::write(folder.path().join("credential"), credential.to_string()).unwrap();
}

#[tokio::test]
async fn a_login_command_that_fails_leaves_the_engine_away_until_it_works() {
    let (stub, folder) = (StubApi::start().await, TempDir::new().unwrap());
    stub.objects.lock().token = Some("t".to_owned());
    let engine = engine(&stub, &folder, "cat credential").await;

    let failed = engine.ping().await;
    print(&folder, &json!({"token": "t"}));
    let works = engine.ping().await;

    let Err(EngineError::Unreachable(reason)) = failed else { panic!("{failed:?}") };
    assert!(reason.contains("the login command `sh` failed"), "{reason}");
    assert!(reason.contains("No such file"), "{reason}");
    assert_eq!(works, Ok(()));
    assert!(engine.is_costly_to_reach());
}

#[tokio::test]
async fn a_login_command_that_hangs_is_given_up_and_holds_up_nothing_else() {
    let (stub, folder) = (StubApi::start().await, TempDir::new().unwrap());
    let engine = engine(&stub, &folder, "exec sleep 1000").await;
    let begun_at = Instant::now();

    let passing = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        begun_at.elapsed()
    };
    // On the one thread of this test.
    let (hung, passed) = tokio::join!(engine.ping(), passing);

    let reason = "login command: `sh` did not answer within 20 s".to_owned();
    assert_eq!(hung, Err(EngineError::Unreachable(reason)));
    assert!(passed < Duration::from_secs(10), "{passed:?}");
}

#[tokio::test]
async fn requests_that_wait_for_a_login_share_one_and_keep_it() {
    let (stub, folder) = (StubApi::start().await, TempDir::new().unwrap());
    print(&folder, &json!({"token": "t", "expirationTimestamp": "2999-01-01T00:00:00Z"}));
    let engine = engine(&stub, &folder, "sleep 0.3; cat credential").await;

    let pings = futures_util::future::join_all((0..5).map(|_| engine.ping())).await;
    let status = engine.status().await;

    assert!(pings.iter().all(Result::is_ok) && status.is_ok(), "{pings:?} {status:?}");
    assert_eq!(runs(folder.path()), 1);
}

#[tokio::test]
async fn credentials_that_have_ended_or_are_not_accepted_are_replaced() {
    let (stub, folder) = (StubApi::start().await, TempDir::new().unwrap());
    print(&folder, &json!({"token": "first"}));
    stub.objects.lock().token = Some("first".to_owned());
    let engine = engine(&stub, &folder, "cat credential").await;
    engine.ping().await.unwrap();

    // Revoked before its end.
    print(&folder, &json!({"token": "second", "expirationTimestamp": "2001-01-01T00:00:00Z"}));
    stub.objects.lock().token = Some("second".to_owned());
    let replaced = engine.ping().await;
    let ended = engine.ping().await;
    stub.objects.lock().token = Some("third".to_owned());
    let refused = engine.ping().await;

    assert_eq!((replaced, ended), (Ok(()), Ok(())));
    let Err(EngineError::Refused { message, .. }) = refused else { panic!("{refused:?}") };
    assert!(message.contains("does not accept the credentials"), "{message}");
    // One for each of: the first, the revoked one, the one that had ended, and two for the one not accepted.
    assert_eq!(runs(folder.path()), 5);
}
