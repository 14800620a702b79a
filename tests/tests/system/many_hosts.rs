//! The commands of docs/many-hosts.md, as they are written there.

use std::{env, fs, process::Command};

use docket_tests::{
    Engine, Ran, Registry, Server, docket_cli, eventually, program,
    ssh_engine::SshHosts,
    steps_in_docs::{Step, steps},
};
use serde_json::Value;
use tempfile::TempDir;

/// What each command printed that has ended, by its text.
type Printed = Vec<(String, String)>;

/// Follows sections with one server on a machine that reaches these hosts by SSH; the server must have this many
/// engines.
fn follow(headings: &[&str], hosts: &SshHosts, engines: usize) -> Printed {
    let folder = TempDir::new().unwrap();
    let docket = program();
    let path = format!("{}:{}", docket.parent().unwrap().display(), hosts.search_path());
    let mut server = None;
    let mut printed = Vec::new();
    for step in headings.iter().flat_map(|heading| steps("docs/many-hosts.md", heading)) {
        match step {
            Step::File(text) => fs::write(folder.path().join("docket.yml"), text).unwrap(),
            Step::Command(line) => {
                if let Some(line) = line.strip_suffix(" &") {
                    server = Some(start(line, &folder, &path, engines));
                    continue;
                }
                let server: &Server = server.as_ref().expect("the server comes first");
                let mut command = shell(&line, &folder, &path);
                let Ran { code, out, err } =
                    docket_cli::run(command.env("DOCKET_SERVER", server.url()));
                assert_eq!(code, 0, "{line}: {out}{err}");
                printed.push((line, out));
            }
        }
    }
    printed
}

fn shell(line: &str, folder: &TempDir, path: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec {line}")]).current_dir(folder);
    // Without the variables of the tests themselves.
    let home = env::var_os("HOME").map(|home| ("HOME", home));
    command.env_clear().env("PATH", path).envs(home);
    command
}

/// Starts the server that a line starts, and waits until all its engines answer.
fn start(line: &str, folder: &TempDir, path: &str, engines: usize) -> Server {
    let server = Server::with_defaults("", |server| {
        let mut command = shell(line, folder, path);
        let variables = server.get_envs().filter_map(|(name, value)| Some((name, value?)));
        command.envs(variables.filter(|(name, _)| *name != "PATH"));
        // The only differences: a free port, and no settings of the developer.
        command.env("DOCKET_LISTEN", "127.0.0.1:0").env_remove("DOCKER_HOST");
        command.stdin(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
        *server = command;
    });
    server.await_engines(&vec!["up"; engines]);
    server
}

fn output_of<'a>(printed: &'a Printed, command: &str) -> &'a str {
    let found = printed.iter().find(|(line, _)| line == command);
    &found.unwrap_or_else(|| panic!("`{command}` is not among {printed:?}")).1
}

/// The engines of the newest run that a command printed, one for each attempt.
fn engines(printed: &Printed, command: &str) -> Vec<Value> {
    let runs: Value = serde_json::from_str(output_of(printed, command)).unwrap();
    let attempts = runs[0]["Attempts"].as_array().unwrap().iter();
    attempts.map(|attempt| attempt["EngineName"].clone()).collect()
}

#[test]
fn several_docker_hosts_are_used_as_the_document_says() {
    let (web1, web2) = (Engine::shared(), Engine::start(Registry::shared()));
    let hosts = SshHosts::open(&[("web1", web1.address()), ("web2", web2.address())]);

    let headings = ["## Several Docker hosts", "### One run on several hosts"];
    let printed = follow(&headings, &hosts, 2);

    assert_eq!(output_of(&printed, "docket run rotate-logs --wait"), "the logs of web1\n");
    assert_eq!(output_of(&printed, "docket run report --wait"), "all sums\n");
    assert_eq!(engines(&printed, "docket runs report"), ["web2"]);
    let of_all = "part 1, web1 | part 1 of 2\npart 2, web2 | part 2 of 2\n";
    assert_eq!(output_of(&printed, "docket logs hello-all"), of_all);
}

#[test]
fn a_swarm_is_used_as_the_document_says() {
    let managers = docket_tests::swarm::manager_addresses();
    let [first, second, third] = &managers[..] else {
        #[expect(clippy::print_stderr, reason = "cargo shows it with `--nocapture`")]
        {
            eprintln!("SKIPPED: `TEST_SWARM` does not name three managers of a Swarm");
        }
        return;
    };
    let hosts = SshHosts::open(&[("manager1", first), ("manager2", second), ("manager3", third)]);

    let printed = follow(&["## A Docker Swarm"], &hosts, 1);

    eventually("no use of the secret any more", || {
        let removed = Engine::at(first).try_docker(["secret", "rm", "db-password"]);
        removed.status.success().then_some(())
    });
    assert_eq!(output_of(&printed, "docket run report --wait"), "all sums\n");
    assert_eq!(engines(&printed, "docket runs report"), ["swarm"]);
    assert_eq!(output_of(&printed, "docket run read-secret --wait"), "swordfish");
}
