//! Tests of the mapping: each option is mapped, passed over, or refused by its name.

use docket_model::{FieldPath, Specification, container::UnknownOptions, document};
use serde_json::{Value, json};

use super::{host_config_options, program_options, *};

/// The options that a pod needs nothing for, each for a reason that its list gives.
const PASSED_OVER: [&str; 10] = [
    "AttachStderr",
    "AttachStdin",
    "AttachStdout",
    "AutoRemove",
    "ConsoleSize",
    "CpuPeriod",
    "Env",
    "ExposedPorts",
    "RestartPolicy",
    "StopSignal",
];

fn draft(container: Value) -> Draft {
    let parts: Parts = serde_json::from_value(container).unwrap();
    map_options(&parts, &[], None, &Placement::default())
}

/// The same for a container whose folders each node has.
fn draft_of_shared(container: Value) -> Draft {
    let parts: Parts = serde_json::from_value(container).unwrap();
    map_options(&parts, &[], None, &Placement { is_shared: true, ..Placement::default() })
}

fn fields(draft: &Draft) -> Vec<&str> {
    draft.findings.iter().map(|finding| finding.field.as_str()).collect()
}

/// A value of a type of the schema that is not the one of an option that is not given.
fn value_of(schema: &Value) -> Value {
    let words = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    let word = schema["enum"].as_array().and_then(|words| words.iter().find(|word| *word != ""));
    match words.first().and_then(Value::as_str) {
        _ if word.is_some() => word.unwrap().clone(),
        Some("integer" | "number") => 7.into(),
        Some("boolean") => true.into(),
        Some("array") => json!([value_of(&schema["items"])]),
        Some("object") if schema["properties"].is_object() => {
            let fields = schema["properties"].as_object().unwrap();
            fields.iter().map(|(key, schema)| (key.clone(), value_of(schema))).collect()
        }
        Some("object") => json!({"key": "value"}),
        _ => "TERM".into(),
    }
}

#[test]
fn each_option_of_the_engine_api_is_mapped_refused_or_passed_over_for_a_reason() {
    let schema = document::schema();
    let untouched = format!("{:?}", draft(json!({"Config": {}, "HostConfig": {}})));
    for part in ["Config", "HostConfig", "NetworkingConfig"] {
        let options = &schema["definitions"]["Container"]["properties"][part]["properties"];
        for (key, schema) in options.as_object().unwrap() {
            let mut container = json!({"Config": {}});
            container[part][key] = value_of(schema);

            let has_effect = format!("{:?}", draft(container.clone())) != untouched;

            assert_eq!(
                has_effect,
                !PASSED_OVER.contains(&key.as_str()),
                "{part}.{key}: {container}"
            );
        }
    }
}

#[test]
fn what_pods_do_not_have_is_refused_by_its_name() {
    let refused = draft(json!({
        "Config": {"User": "www-data", "Domainname": "x", "StopSignal": "SIGUSR1", "NoSuchOption": 1},
        "HostConfig": {
            "Binds": ["/data:/data:z"],
            "CpusetCpus": "0",
            "Init": true,
            "LogConfig": {"Type": "json-file"},
            "Mounts": [{"Type": "npipe", "Source": "x", "Target": "y"}],
            "NetworkMode": "container:x",
            "PidMode": "container:x",
            "PortBindings": {"80/tcp": [{"HostPort": "80"}]},
            "SecurityOpt": ["apparmor=docker-default"],
            "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 1}],
        },
        "NetworkingConfig": {"EndpointsConfig": {"web": {}}},
    }));

    assert!(refused.findings.iter().all(|finding| finding.is_fatal), "{:?}", refused.findings);
    let mut fields = fields(&refused);
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "Config.Domainname",
            "Config.NoSuchOption",
            "Config.StopSignal",
            "Config.User",
            "HostConfig.Binds[0]",
            "HostConfig.CpusetCpus",
            "HostConfig.Init",
            "HostConfig.LogConfig",
            "HostConfig.Mounts[0].Type",
            "HostConfig.NetworkMode",
            "HostConfig.PidMode",
            "HostConfig.PortBindings",
            "HostConfig.SecurityOpt[0]",
            "HostConfig.Ulimits",
            "NetworkingConfig.EndpointsConfig.web",
        ]
    );
}

