//! Each option of the Engine API is mapped, has no effect, or is refused by its name.

use bollard::models::{ContainerConfig, EndpointSettings, HostConfig};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, Visitor, value::Error},
    forward_to_deserialize_any,
};

use super::*;

/// What has no effect on a task, or is mapped together with another option.
const NO_EFFECT: [&str; 9] = [
    "Config.AttachStdin",
    "Config.AttachStdout",
    "Config.AttachStderr",
    "Config.ExposedPorts",
    "HostConfig.CpuPeriod",
    "HostConfig.ConsoleSize",
    "HostConfig.AutoRemove",
    "HostConfig.RestartPolicy",
    "HostConfig.NetworkMode",
];

/// Notes the names of a struct's fields.
struct Fields<'a>(&'a mut Vec<&'static str>);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        self.0.extend(fields);
        Err(Error::custom("only the names matter"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn fields<'de, T: Deserialize<'de>>() -> Vec<&'static str> {
    let mut fields = Vec::new();
    assert!(T::deserialize(Fields(&mut fields)).is_err());
    assert!(fields.len() > 5, "{fields:?}");
    fields
}

/// A value with which an option is set.
fn set(key: &str) -> Value {
    match key {
        "Mounts" => json!([{"Type": "tmpfs", "Target": "/x"}]),
        "Tmpfs" | "Volumes" => json!({"/x": ""}),
        "CpuQuota" => json!(50_000),
        "PidsLimit" | "StopTimeout" => json!(5),
        _ => json!("x"),
    }
}

fn mapped(config: &Value, host_config: &Value, networking_config: &Value) -> TemplateBuilder {
    let part = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let [config, host_config, networking_config] =
        [config, host_config, networking_config].map(part);
    map(Options {
        config: &config,
        host_config: &host_config,
        networking_config: &networking_config,
        platform: None,
        may_be_node_bound: false,
    })
}

/// The fields that are refused, and the words.
fn refused(mapping: &TemplateBuilder) -> Vec<(&str, &str)> {
    let fatal = mapping.findings.iter().filter(|finding| finding.is_fatal);
    fatal.map(|finding| (&*finding.field, &*finding.message)).collect()
}

#[test]
fn each_option_of_the_engine_api_is_mapped_or_refused_or_known_to_have_no_effect() {
    let nothing = mapped(&json!({}), &json!({}), &json!({})).into_template(&[]);
    let config = fields::<ContainerConfig>().into_iter().map(|key| ("Config", key));
    let host_config = fields::<HostConfig>().into_iter().map(|key| ("HostConfig", key));
    let mut without_counterpart = Vec::new();
    for (part, key) in config.chain(host_config) {
        let field = format!("{part}.{key}");
        let options = json!({key: set(key)});
        let mapping = match part {
            "Config" => mapped(&options, &json!({}), &json!({})),
            _ => mapped(&json!({}), &options, &json!({})),
        };
        let named: Vec<_> = mapping.findings.iter().map(|finding| finding.field.clone()).collect();
        if refused(&mapping).iter().any(|(_, words)| words.contains("no such option")) {
            without_counterpart.push(key);
        }
        let has_effect = mapping.into_template(&[]) != nothing || !named.is_empty();
        assert_eq!(has_effect, !NO_EFFECT[..8].contains(&&*field), "{field}");
        assert!(named.iter().all(|named| named.starts_with(&field)), "{named:?}");
    }
    without_counterpart.sort_unstable();
    let expected = "Annotations ArgsEscaped BlkioDeviceReadBps BlkioDeviceReadIOps BlkioDeviceWriteBps \
                    BlkioDeviceWriteIOps BlkioWeight BlkioWeightDevice Cgroup CgroupParent CgroupnsMode \
                    ContainerIDFile CpuCount CpuPercent CpuRealtimePeriod CpuRealtimeRuntime CpuShares \
                    CpusetCpus CpusetMems DeviceCgroupRules DeviceRequests Devices Domainname \
                    IOMaximumBandwidth IOMaximumIOps IpcMode Links MaskedPaths MemorySwap \
                    MemorySwappiness NetworkDisabled OnBuild OomKillDisable OomScoreAdj PidMode \
                    PortBindings Privileged PublishAllPorts ReadonlyPaths Runtime Shell StdinOnce \
                    StorageOpt UTSMode UsernsMode VolumeDriver VolumesFrom";
    assert_eq!(without_counterpart.join(" "), expected);
}

#[test]
fn an_option_of_an_endpoint_is_mapped_or_refused() {
    for key in fields::<EndpointSettings>() {
        let endpoint = json!({"EndpointsConfig": {"web": {key: "x"}}});
        let mapping = mapped(&json!({}), &json!({}), &endpoint);

        let field = format!("NetworkingConfig.EndpointsConfig.web.{key}");
        let is_mapped = mapping.networks[0].get(key).is_some();
        assert_eq!(refused(&mapping).iter().any(|(named, _)| *named == field), !is_mapped, "{key}");
    }
}

#[test]
fn what_is_not_set_is_not_refused_and_what_docket_does_not_know_is() {
    let unset = json!({"Privileged": false, "CpuShares": 0, "Devices": [], "IpcMode": "",
                       "Links": null, "PidsLimit": -1});
    assert_eq!(refused(&mapped(&json!({}), &unset, &json!({}))), []);

    let unknown = mapped(&json!({"New": 1}), &json!({}), &json!({}));
    assert_eq!(refused(&unknown), [("Config.New", "a Swarm service has no such option")]);
}

#[test]
fn options_are_renamed_and_turned_as_swarm_has_them() {
    let config = json!({
        "Image": "busybox", "Entrypoint": "sh", "Cmd": ["-c", "x"], "WorkingDir": "/w", "Tty": true,
        "StopTimeout": 3, "Volumes": {"/data": {}}, "Healthcheck": {"Test": ["CMD", "true"]},
    });
    let host_config = json!({
        "Memory": 64, "CpuQuota": 50_000, "CpuPeriod": 100_000, "ShmSize": 1024, "Dns": ["10.0.0.1"],
        "CapAdd": "NET_ADMIN", "ExtraHosts": ["a:10.0.0.2", "b:[::1]"], "GroupAdd": ["7"],
        "Tmpfs": {"/t": "size=1m,mode=700,noexec"}, "NetworkMode": "web", "SecurityOpt": ["label:type:t"],
        "LogConfig": {"Type": "local", "Config": {"max-size": "1m"}},
    });
    let networking = json!({"EndpointsConfig": {"web": {"Aliases": ["x"]}}});
    let mapping = mapped(&config, &host_config, &networking);
    assert_eq!(refused(&mapping), []);

    let template = mapping.into_template(&["node.role==worker".to_owned()]);

    let expected = json!({
        "ContainerSpec": {
            "Image": "busybox", "Command": ["sh"], "Args": ["-c", "x"], "Dir": "/w", "TTY": true,
            "StopGracePeriod": 3_000_000_000_i64, "Healthcheck": {"Test": ["CMD", "true"]},
            "CapabilityAdd": ["NET_ADMIN"], "Hosts": ["10.0.0.2 a", "::1 b"], "Groups": ["7"],
            "Privileges": {"SELinuxContext": {"Type": "t"}},
            "DNSConfig": {"Nameservers": ["10.0.0.1"]},
            "Mounts": [
                {"Type": "volume", "Target": "/data"},
                {"Type": "tmpfs", "Target": "/dev/shm", "TmpfsOptions": {"SizeBytes": 1024}},
                {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 1 << 20, "Mode": 448}},
            ],
        },
        "Resources": {"Limits": {"MemoryBytes": 64, "NanoCPUs": 500_000_000}, "Reservations": {}},
        "RestartPolicy": {"Condition": "none"},
        "Placement": {"Constraints": ["node.role==worker"], "Platforms": []},
        "Networks": [{"Target": "web", "Aliases": ["x"]}],
        "LogDriver": {"Name": "local", "Options": {"max-size": "1m"}},
    });
    assert_eq!(template, expected);
}

