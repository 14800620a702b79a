//! What containers are read as, and what is said of those that are refused.

mod errors;
mod value_checks;

use serde_json::json;

use super::*;
use crate::finding::FieldPath;

struct Outcome {
    container: Option<Container>,
    errors: Vec<String>,
    warnings: Vec<String>,
}

fn read_with(posted: Value, unknown_options: UnknownOptions) -> Outcome {
    let start = FieldPath::default();
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    let container = Container::read(
        posted,
        Place::Key(&Place::Start(&start), "Container"),
        unknown_options,
        &mut errors,
        &mut warnings,
    );
    let words = |errors: Vec<Finding>| errors.iter().map(ToString::to_string).collect();
    Outcome { container, errors: words(errors), warnings: words(warnings) }
}

/// The JSON that is kept of a valid container.
fn kept(posted: Value) -> String {
    let outcome = read_with(posted, UnknownOptions::Refuse);
    assert_eq!(outcome.errors, Vec::<String>::new());
    outcome.container.unwrap().json()
}

fn errors(posted: Value) -> Vec<String> {
    let outcome = read_with(posted, UnknownOptions::Refuse);
    assert_eq!(outcome.container, None);
    outcome.errors
}

/// A valid container with this `HostConfig`.
fn host(host_config: &Value) -> Value {
    json!({"Config": {"Image": "busybox"}, "HostConfig": host_config})
}

#[test]
fn what_was_posted_is_kept_in_its_order_and_nothing_is_added() {
    let posted = json!({
        "HostConfig": {"Memory": 5, "Binds": null, "BlkioWeight": 10},
        "Config": {"Image": "busybox", "Tty": false, "Entrypoint": null},
    });

    let text = r#"{"HostConfig":{"Memory":5,"Binds":null,"BlkioWeight":10},"Config":{"Image":"busybox","Tty":false,"Entrypoint":null}}"#;
    assert_eq!(kept(posted), text);
}

#[test]
fn keys_in_any_case_are_written_as_the_engine_has_them() {
    let posted = json!({
        "config": {"IMAGE": "busybox", "exposedports": {"80/tcp": {}}},
        "hostconfig": {
            "OOMKillDisable": true,
            "mounts": [{"TYPE": "bind", "bindoptions": {"nonrecursive": true}}],
            "portbindings": {"80/tcp": [{"hostport": "8080"}]},
        },
        "networkingConfig": {"endpointsconfig": {"Lan": {"ipamconfig": {"ipv4address": "10.0.0.2"}}}},
    });

    let canonical = json!({
        "Config": {"Image": "busybox", "ExposedPorts": {"80/tcp": {}}},
        "HostConfig": {
            "OomKillDisable": true,
            "Mounts": [{"Type": "bind", "BindOptions": {"NonRecursive": true}}],
            "PortBindings": {"80/tcp": [{"HostPort": "8080"}]},
        },
        "NetworkingConfig": {"EndpointsConfig": {"Lan": {"IPAMConfig": {"IPv4Address": "10.0.0.2"}}}},
    });
    assert_eq!(kept(posted), canonical.to_string());
}

#[test]
fn keys_of_free_maps_stay_as_they_are() {
    let posted = json!({
        "Config": {
            "Image": "busybox",
            "Labels": {"image": "a", "Image": "b", "CMD": "c"},
            "Volumes": {"/Data": {}},
        },
        "HostConfig": {
            "Sysctls": {"net.core.somaxconn": "1"},
            "LogConfig": {"Type": "syslog", "Config": {"Tag": "x", "tag": "y"}},
            "Annotations": {"Memory": "m"},
            "Mounts": [{"VolumeOptions": {"DriverConfig": {"Options": {"type": "nfs", "O": "x"}}}}],
        },
        "NetworkingConfig": {"EndpointsConfig": {"LAN": {"DriverOpts": {"Key": "v"}}, "lan": null}},
    });

    assert_eq!(kept(posted.clone()), posted.to_string());
}

#[test]
fn what_the_original_printed_can_be_posted_back() {
    let posted = json!({
        "Name": "",
        "Config": {"Image": "busybox", "Cmd": ["date"], "Entrypoint": null},
        "HostConfig": {"RestartPolicy": {}, "LogConfig": {}},
        "NetworkingConfig": {"EndpointsConfig": null},
        "Context": {"anything": [1, null]},
    });

    let text = r#"{"Config":{"Image":"busybox","Cmd":["date"],"Entrypoint":null},"HostConfig":{"RestartPolicy":{},"LogConfig":{}},"NetworkingConfig":{"EndpointsConfig":null}}"#;
    assert_eq!(kept(posted), text);
    let bare = json!({"Name": null, "Context": null, "Config": {"Image": "a"}, "HostConfig": null});
    assert_eq!(kept(bare), r#"{"Config":{"Image":"a"},"HostConfig":null}"#);
}

#[test]
fn what_was_kept_is_read_again_as_it_is() {
    let once = kept(json!({
        "hostConfig": {"capadd": "NET_ADMIN", "Isolation": "Default", "kernelmemory": 7},
        "Config": {"Image": "busybox", "cmd": "date", "entrypoint": ["sh", "-c"]},
    }));

    let text = r#"{"HostConfig":{"CapAdd":["NET_ADMIN"],"Isolation":"Default","KernelMemory":7},"Config":{"Image":"busybox","Cmd":["date"],"Entrypoint":["sh","-c"]}}"#;
    assert_eq!(once, text);
    assert_eq!(kept(serde_json::from_str(&once).unwrap()), once);
}

#[test]
fn a_container_is_taken_apart_into_what_an_engine_gets() {
    let json = kept(json!({"Config": {"Image": "a\u{62}c"}, "NetworkingConfig": {}}));
    let container = Container::from_stored(&json);

    assert_eq!(container.image(), "abc");
    let parts = container.parts();
    assert_eq!(parts.config.get("Image"), Some(&json!("abc")));
    assert_eq!(parts.host_config, None);
    assert_eq!(parts.networking_config, Some(Map::new()));
    assert_eq!(serde_json::to_string(&container).unwrap(), container.json());
    let value = serde_json::to_value(&container).unwrap();
    assert_eq!(value, json!({"Config": {"Image": "abc"}, "NetworkingConfig": {}}));
}

#[test]
fn a_container_is_removed_by_itself_only_where_that_was_asked_for() {
    for (host_config, removed) in [
        (json!({"autoremove": true}), true),
        (json!({"AutoRemove": false}), false),
        (json!({}), false),
        (Value::Null, false),
    ] {
        let container = Container::from_stored(&kept(host(&host_config)));
        assert_eq!(container.auto_remove(), removed);
    }
}
