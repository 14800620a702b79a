//! Tests of the errors in a container.

use super::*;

#[test]
fn a_container_is_a_mapping_with_a_config_that_has_an_image() {
    let cases = [
        (json!({}), "Container.Config: Config is required"),
        (json!({"Config": null}), "Container.Config: Config is required"),
        (json!({"Config": {}}), "Container.Config.Image: Image is required"),
        (json!({"Config": {"Image": ""}}), "Container.Config.Image: Image is required"),
        (json!({"Config": {"Image": " "}}), "Container.Config.Image: Image is required"),
        (json!({"Config": {"Image": null}}), "Container.Config.Image: Image is required"),
        (json!("busybox"), "Container: expected a mapping, found the string \"busybox\""),
        (json!([]), "Container: expected a mapping, found a list"),
        (
            json!({"Config": "busybox"}),
            "Container.Config: expected a mapping, found the string \"busybox\"",
        ),
        (
            json!({"Config": {"Image": 5}}),
            "Container.Config.Image: expected a string, found the number 5: put it in quotes",
        ),
    ];
    for (posted, message) in cases {
        assert_eq!(errors(posted), [message]);
    }
}

#[test]
fn a_platform_stands_beside_config_and_has_a_form() {
    let with = |platform: Value| json!({"Config": {"Image": "busybox"}, "platform": platform});
    let form = "is not a platform: write OS[/ARCHITECTURE[/VARIANT]], such as `linux/arm64`";
    assert_eq!(errors(with("linux/".into())), [format!("Container.Platform: `linux/` {form}")]);
    assert_eq!(errors(with(5.into())).len(), 1);
    assert_eq!(
        errors(json!({"Config": {"Image": "busybox", "Platform": "linux/arm64"}})),
        ["Container.Config.Platform: unknown key `Platform`: it belongs under `Container`"]
    );

    let container = read_with(with("linux/arm64".into()), UnknownOptions::Refuse).container;
    assert_eq!(container.unwrap().platform().as_deref(), Some("linux/arm64"));
    let container = read_with(with("".into()), UnknownOptions::Refuse).container;
    assert_eq!(container.unwrap().platform(), None);
}

