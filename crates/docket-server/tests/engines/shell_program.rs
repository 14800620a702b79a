//! The programs of the contract as shell scripts, for engines that run real containers.

use docket_model::output::Stream;
use serde_json::{Value, json};

use crate::contract::{LONG_LINE, NUMBERED_LINES, Program, UNENDED_LINE, WORDS};

/// The image that these engines have.
pub(crate) const IMAGE: &str = "busybox:latest";
/// Runs until a signal ends it.
const ENDLESS: &str = "while :; do sleep 0.05; done";

/// A container with this program.
pub(crate) fn shell_container(program: Program) -> Value {
    let script = match program {
        Program::Ends(code) => format!("exit {code}"),
        Program::Prints(lines, code) => {
            let print = |(stream, line): &(Stream, &str)| match stream {
                Stream::Out => format!("echo {line}; sleep 0.2; "),
                Stream::Error => format!("echo {line} >&2; sleep 0.2; "),
            };
            format!("{}exit {code}", lines.iter().map(print).collect::<String>())
        }
        Program::PrintsLong => format!(
            "seq 1 {NUMBERED_LINES} | sed 's/$/ {WORDS}/'; head -c {LONG_LINE} /dev/zero | tr '\\0' x; echo; printf {UNENDED_LINE}"
        ),
        Program::EndsWhenAsked => {
            format!("trap 'echo asked; exit 7' TERM; echo up; {ENDLESS}")
        }
        Program::IgnoresRequestToEnd => format!("trap '' TERM; echo up; {ENDLESS}"),
        Program::HasNoFile => {
            return json!({"Config": {"Image": IMAGE, "Cmd": ["/no/such"]}});
        }
        Program::HasNoImage => {
            return json!({"Config": {"Image": "example/missing:7", "Cmd": ["true"]}});
        }
    };
    json!({"Config": {"Image": IMAGE, "Cmd": ["sh", "-c", script]}})
}
