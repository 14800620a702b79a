//! Which engine is chosen, held against Docker's own client.

use std::{collections::HashMap, fs};

use super::*;

/// The endpoint in words, or the error.
fn chosen(variables: &[(&str, &str)], config: Option<&Path>) -> String {
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    let lookup = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    match Endpoint::choose(&lookup, config) {
        Ok(endpoint) => match &endpoint.address {
            Address::Tls { certificates, .. } => {
                format!("{endpoint} with {}", certificates.display())
            }
            _ => endpoint.to_string(),
        },
        Err(error) => error.to_string(),
    }
}

#[test]
fn variables_choose_the_engine_as_they_do_for_dockers_client() {
    let tls = ("DOCKER_TLS_VERIFY", "1");
    let host = |host| [("DOCKER_HOST", host)];
    for (address, expected) in [
        ("127.0.0.1:9", "tcp://127.0.0.1:9"),
        ("h:2375", "tcp://h:2375"),
        ("h", "tcp://h:2375"),
        (":9", "tcp://localhost:9"),
        ("tcp://:9", "tcp://localhost:9"),
        ("tcp://", "tcp://localhost:2375"),
        ("tcp://127.0.0.1", "tcp://127.0.0.1:2375"),
        ("tcp://me@127.0.0.1:9", "tcp://127.0.0.1:9"),
        (" tcp://127.0.0.1:9 ", "tcp://127.0.0.1:9"),
        ("[::1]:9", "tcp://[::1]:9"),
        ("tcp://[::1]", "tcp://[::1]:2375"),
        ("::1", "tcp://[::1]:2375"),
        ("unix://", "unix:///var/run/docker.sock"),
        ("unix://x.sock", "unix://x.sock"),
        ("ssh://h", "ssh://h"),
        ("ssh://h/", "ssh://h"),
        ("ssh://me@h:22/run/x y.sock", "ssh://me@h:22/run/x y.sock"),
        ("ssh://[::1]:22//x.sock", "ssh://[::1]:22//x.sock"),
    ] {
        let expected = format!("{expected} (`DOCKER_HOST`)");
        assert_eq!(chosen(&host(address), None), expected, "{address}");
    }
    let cases: [(&[(&str, &str)], &str); 15] = [
        (&[], "unix:///var/run/docker.sock (the default)"),
        (&[tls], "https://localhost:2376 (the default) with /config"),
        (&[("DOCKER_TLS", "")], "unix:///var/run/docker.sock (the default)"),
        (
            &[("DOCKER_HOST", "unix:///x.sock"), ("DOCKER_TLS", "1")],
            "unix:///x.sock (`DOCKER_HOST`)",
        ),
        (&[("DOCKER_HOST", "")], "unix:///var/run/docker.sock (the default)"),
        (&[("DOCKER_HOST", "unix:///x y.sock")], "unix:///x y.sock (`DOCKER_HOST`)"),
        (&[("DOCKER_HOST", "tcp://h")], "tcp://h:2375 (`DOCKER_HOST`)"),
        (&[("DOCKER_HOST", "tcp://[::1]:1/")], "tcp://[::1]:1 (`DOCKER_HOST`)"),
        (&[("DOCKER_HOST", "http://h:80")], "tcp://h:80 (`DOCKER_HOST`)"),
        (&[("DOCKER_HOST", "tcp://h"), ("DOCKER_TLS_VERIFY", "")], "tcp://h:2375 (`DOCKER_HOST`)"),
        (&[("DOCKER_HOST", "tcp://h"), tls], "https://h:2375 (`DOCKER_HOST`) with /config"),
        (
            &[("DOCKER_HOST", "tcp://h:1"), tls, ("DOCKER_CERT_PATH", "/certs")],
            "https://h:1 (`DOCKER_HOST`) with /certs",
        ),
        (&[("DOCKER_HOST", "https://h:1")], "https://h:1 (`DOCKER_HOST`) with /config"),
        (&[("DOCKER_HOST", "ssh://me@h:22"), tls], "ssh://me@h:22 (`DOCKER_HOST`)"),
        (
            &[("DOCKER_HOST", "unix:///x.sock"), ("DOCKER_CONTEXT", "other")],
            "unix:///x.sock (`DOCKER_HOST`)",
        ),
    ];
    for (variables, expected) in cases {
        assert_eq!(chosen(variables, Some(Path::new("/config"))), expected);
    }
    for address in [
        "/var/run/docker.sock",
        "unix:/x.sock",
        "tcp://h/path",
        "tcp://h:99999",
        "h:port",
        "npipe:////./pipe/x",
        "ftp://h",
        "ssh://",
        "ssh://me:password@h",
        "ssh://h?x",
    ] {
        let refusal = format!(
            "`DOCKER_HOST` names the engine `{address}`: write unix:///PATH, [tcp://]HOST:PORT, \
             https://HOST:PORT or ssh://USER@HOST[:PORT][/SOCKET]"
        );
        assert_eq!(chosen(&host(address), None), refusal);
    }
    for variables in [&[("DOCKER_TLS", "1")][..], &[("DOCKER_TLS", "1"), ("DOCKER_HOST", "h:1")]] {
        let refusal = chosen(variables, None);
        assert!(refusal.contains("set `DOCKER_TLS_VERIFY=1`"), "{refusal}");
    }
}

#[test]
fn a_docker_context_chooses_the_engine_where_no_variable_does() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path();
    fs::write(config.join("config.json"), r#"{"currentContext":"far"}"#).unwrap();
    let far = context::write(config, "far", r#"{"Host":"ssh://me@far"}"#);
    context::write(config, "tls", r#"{"Host":"tcp://near:2376"}"#);
    context::write(config, "loose", r#"{"Host":"tcp://near","SkipTLSVerify":true}"#);
    let material = config.join("contexts/tls").join(context::folder_name("tls")).join("docker");
    fs::create_dir_all(&material).unwrap();
    fs::write(material.join("ca.pem"), "").unwrap();
    let of = |name| chosen(&[("DOCKER_CONTEXT", name)], Some(config));

    assert_eq!(chosen(&[], Some(config)), "ssh://me@far (the Docker context `far`)");
    assert_eq!(of("default"), "unix:///var/run/docker.sock (the default)");
    assert_eq!(
        of("tls"),
        format!("https://near:2376 (the Docker context `tls`) with {}", material.display())
    );
    assert!(of("loose").starts_with("the Docker context `loose` skips the check"));
    assert!(of("gone").starts_with("there is no Docker context `gone`, which `DOCKER_CONTEXT`"));

    fs::remove_file(&far).unwrap();
    assert!(chosen(&[], Some(config)).contains("config.json` asks for (no `"));
    fs::write(config.join("config.json"), "{").unwrap();
    assert!(chosen(&[], Some(config)).starts_with("cannot read `"));
    assert_eq!(
        chosen(&[("DOCKER_HOST", "unix:///x.sock")], Some(config)),
        "unix:///x.sock (`DOCKER_HOST`)"
    );
}

#[test]
fn the_default_platform_is_checked() {
    let platform = |value: &str| default_platform(&|_| Some(value.to_owned()));

    assert_eq!(platform("").unwrap(), None);
    assert_eq!(platform("linux/arm64").unwrap().as_deref(), Some("linux/arm64"));
    let refusal = platform("linux arm64").unwrap_err().to_string();
    assert!(refusal.starts_with("`DOCKER_DEFAULT_PLATFORM`: `linux arm64` is not"), "{refusal}");
}
