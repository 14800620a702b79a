//! Docker's pulls, from real registries.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use docket_model::allocation::Pull;
use docket_server::engine::{Engine, EngineError};
use serde_json::json;

use crate::harness::Bed;

/// In base64 it has both characters in which the alphabets differ.
const PASSWORD: &str = ">>>>>>??????";
/// What `htpasswd -nbB keeper` makes of it.
const HTPASSWD: &str = "keeper:$2y$05$QiGweREcKGPA3pSzen86uuTHc3HgFI9w9PPBnIJasIvNrt0LdhgpC\n";

/// Starts a registry on the bed's loopback; returns Docker's configuration with its login.
pub(crate) fn registry(bed: &Bed, port: u16, login: bool) -> PathBuf {
    let folder = bed.folder(&format!("registry-{port}"));
    let mut config = json!({
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": folder}},
        "http": {"addr": format!("127.0.0.1:{port}")},
    });
    if login {
        fs::write(folder.join("htpasswd"), HTPASSWD).unwrap();
        config["auth"] = json!({"htpasswd": {"realm": "r", "path": folder.join("htpasswd")}});
    }
    fs::write(folder.join("config.yml"), config.to_string()).unwrap();
    bed.tell(&format!("registry {}", folder.join("config.yml").display()));
    let auth = base64(&format!("keeper:{PASSWORD}"));
    let logins = json!({"auths": {format!("127.0.0.1:{port}"): {"auth": auth}}});
    fs::write(folder.join("config.json"), logins.to_string()).unwrap();
    folder
}

/// Base64, as `docker login` writes it.
fn base64(text: &str) -> String {
    let output = std::process::Command::new("sh")
        .args(["-c", "printf %s \"$1\" | base64 -w0", "sh", text])
        .output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

/// Puts busybox under these names into a registry, and takes them off the engine. Asks again while
/// the registry comes up.
pub(crate) fn offer(bed: &Bed, config: &Path, images: &[String]) -> String {
    let mut pushed = String::new();
    for image in images {
        bed.docker(&["tag", "busybox:latest", image]);
        let script = "for i in $(seq 100); do docker \"$@\" && exit; sleep 0.1; done; exit 1";
        let output = std::process::Command::new("sh")
            .args(["-c", script, "sh", "--host", &bed.address(), "--config"])
            .arg(config)
            .args(["push", image])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        pushed = String::from_utf8(output.stdout).unwrap();
        bed.docker(&["image", "rm", image]);
    }
    let digest = pushed.split_whitespace().find(|word| word.starts_with("sha256:"));
    digest.unwrap().to_owned()
}

fn has(bed: &Bed, image: &str) -> bool {
    !bed.docker(&["image", "ls", "--quiet", "--no-trunc", image]).is_empty()
}

#[tokio::test]
async fn a_tag_a_digest_or_latest_is_pulled_and_nothing_else() {
    let bed = Bed::start().await;
    let config = registry(&bed, 5000, false);
    let tags = ["old", "latest"].map(|tag| format!("127.0.0.1:5000/tool:{tag}"));
    let digest = offer(&bed, &config, &tags);
    let engine = bed.engine(None);

    let pulled = engine.pull("127.0.0.1:5000/tool", None, Pull::Always).await.unwrap().unwrap();
    assert_eq!(
        (pulled.repository.as_str(), pulled.tag.as_str()),
        ("127.0.0.1:5000/tool", "latest")
    );
    assert_eq!(pulled.stale, None);
    assert_eq!((has(&bed, &tags[0]), has(&bed, &tags[1])), (false, true));

    let digested = format!("127.0.0.1:5000/tool@{digest}");
    assert_eq!(engine.pull(&digested, None, Pull::Always).await.unwrap().unwrap().tag, digest);
    bed.docker(&["inspect", &digested]);
}

#[tokio::test]
async fn a_registry_that_wants_a_login_gets_the_one_that_docker_keeps() {
    let bed = Bed::start().await;
    let config = registry(&bed, 5000, true);
    let image = "127.0.0.1:5000/secret:1";
    offer(&bed, &config, &[image.to_owned()]);

    let refusal = bed.engine(None).pull(image, None, Pull::Always).await.unwrap_err();
    let EngineError::NotPulled { reason, .. } = &refusal else { panic!("{refusal:?}") };
    assert!(reason.contains("no basic auth credentials"), "{reason}");
    assert!(reason.contains("docker login 127.0.0.1:5000"), "{reason}");

    let pulled = bed.engine(Some(config)).pull(image, None, Pull::Always).await.unwrap().unwrap();
    assert_eq!(pulled.stale, None);
}

#[tokio::test]
async fn where_the_registry_is_down_the_local_image_is_used_and_the_reason_is_recorded() {
    let bed = Bed::shared().await;
    bed.docker(&["tag", "busybox:latest", "127.0.0.1:9/tool:latest"]);
    let engine = bed.engine(None);

    let pulled = engine.pull("127.0.0.1:9/tool", None, Pull::Always).await.unwrap().unwrap();
    assert!(pulled.stale.unwrap().contains("connection refused"));

    let refusal = engine.pull("127.0.0.1:9/other", None, Pull::Always).await.unwrap_err();
    let reason = "cannot pull image 127.0.0.1:9/other: registry 127.0.0.1:9 refuses connections: ";
    assert!(refusal.to_string().starts_with(reason), "{refusal}");
    let refusal = engine.pull("example/missing", None, Pull::Always).await.unwrap_err();
    let reason = "cannot pull image example/missing: the engine cannot reach registry docker.io ";
    assert!(refusal.to_string().starts_with(reason), "{refusal}");
}

#[tokio::test]
async fn a_pull_outlives_the_caller_who_asked_first() {
    let bed = Bed::start().await;
    let config = registry(&bed, 5000, false);
    let image = "127.0.0.1:5000/shared:1";
    offer(&bed, &config, &[image.to_owned()]);
    let engine = Arc::new(bed.engine(None));
    let ask = || {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move { engine.pull(image, None, Pull::Always).await })
    };
    let (first, second) = (ask(), ask());

    tokio::task::yield_now().await;
    first.abort();

    assert_eq!(second.await.unwrap().unwrap().unwrap().stale, None);
    assert!(has(&bed, image));
}