#[test]
fn a_health_check_of_the_image_is_switched_off() {
    let template = mapped(&json!({}), &json!({}), &json!({})).into_template(&[]);

    assert_eq!(template["ContainerSpec"]["Healthcheck"], json!({"Test": ["NONE"]}));
}

#[test]
fn what_is_bound_to_a_node_needs_a_node_or_to_be_shared() {
    let host_config = json!({
        "Binds": ["/srv:/data:ro", "cache:/cache", "/anonymous"],
        "Mounts": [
            {"Type": "volume", "Source": "shared", "Target": "/s",
             "VolumeOptions": {"DriverConfig": {"Name": "nfs"}}},
            {"Type": "bind", "Source": "/x", "Target": "/x"},
        ],
    });
    let empty = Map::new();
    let host_config = host_config.as_object().unwrap();
    let found = |may_be_node_bound| {
        let options = Options {
            config: &empty,
            host_config,
            networking_config: &empty,
            platform: None,
            may_be_node_bound,
        };
        check(options).into_iter().map(|finding| finding.field).collect::<Vec<_>>()
    };

    let expected = ["HostConfig.Binds[0]", "HostConfig.Binds[1]", "HostConfig.Mounts[1]"];
    assert_eq!(found(false), expected);
    assert_eq!(found(true), Vec::<String>::new());
}

#[test]
fn what_swarm_does_in_another_way_is_said() {
    for (host_config, field, words) in [
        (json!({"Binds": ["a:/a:Z"]}), "HostConfig.Binds[0]", "Swarm has no mount option `Z`"),
        (json!({"NetworkMode": "none"}), "HostConfig.NetworkMode", "Swarm has no network `none`"),
        (
            json!({"ExtraHosts": ["h:host-gateway"]}),
            "HostConfig.ExtraHosts[0]",
            "`h:host-gateway`: Swarm needs an address, as in `name:10.0.0.1`",
        ),
        (
            json!({"SecurityOpt": ["no-new-privileges"]}),
            "HostConfig.SecurityOpt[0]",
            "`no-new-privileges`: docket passes only `label:…` to Swarm",
        ),
        (
            json!({"Tmpfs": {"/t": "uid=7"}}),
            "HostConfig.Tmpfs./t",
            "Swarm has no option `uid=7` for a tmpfs: it has `size` and `mode`",
        ),
        (
            json!({"Mounts": [{"Type": "image", "Source": "i", "Target": "/i"}]}),
            "HostConfig.Mounts[0]",
            "Swarm has no mounts of type `image`",
        ),
    ] {
        let mapping = mapped(&json!({}), &host_config, &json!({}));
        assert!(refused(&mapping).contains(&(field, words)), "{:?}", mapping.findings);
    }
}