#[test]
fn values_that_change_nothing_on_docker_are_no_options() {
    let unset = draft(json!({
        "Config": {"Domainname": "", "Shell": [], "NetworkDisabled": false, "Healthcheck": null},
        "HostConfig": {"Init": false, "PidsLimit": 0, "NetworkMode": "default", "Ulimits": null},
        "NetworkingConfig": {"EndpointsConfig": {"bridge": {}}},
    }));

    assert_eq!(unset.findings, []);
}

#[test]
fn options_of_the_program_are_those_of_the_container() {
    let mapped = draft(json!({"Config": {
        "Image": "busybox", "Entrypoint": ["sh", "-c"], "Cmd": "echo $(A) $$", "WorkingDir": "/w",
        "User": "1000:100", "Tty": true, "OpenStdin": true, "Hostname": "report", "StopTimeout": 30,
        "Volumes": {"/data": {}},
    }}));

    assert_eq!(mapped.findings, []);
    assert_eq!(
        Value::Object(mapped.container),
        json!({
            "name": "main", "image": "busybox", "command": ["sh", "-c"], "args": ["echo $$(A) $$$$"],
            "workingDir": "/w", "tty": true, "stdin": true,
            "securityContext": {"runAsUser": 1000, "runAsGroup": 100},
            "volumeMounts": [{"name": "volume-1", "mountPath": "/data"}],
        })
    );
    assert_eq!(
        Value::Object(mapped.pod),
        json!({
            "terminationGracePeriodSeconds": 30, "hostname": "report",
            "volumes": [{"name": "volume-1", "emptyDir": {}}],
        })
    );
}

#[test]
fn limits_mounts_and_rights_of_the_host_are_those_of_the_pod() {
    let mapped = draft_of_shared(json!({"HostConfig": {
        "Memory": 20_971_520, "NanoCpus": 1_500_000_001, "MemoryReservation": 1024, "CpuShares": 512,
        "Binds": ["/srv:/srv:ro", "claim:/c"], "Tmpfs": {"/run": "size=64m"},
        "Mounts": [{"Type": "volume", "Source": "v", "Target": "/v", "VolumeOptions": {"Subpath": "a"}}],
        "CapAdd": ["CAP_NET_ADMIN"], "CapDrop": ["all"], "ReadonlyRootfs": true,
        "SecurityOpt": ["no-new-privileges", "label=level:s0"], "GroupAdd": ["5"],
        "Sysctls": {"net.x": "1"}, "Dns": ["10.0.0.1"], "DnsOptions": ["ndots:2"],
        "ExtraHosts": ["db:10.0.0.2"], "NetworkMode": "host",
        "DeviceRequests": [{"Count": 2, "Capabilities": [["gpu"]]}],
    }}));

    assert_eq!(mapped.findings, []);
    let container = Value::Object(mapped.container);
    assert_eq!(
        container["resources"],
        json!({
            "limits": {"memory": "20971520", "cpu": "1501m", "nvidia.com/gpu": "2"},
            "requests": {"memory": "1024", "cpu": "500m"},
        })
    );
    assert_eq!(
        container["securityContext"],
        json!({
            "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
            "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false,
            "seLinuxOptions": {"level": "s0"},
        })
    );
    assert_eq!(
        container["volumeMounts"],
        json!([
            {"name": "volume-1", "mountPath": "/srv", "readOnly": true},
            {"name": "volume-2", "mountPath": "/c"},
            {"name": "volume-3", "mountPath": "/run"},
            {"name": "volume-4", "mountPath": "/v", "subPath": "a"},
        ])
    );
    let pod = Value::Object(mapped.pod);
    assert_eq!(
        pod["volumes"],
        json!([
            {"name": "volume-1", "hostPath": {"path": "/srv"}},
            {"name": "volume-2", "persistentVolumeClaim": {"claimName": "claim"}},
            {"name": "volume-3", "emptyDir": {"medium": "Memory", "sizeLimit": "67108864"}},
            {"name": "volume-4", "persistentVolumeClaim": {"claimName": "v"}},
        ])
    );
    assert_eq!(pod["dnsPolicy"], "None");
    assert_eq!(pod["hostAliases"], json!([{"ip": "10.0.0.2", "hostnames": ["db"]}]));
    assert_eq!(
        (&pod["hostNetwork"], &pod["securityContext"]["supplementalGroups"]),
        (&true.into(), &json!([5]))
    );
}