#[test]
fn all_wrong_values_are_reported_at_once_with_their_paths() {
    let posted = json!({
        "Config": {"Image": "busybox", "Tty": "yes", "Env": ["A=1", 2, null, {"B": 3}], "Labels": {"a": true}},
        "HostConfig": {
            "Memory": "512m", "NanoCpus": 1.5, "BlkioWeight": 70000, "Privileged": "false",
            "PidsLimit": "5", "Binds": "/a:/b", "Mounts": [{"Type": "bind"}, {"ReadOnly": 1}],
            "ConsoleSize": [1, -2], "Dns": {}, "RestartPolicy": "always",
        },
    });

    insta::assert_snapshot!(errors(posted).join("\n"), @r#"
    Container.Config.Tty: expected true or false, found the string "yes": write true, without quotes
    Container.Config.Env[1]: expected a string, found the number 2: put it in quotes
    Container.Config.Env[2]: expected a string, found null: write "" for an empty one
    Container.Config.Env[3]: expected a string, found a mapping: write `B=3`
    Container.Config.Labels.a: expected a string, found true: put it in quotes
    Container.HostConfig.Memory: expected a whole number, found the string "512m": write 536870912, the number of bytes
    Container.HostConfig.NanoCpus: expected a whole number, found the number 1.5: write 1500000000, the number of billionths of a CPU
    Container.HostConfig.BlkioWeight: 70000 is out of range (0 to 65535)
    Container.HostConfig.Privileged: expected true or false, found the string "false": write false, without quotes
    Container.HostConfig.PidsLimit: expected a whole number, found the string "5": write it without quotes
    Container.HostConfig.Binds: expected a list, found the string "/a:/b": write `Binds: [/a:/b]`
    Container.HostConfig.Mounts[1].ReadOnly: expected true or false, found the number 1
    Container.HostConfig.ConsoleSize[1]: -2 is out of range (0 to 18446744073709551615)
    Container.HostConfig.Dns: expected a list, found a mapping
    Container.HostConfig.RestartPolicy: expected a mapping, found the string "always"
    "#);
}

#[test]
fn an_unknown_key_names_the_nearest_one_or_where_it_belongs() {
    let posted = json!({
        "Config": {"Image": "busybox", "Entrypint": [], "Binds": [], "HostConfig": {}, "Xyzzy": 1},
        "HostConfig": {"AutoRmove": true, "Env": [], "Mounts": [{"Soruce": "/a"}]},
        "Image": "busybox",
        "Cron": "* * * * *",
        "EndpointsConfig": {},
    });

    insta::assert_snapshot!(errors(posted).join("\n"), @"
    Container.Image: unknown key `Image`: it belongs under `Container.Config`
    Container.Cron: unknown key `Cron`: it belongs beside `Container`
    Container.EndpointsConfig: unknown key `EndpointsConfig`: it belongs under `Container.NetworkingConfig`
    Container.Config.Entrypint: unknown key `Entrypint`: did you mean `Entrypoint`?
    Container.Config.Binds: unknown key `Binds`: it belongs under `Container.HostConfig`
    Container.Config.HostConfig: unknown key `HostConfig`: it belongs under `Container`
    Container.Config.Xyzzy: unknown key `Xyzzy`
    Container.HostConfig.AutoRmove: unknown key `AutoRmove`: did you mean `AutoRemove`?
    Container.HostConfig.Env: unknown key `Env`: it belongs under `Container.Config`
    Container.HostConfig.Mounts[0].Soruce: unknown key `Soruce`: did you mean `Source`?
    ");
}

#[test]
fn a_key_that_is_duplicate_in_two_cases_is_an_error_at_the_second() {
    let posted = json!({"Config": {"Image": "a", "image": "b"}, "config": {}});

    let expected = [
        "Container.config: duplicate key `Config`",
        "Container.Config.image: duplicate key `Image`",
    ];
    assert_eq!(errors(posted), expected);
}

#[test]
fn words_of_an_option_are_known_by_their_case_as_the_engine_knows_them() {
    let posted = host(&json!({
        "Mounts": [{"Type": "Bind"}, {"BindOptions": {"Propagation": "shard"}}],
        "CgroupnsMode": "x",
        "Isolation": "HyperV",
    }));

    insta::assert_snapshot!(errors(posted).join("\n"), @"
    Container.HostConfig.Mounts[0].Type: `Bind` is not one of `bind`, `cluster`, `image`, `npipe`, `tmpfs`, `volume` (did you mean `bind`?)
    Container.HostConfig.Mounts[1].BindOptions.Propagation: `shard` is not one of `private`, `rprivate`, `shared`, `rshared`, `slave`, `rslave` (did you mean `shared`?)
    Container.HostConfig.CgroupnsMode: `x` is not one of `private`, `host`
    ");
}

#[test]
fn what_only_a_newer_engine_knows_is_sent_as_it_is_where_that_is_allowed() {
    let posted = json!({
        "Config": {"Image": "busybox", "NewThing": {"inner": [1]}},
        "HostConfig": {"Mounts": [{"Type": "quantum", "Target": "/a"}]},
    });

    let outcome = read_with(posted.clone(), UnknownOptions::Allow);

    assert_eq!(outcome.errors, Vec::<String>::new());
    assert_eq!(outcome.container.unwrap().json(), posted.to_string());
    insta::assert_snapshot!(outcome.warnings.join("\n"), @"
    Container.Config.NewThing: unknown key `NewThing` (sent to the engine as it is)
    Container.HostConfig.Mounts[0].Type: `quantum` is not one of `bind`, `cluster`, `image`, `npipe`, `tmpfs`, `volume` (sent to the engine as it is)
    ");
}

#[test]
fn allowing_unknown_options_allows_no_wrong_values() {
    let posted = json!({"Config": {"Image": "busybox", "New": 1, "Tty": 2}});

    let outcome = read_with(posted, UnknownOptions::Allow);

    assert_eq!(outcome.container, None);
    let expected = ["Container.Config.Tty: expected true or false, found the number 2"];
    assert_eq!(outcome.errors, expected);
}

#[test]
fn a_restart_policy_is_refused_because_retries_are_dockets() {
    for name in ["", "no"] {
        kept(host(&json!({"RestartPolicy": {"Name": name, "MaximumRetryCount": 0}})));
    }
    for name in ["always", "on-failure", "unless-stopped"] {
        let errors = errors(host(&json!({"RestartPolicy": {"Name": name}})));
        let expected = format!(
            "Container.HostConfig.RestartPolicy.Name: the restart policy `{name}` would make the \
             engine run an old instant again by itself: use `Retries`, or `no`"
        );
        assert_eq!(errors, [expected]);
    }
    let unknown = host(&json!({"RestartPolicy": {"Name": "sometimes"}}));
    assert_eq!(errors(unknown.clone()).len(), 1);
    assert_eq!(read_with(unknown, UnknownOptions::Allow).container, None);
}

#[test]
fn a_container_has_no_name_and_no_labels_of_dockets_own() {
    let posted = json!({
        "Name": "mine",
        "Config": {"Image": "busybox", "Labels": {"io.docket.uid": "x", "io.docketeer": "y"}},
    });

    let expected = [
        "Container.Config.Labels.io.docket.uid: labels that begin with `io.docket.` are reserved for docket",
        "Container.Name: docket names containers itself, by allocation and instant: leave it out",
    ];
    let mut errors = errors(posted);
    errors.sort();
    assert_eq!(errors, expected);
}

#[test]
fn of_very_many_errors_the_first_are_reported() {
    let many: Vec<_> = (0..100_000).collect();

    let errors = errors(json!({"Config": {"Image": "busybox", "Env": many}}));

    assert_eq!(errors.len(), 101);
    assert!(errors[100].ends_with("; further errors are not shown"));
}

#[test]
fn long_texts_are_shortened_in_messages() {
    let long = "é".repeat(5000);

    let errors = errors(json!({"Config": {"Image": "busybox", &long: 1, "Tty": long}}));

    assert!(errors.iter().all(|finding| finding.len() < 12_000));
    let shown = format!("found the string \"{}…\"", "é".repeat(60));
    assert!(errors.iter().any(|finding| finding.contains(&shown)));
}
