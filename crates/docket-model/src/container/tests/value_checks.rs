//! Values that cannot work: an error where every engine refuses them, a warning where they are nearly
//! sure to be an error.

use super::*;

fn config(key: &str, value: Value) -> Value {
    let mut config = json!({"Image": "busybox"});
    config[key] = value;
    json!({"Config": config})
}

/// All that is said of containers, each in its lines.
fn messages(posted: impl IntoIterator<Item = Value>) -> String {
    let mut messages = Vec::new();
    for posted in posted {
        let outcome = read_with(posted, UnknownOptions::Refuse);
        messages.extend(outcome.errors.iter().map(|finding| format!("error: {finding}")));
        messages.extend(outcome.warnings.iter().map(|warning| format!("warning: {warning}")));
        messages.push(String::new());
    }
    messages.join("\n").replace("Container.", "").replace("\n\n", "\n")
}

fn silent(posted: Value) {
    let shown = posted.to_string();
    assert_eq!(messages([posted]), "", "{shown}");
}

#[test]
fn a_command_line_in_one_word_is_shown_word_by_word() {
    let commands = [
        json!("echo hello world"),
        json!(["echo hello world"]),
        json!(["sleep 5", "more"]),
        json!("cat 'a b' --yes"),
        json!("echo $HOME | wc -c"),
        json!(["sh", "-c", "echo", "hello"]),
        json!(["/bin/bash", "-ec", "sleep", 5.to_string()]),
    ];
    insta::assert_snapshot!(messages(commands.map(|cmd| config("Cmd", cmd))), @"
    warning: Config.Cmd: `echo hello world` is one word, and so the name of a program: write each word by itself, `Cmd: [echo, hello, world]`
    warning: Config.Cmd: `echo hello world` is one word, and so the name of a program: write each word by itself, `Cmd: [echo, hello, world]`
    warning: Config.Cmd: `sleep 5` is one word, and so the name of a program: write each word by itself, `Cmd: [sleep, '5', more]`
    warning: Config.Cmd: `cat 'a b' --yes` is one word, and so the name of a program: write each word by itself, `Cmd: [cat, 'a b', --yes]`
    warning: Config.Cmd: `echo $HOME | wc -c` is one word, and so the name of a program: write each word by itself, `Cmd: [sh, -c, 'echo $HOME | wc -c']`
    warning: Config.Cmd: `-c` takes the script as one word, and this runs `echo` alone: write `Cmd: [sh, -c, 'echo hello']`
    warning: Config.Cmd: `-ec` takes the script as one word, and this runs `sleep` alone: write `Cmd: [/bin/bash, -ec, 'sleep 5']`
    ");
    let both =
        |entrypoint, cmd| json!({"Config": {"Image": "x", "Entrypoint": entrypoint, "Cmd": cmd}});
    insta::assert_snapshot!(messages([
        config("Entrypoint", json!("python3 app.py")),
        config("Entrypoint", json!(["/bin/sh -c"])),
        both(json!([""]), json!("date -u")),
        both(json!(["sh", "-c"]), json!(["echo", "hello"])),
    ]), @"
    warning: Config.Entrypoint: `python3 app.py` is one word, and so the name of a program: write each word by itself, `Entrypoint: [python3, app.py]`
    warning: Config.Entrypoint: `/bin/sh -c` is one word, and so the name of a program: write each word by itself, `Entrypoint: [/bin/sh, -c]`
    warning: Config.Cmd: `date -u` is one word, and so the name of a program: write each word by itself, `Cmd: [date, -u]`
    warning: Config.Cmd: `-c` takes the script as one word, and this runs `echo` alone: write `Cmd: ['echo hello']`
    ");
    silent(both(json!(["sh", "-c"]), json!(["echo hello world"])));
    silent(both(json!(["env"]), json!("echo hello")));
    for cmd in [
        json!(null),
        json!([]),
        json!("date"),
        json!(["echo", "hello world"]),
        json!(["sh", "-c", "echo hello $1", "sh", "x"]),
        json!(["sh", "-c", "env"]),
        json!(["sort", "-c", "a", "b"]),
    ] {
        silent(config("Cmd", cmd));
    }
}

#[test]
fn image_names_are_held_against_the_grammar() {
    let images =
        ["Tool:1", "a b", "http://r.example/x", "x:", "docker pull x:1", "a@sha256:00", "Team/app"];
    insta::assert_snapshot!(messages(images.map(|image| config("Image", json!(image)))), @"
    error: Config.Image: an image name has no capital letters before its tag: write `tool:1`
    error: Config.Image: an image name has no white space: write `a`
    error: Config.Image: an image name does not begin with `http://`: write `r.example/x`
    error: Config.Image: no tag after `:`: write `x` or `x:TAG`
    error: Config.Image: an image name has no white space: write `x:1`
    error: Config.Image: `sha256:00` is not a digest: write `@sha256:` and 64 hexadecimal digits in lower case
    warning: Config.Image: `Team` is taken for a registry because of its capital letters: write `team/app` if it is a part of the name
    ");
    for image in ["busybox:1.36", "r.example:5000/a/b@sha256:", "localhost/x"] {
        let image = image.replace("sha256:", &format!("sha256:{}", "0".repeat(64)));
        silent(config("Image", json!(image)));
    }
}

#[test]
fn entries_of_the_environment_say_what_to_write() {
    let entries = ["FOO", "=x", "", "FOO: bar", "FOO bar", "export FOO=bar", "FOO = bar", "A=\0"];
    insta::assert_snapshot!(messages([config("Env", json!(entries))]), @"
    error: Config.Env[1]: no name before `=`: write NAME=VALUE
    error: Config.Env[2]: no name before `=`: write NAME=VALUE
    error: Config.Env[7]: a variable cannot contain a NUL character
    warning: Config.Env[0]: `FOO` has no `=`, which removes a variable of the image: write `FOO=VALUE` to set it (the server's own variables are not passed on)
    warning: Config.Env[3]: `FOO: bar` has no `=`: write `FOO=bar`
    warning: Config.Env[4]: `FOO bar` has no `=`: write `FOO=bar`
    warning: Config.Env[5]: the name `export FOO` has white space: write `FOO=bar`
    warning: Config.Env[6]: the name `FOO ` has white space: write `FOO=bar`
    ");
    silent(config("Env", json!(["A=", "A=b=c", "A= b ", "a.b-c=1", "A=\"quoted\""])));
}

#[test]
fn collections_of_the_wrong_kind_are_shown_as_they_should_be() {
    let env = [
        json!({"A": "b c", "N": 5, "EMPTY": null}),
        json!({"A": 1, "B": 2, "C": 3, "D": 4, "E": 5}),
        json!("A=b"),
        json!([{"A": "b"}, {"A": 1, "B": 2}]),
    ];
    insta::assert_snapshot!(messages(env.map(|env| config("Env", env))), @r#"
    error: Config.Env: expected a list, found a mapping: write `Env: ['A=b c', N=5, EMPTY=]`
    error: Config.Env: expected a list, found a mapping: write `Env: [A=1, B=2, C=3, D=4, …]`
    error: Config.Env: expected a list, found the string "A=b": write `Env: [A=b]`
    error: Config.Env[0]: expected a string, found a mapping: write `A=b`
    error: Config.Env[1]: expected a string, found a mapping: put it in quotes
    "#);
    insta::assert_snapshot!(messages([
        config("Labels", json!(["team=a b", "bare"])),
        config("Labels", json!("team=a")),
        config("ExposedPorts", json!([80, "53/udp"])),
        config("Volumes", json!(["/data"])),
        config("Volumes", json!(["/srv:/data"])),
        config("Healthcheck", json!({"Test": "curl -f http://localhost"})),
        host(&json!({
            "PortBindings": ["8080:80", "127.0.0.1:53:53/udp"],
            "Sysctls": ["net.ipv4.ip_forward=1"],
            "Tmpfs": ["/run:size=1m"],
            "ExtraHosts": {"db": "10.0.0.1"},
            "Dns": "1.1.1.1",
            "Binds": [{"/srv": "/data"}],
            "Ulimits": ["nofile=1024:2048"],
            "Devices": ["/dev/fuse"],
            "Mounts": {"a": 1},
        })),
    ]), @r#"
    error: Config.Labels: expected a mapping, found a list: write `Labels: {team: 'a b', bare: ''}`
    error: Config.Labels: expected a mapping, found the string "team=a": write `Labels: {team: a}`
    error: Config.ExposedPorts: expected a mapping, found a list: write `ExposedPorts: {'80/tcp': {}, '53/udp': {}}`
    error: Config.Volumes: expected a mapping, found a list: write `Volumes: {/data: {}}`
    error: Config.Volumes: expected a mapping, found a list: write `Binds: [/srv:/data]` under `HostConfig`
    error: Config.Healthcheck.Test: expected a list, found the string "curl -f http://localhost": write `Test: [CMD-SHELL, 'curl -f http://localhost']`
    error: HostConfig.PortBindings: expected a mapping, found a list: write `PortBindings: {'80/tcp': [{HostPort: '8080'}], '53/udp': [{HostIp: '127.0.0.1', HostPort: '53'}]}`
    error: HostConfig.Sysctls: expected a mapping, found a list: write `Sysctls: {net.ipv4.ip_forward: '1'}`
    error: HostConfig.Tmpfs: expected a mapping, found a list: write `Tmpfs: {/run: size=1m}`
    error: HostConfig.ExtraHosts: expected a list, found a mapping: write `ExtraHosts: [db:10.0.0.1]`
    error: HostConfig.Dns: expected a list, found the string "1.1.1.1": write `Dns: ['1.1.1.1']`
    error: HostConfig.Binds[0]: expected a string, found a mapping: write `/srv:/data`
    error: HostConfig.Ulimits[0]: expected a mapping, found the string "nofile=1024:2048": write `{Name: nofile, Soft: 1024, Hard: 2048}`
    error: HostConfig.Devices[0]: expected a mapping, found the string "/dev/fuse": write `{PathOnHost: /dev/fuse, PathInContainer: /dev/fuse, CgroupPermissions: rwm}`
    error: HostConfig.Mounts: expected a list, found a mapping
    "#);
}

#[test]
fn sizes_times_and_cpus_are_shown_as_the_number_to_write() {
    insta::assert_snapshot!(messages([host(&json!({
        "Memory": "64m",
        "MemorySwap": "1.5 GiB",
        "MemoryReservation": "much",
        "ShmSize": "64MB",
        "NanoCpus": 0.5,
        "CpuPeriod": "100ms",
        "CpuShares": "0512",
        "PidsLimit": "inf",
        "OomScoreAdj": "7",
        "Mounts": [{"Type": "tmpfs", "Target": "/a", "TmpfsOptions": {"SizeBytes": "1g"}}],
    }))]), @r#"
    error: HostConfig.Memory: expected a whole number, found the string "64m": write 67108864, the number of bytes
    error: HostConfig.MemorySwap: expected a whole number, found the string "1.5 GiB": write 1610612736, the number of bytes
    error: HostConfig.MemoryReservation: expected a whole number, found the string "much"
    error: HostConfig.ShmSize: expected a whole number, found the string "64MB": write 67108864, the number of bytes
    error: HostConfig.NanoCpus: expected a whole number, found the number 0.5: write 500000000, the number of billionths of a CPU
    error: HostConfig.CpuPeriod: expected a whole number, found the string "100ms": write 100000, the number of microseconds
    error: HostConfig.CpuShares: expected a whole number, found the string "0512": write 512
    error: HostConfig.PidsLimit: expected a whole number, found the string "inf"
    error: HostConfig.OomScoreAdj: expected a whole number, found the string "7": write it without quotes
    error: HostConfig.Mounts[0].TmpfsOptions.SizeBytes: expected a whole number, found the string "1g": write 1073741824, the number of bytes
    "#);
    insta::assert_snapshot!(messages([
        config("StopTimeout", json!("10s")),
        config("StopTimeout", json!("1m30s")),
        config("Healthcheck", json!({"Interval": "30s", "Timeout": "500ms", "StartPeriod": "1h"})),
        host(&json!({"NanoCpus": "1.5"})),
    ]), @r#"
    error: Config.StopTimeout: expected a whole number, found the string "10s": write 10, the number of seconds
    error: Config.StopTimeout: expected a whole number, found the string "1m30s": write 90, the number of seconds
    error: Config.Healthcheck.Interval: expected a whole number, found the string "30s": write 30000000000, the number of nanoseconds
    error: Config.Healthcheck.Timeout: expected a whole number, found the string "500ms": write 500000000, the number of nanoseconds
    error: Config.Healthcheck.StartPeriod: expected a whole number, found the string "1h": write 3600000000000, the number of nanoseconds
    error: HostConfig.NanoCpus: expected a whole number, found the string "1.5": write 1500000000, the number of billionths of a CPU
    "#);
}

#[test]
fn numbers_that_count_smaller_units_than_meant_are_found() {
    insta::assert_snapshot!(messages([
        config("Healthcheck", json!({"Test": ["CMD", "true"], "Interval": 30, "Timeout": -1})),
        host(&json!({"Memory": 64, "NanoCpus": 2})),
        host(&json!({"Memory": 65536, "NanoCpus": 5000})),
    ]), @"
    error: Config.Healthcheck.Interval: 30 is a number of nanoseconds, and less than 1 ms, the least that an engine takes: for 30 s write 30000000000
    error: Config.Healthcheck.Timeout: -1 is a number of nanoseconds, and less than 1 ms, the least that an engine takes: for 1 s write 1000000000
    warning: HostConfig.Memory: 64 is a number of bytes, and Docker gives no container less than 6 MiB: for 64 MiB write 67108864
    warning: HostConfig.NanoCpus: 2 is a number of billionths of a CPU: for 2 CPUs write 2000000000
    warning: HostConfig.Memory: 65536 is a number of bytes, and Docker gives no container less than 6 MiB: for 64 MiB write 67108864
    warning: HostConfig.NanoCpus: 5000 is a number of billionths of a CPU: for 1 CPU write 1000000000
    ");
    silent(config("Healthcheck", json!({"Interval": 0, "Timeout": 1_000_000})));
    silent(host(&json!({"Memory": 0, "MemorySwap": -1, "NanoCpus": 10_000_000})));
    silent(host(&json!({"Memory": 6 << 20})));
}

#[test]
fn a_health_check_begins_with_its_kind() {
    let tests = [json!(["curl -f http://localhost"]), json!(["curl", "-f"])];
    insta::assert_snapshot!(messages(tests.map(|test| config("Healthcheck", json!({"Test": test})))), @"
    warning: Config.Healthcheck.Test: a check begins with CMD, CMD-SHELL or NONE, and the engine runs no other: write `Test: [CMD-SHELL, 'curl -f http://localhost']`
    warning: Config.Healthcheck.Test: a check begins with CMD, CMD-SHELL or NONE, and the engine runs no other: write `Test: [CMD, curl, -f]`
    ");
    for test in [json!([]), json!(["NONE"]), json!(["CMD", "true"]), json!(["CMD-SHELL", "a b"])] {
        silent(config("Healthcheck", json!({"Test": test})));
    }
}

#[test]
fn file_modes_are_octal() {
    let tmpfs = |mode: Value| {
        host(
            &json!({"Mounts": [{"Type": "tmpfs", "Target": "/a", "TmpfsOptions": {"Mode": mode}}]}),
        )
    };
    for (written, mode) in [("0750", 488), ("0o750", 488), ("01777", 1023), ("0", 0), ("00", 0)] {
        let kept = kept(tmpfs(json!(written)));
        assert!(kept.contains(&format!("\"Mode\":{mode}}}")), "{written}: {kept}");
    }
    for mode in [0, 488, 420, 511, 448, 384, 1023, 292, 256] {
        silent(tmpfs(json!(mode)));
    }
    let wrong = [json!("750"), json!("rwxr-x---"), json!("0999"), json!(["0750"]), json!("0+75")];
    insta::assert_snapshot!(messages(wrong.map(tmpfs)), @"
    error: HostConfig.Mounts[0].TmpfsOptions.Mode: expected a file mode: write 0750 (octal) or 488
    error: HostConfig.Mounts[0].TmpfsOptions.Mode: expected a file mode: write it in octal, such as 0750, or as the number 488
    error: HostConfig.Mounts[0].TmpfsOptions.Mode: expected a file mode: write it in octal, such as 0750, or as the number 488
    error: HostConfig.Mounts[0].TmpfsOptions.Mode: expected a file mode: write it in octal, such as 0750, or as the number 488
    error: HostConfig.Mounts[0].TmpfsOptions.Mode: expected a file mode: write it in octal, such as 0750, or as the number 488
    ");
    let doubtful = [750, 755, 644, 600, 777, 1777].map(|mode| tmpfs(json!(mode)));
    insta::assert_snapshot!(messages(doubtful), @"
    warning: HostConfig.Mounts[0].TmpfsOptions.Mode: 750 is decimal, the mode 1356 in octal: write 0750 if that is meant
    warning: HostConfig.Mounts[0].TmpfsOptions.Mode: 755 is decimal, the mode 1363 in octal: write 0755 if that is meant
    warning: HostConfig.Mounts[0].TmpfsOptions.Mode: 644 is decimal, the mode 1204 in octal: write 0644 if that is meant
    warning: HostConfig.Mounts[0].TmpfsOptions.Mode: 600 is decimal, the mode 1130 in octal: write 0600 if that is meant
    warning: HostConfig.Mounts[0].TmpfsOptions.Mode: 777 is decimal, the mode 1411 in octal: write 0777 if that is meant
    warning: HostConfig.Mounts[0].TmpfsOptions.Mode: 1777 is decimal, the mode 3361 in octal: write 01777 if that is meant
    ");
}

#[test]
fn standard_input_that_nothing_is_attached_to_is_warned_of() {
    insta::assert_snapshot!(messages([
        config("OpenStdin", json!(true)),
        json!({"Config": {"Image": "x", "OpenStdin": true, "StdinOnce": true, "AttachStdin": true}}),
        config("AttachStdin", json!(true)),
    ]), @"
    warning: Config.OpenStdin: nothing is attached to standard input, so a program that reads it waits forever: leave `OpenStdin` out
    warning: Config.OpenStdin: nothing is attached to standard input, so a program that reads it waits forever: leave `OpenStdin` out
    warning: Config.AttachStdin: nothing is attached to standard input, so the option has no effect: leave `AttachStdin` out
    ");
    silent(
        json!({"Config": {"Image": "x", "OpenStdin": false, "AttachStdin": false, "Tty": true}}),
    );
}

#[test]
fn paths_are_absolute() {
    insta::assert_snapshot!(messages([
        config("WorkingDir", json!("app")),
        host(&json!({"Binds": [
            "./data:/data", "../a/b:/data:ro", "~/data:/data", "${PWD}/data:/data", "data/x:/data",
            "/srv:data", "/srv:/", ":/data", "relative", "/a:/b:ro:x", "/data:rw",
        ]})),
        host(&json!({"Mounts": [
            {"Type": "bind", "Source": "./data", "Target": "/data"},
            {"Type": "volume", "Source": "data", "Target": "data"},
        ]})),
    ]), @"
    error: Config.WorkingDir: `app` is not an absolute path: write it from the root, such as `/app`
    error: HostConfig.Binds[0]: `./data` is not an absolute path, and the engine knows no current directory: write the path from the root of its host, such as `/srv/data:/data`
    error: HostConfig.Binds[1]: `../a/b` is not an absolute path, and the engine knows no current directory: write the path from the root of its host, such as `/srv/a/b:/data:ro`
    error: HostConfig.Binds[2]: `~/data` is not an absolute path, and the engine knows no current directory: write the path from the root of its host, such as `/srv/data:/data`
    error: HostConfig.Binds[3]: `${PWD}/data` is not an absolute path, and the engine knows no current directory: write the path from the root of its host, such as `/srv/data:/data`
    error: HostConfig.Binds[4]: `data/x` is not an absolute path, and the engine knows no current directory: write the path from the root of its host, such as `/srv/data/x:/data`
    error: HostConfig.Binds[5]: `data` is not an absolute path: write SOURCE:TARGET or SOURCE:TARGET:OPTIONS, such as `/srv/data:/data:ro`
    error: HostConfig.Binds[6]: the root of the container cannot be replaced: write another target
    error: HostConfig.Binds[7]: no source before `:`: write SOURCE:TARGET or SOURCE:TARGET:OPTIONS, such as `/srv/data:/data:ro`
    error: HostConfig.Binds[8]: `relative` is not an absolute path: write SOURCE:TARGET or SOURCE:TARGET:OPTIONS, such as `/srv/data:/data:ro`
    error: HostConfig.Binds[9]: more than two `:`: write SOURCE:TARGET or SOURCE:TARGET:OPTIONS, such as `/srv/data:/data:ro`
    error: HostConfig.Binds[10]: `rw` is not an absolute path: write SOURCE:TARGET or SOURCE:TARGET:OPTIONS, such as `/srv/data:/data:ro`
    error: HostConfig.Mounts[0].Source: `./data` is not an absolute path, and the engine knows no current directory: write the path from the root of its host, or `Type: volume` for a volume of that name
    error: HostConfig.Mounts[1].Target: `data` is not an absolute path: write it from the root, such as `/data`
    ");
    silent(config("WorkingDir", json!("")));
    silent(config("WorkingDir", json!("C:\\app")));
    silent(host(&json!({"Binds": [
        "/srv:/data", "/srv:/data:ro,z", "data:/data", "data.1:/data:nocopy", "/data",
        "C:\\data:C:\\data", "c:/data:d:/data",
    ]})));
    silent(host(&json!({"Binds": ["host/share:/data"], "VolumeDriver": "nfs"})));
    silent(host(&json!({"Mounts": [
        {"Type": "bind", "Source": "/srv", "Target": "/data"},
        {"Type": "volume", "Source": "data", "Target": "/data"},
        {"Type": "bind", "Source": "C:\\srv", "Target": "C:\\data"},
    ]})));
}

#[test]
fn secrets_and_configs_have_names_that_a_swarm_accepts_and_files_of_their_own() {
    let swarm = |swarm: Value| json!({"Config": {"Image": "busybox"}, "Swarm": swarm});
    let files = json!([
        {}, null, {"Name": ""}, {"Name": "a b"}, {"Name": "-a"}, {"Name": "x".repeat(65)},
        {"Name": "one", "Target": "file"}, {"Name": "two", "Target": "file"}, {"Name": "dir", "Target": "/d/"},
        {"Name": "odd", "Mode": 440}, {"Name": "octal", "Mode": "0440"}, {"Name": "wrong", "Mode": "rw"},
        {"Name": "key", "Key": 1},
    ]);
    insta::assert_snapshot!(messages([swarm(json!({"secrets": files})), swarm(json!({"Secret": []}))]), @"
    error: Swarm.Secrets[11].Mode: expected a file mode: write it in octal, such as 0750, or as the number 488
    error: Swarm.Secrets[12].Key: unknown key `Key`
    error: Swarm.Secrets[0].Name: the name of a secret is required
    error: Swarm.Secrets[1].Name: the name of a secret is required
    error: Swarm.Secrets[2].Name: `` is not a valid name of a secret: write up to 64 letters, digits, `-`, `_` and `.`, with a letter or a digit at both ends
    error: Swarm.Secrets[3].Name: `a b` is not a valid name of a secret: write up to 64 letters, digits, `-`, `_` and `.`, with a letter or a digit at both ends
    error: Swarm.Secrets[4].Name: `-a` is not a valid name of a secret: write up to 64 letters, digits, `-`, `_` and `.`, with a letter or a digit at both ends
    error: Swarm.Secrets[5].Name: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` is not a valid name of a secret: write up to 64 letters, digits, `-`, `_` and `.`, with a letter or a digit at both ends
    error: Swarm.Secrets[7].Target: `file` is the file of `one` already: write another one
    error: Swarm.Secrets[8].Target: `/d/` is a directory: write the path of a file
    warning: Swarm.Secrets[9].Mode: 440 is decimal, the mode 670 in octal: write 0440 if that is meant
    error: Swarm.Secret: unknown key `Secret`: did you mean `Secrets`?
    ");
    let same = json!({
        "Secrets": [{"Name": "x"}, {"Name": "y", "Target": "./sub/../x"}, {"Name": "z", "Target": "/etc/z"}],
        "Configs": [
            {"Name": "c", "Target": "/run//secrets/x"}, {"Name": "z", "Target": "etc/z"}, {"Name": "x"},
            {"Name": "m", "Mode": 4095}, {"Name": "n", "Mode": 4096}, {"Name": "o", "Mode": 4755},
        ],
    });
    let many: Vec<_> = (0..101).map(|number| json!({"Name": format!("n{number}")})).collect();
    insta::assert_snapshot!(messages([swarm(same), swarm(json!({"Configs": many}))]), @"
    error: Swarm.Secrets[1].Target: `./sub/../x` is the file of `x` already: write another one
    error: Swarm.Configs[0].Target: `/run//secrets/x` is the file of `y` already: write another one
    error: Swarm.Configs[1].Target: `etc/z` is the file of `z` already: write another one
    error: Swarm.Configs[4].Mode: 4096 is not a file mode: the largest is 07777 (octal) or 4095
    error: Swarm.Configs[5].Mode: 4755 is not a file mode: the largest is 07777 (octal) or 4095: write 04755 if the mode 4755 in octal is meant
    error: Swarm.Configs: 101 configs are too many: a container has at most 100
    ");
    for key in ["Secrets", "Configs"] {
        let file =
            json!({"Name": "a.b_c-1", "Target": "/etc/x", "UID": "7", "GID": "7", "Mode": 288});
        silent(swarm(json!({key: [file]})));
    }
}