#[test]
fn a_folder_of_a_node_is_refused_where_the_node_is_not_known() {
    let mapped = draft(json!({"HostConfig": {
        "Binds": ["/srv:/srv", "claim:/c"],
        "Mounts": [{"Type": "bind", "Source": "/srv", "Target": "/t"}],
    }}));

    assert!(mapped.findings.iter().all(|finding| finding.is_fatal), "{:?}", mapped.findings);
    assert_eq!(fields(&mapped), ["HostConfig.Binds[0]", "HostConfig.Mounts[0]"]);
}

#[test]
fn labels_that_no_label_can_hold_are_annotations() {
    let mapped =
        draft(json!({"Config": {"Labels": {"team": "blue", "note": "two words", "/": "x"}}}));

    assert_eq!(mapped.labels.get("team").map(String::as_str), Some("blue"));
    assert_eq!(mapped.annotations.get("note").map(String::as_str), Some("two words"));
    assert_eq!(fields(&mapped), ["Config.Labels (/)"]);
}

#[test]
fn variables_are_set_as_they_were_posted_or_refused() {
    let lines = ["A=$(B) $$", "1X=1", "GONE"].map(str::to_owned);

    let mut draft = Draft::default();
    program_options::map_environment(&mut draft, &lines);

    assert_eq!(draft.container["env"], json!([{"name": "A", "value": "$$(B) $$$$"}]));
    assert_eq!(fields(&draft), ["Config.Env (1X)", "Config.Env (GONE)"]);
}

#[test]
fn the_types_of_the_api_have_each_field_that_a_body_has() {
    let posted = json!({"Name": "report", "Cron": "@daily", "Container": {
        "Config": {"Image": "busybox", "Cmd": ["true"], "User": "1", "Hostname": "h", "Tty": true},
        "HostConfig": {"Memory": 7_000_000, "Binds": ["/a:/a:ro,rshared"], "Privileged": true,
            "SecurityOpt": ["seccomp=unconfined"], "Runtime": "gvisor", "PidMode": "host",
            "Dns": ["10.0.0.1"], "DnsSearch": ["x"], "ExtraHosts": ["a:10.0.0.1"], "ShmSize": 64},
    }});
    let read = Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse);
    let parts = read.unwrap().specification.container.parts();
    let drafted = map_options(&parts, &["A=1".to_owned()], None, &Placement::default());
    let mut spec = Value::Object(drafted.pod);
    spec["containers"] = json!([drafted.container]);

    let typed: k8s_openapi::api::core::v1::PodSpec = serde_json::from_value(spec.clone()).unwrap();

    // The types drop what they do not know.
    assert_eq!(serde_json::to_value(typed).unwrap(), spec);
}

#[test]
fn options_are_looked_at_one_by_one() {
    let mut draft = Draft::default();
    host_config_options::map(&mut draft, json!({"OomScoreAdj": 5}).as_object().unwrap());

    assert_eq!(fields(&draft), ["HostConfig.OomScoreAdj"]);
}

#[test]
fn a_stop_without_a_grace_leaves_the_node_a_second() {
    let draft = draft(json!({"Config": {"Image": "busybox", "StopTimeout": 0}}));

    assert_eq!(draft.pod["terminationGracePeriodSeconds"], 1);
}

#[test]
fn secrets_and_configs_of_a_swarm_are_refused() {
    let draft =
        draft(json!({"Config": {"Image": "busybox"}, "Swarm": {"Secrets": [{"Name": "a"}]}}));

    assert_eq!(fields(&draft), ["Swarm"]);
}
