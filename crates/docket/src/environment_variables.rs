//! Environment variables: warnings about unknown `DOCKET_` names, and empty variables, which count as unset.

use clap::{Arg, Command, CommandFactory, builder::Resettable};
use docket_model::finding::nearest;

use crate::{cli::Cli, client};

// A misspelt variable would otherwise be ignored silently, and the server would use a default.
const PREFIX: &str = "DOCKET_";

/// Variables without an option: the client's token, the log filter, and the variables of containers.
const OTHERS: [&str; 6] = [
    client::TOKEN_VARIABLE,
    "DOCKET_LOG",
    "DOCKET_ALLOCATION",
    "DOCKET_INSTANT",
    "DOCKET_RUN",
    "DOCKET_ATTEMPT",
];

/// Prefixes that Docker links and Kubernetes set for a service named docket.
const SET_BY_OTHERS: [&str; 3] = ["DOCKET_PORT_", "DOCKET_SERVICE_", "DOCKET_ENV_"];

/// Wrong names that are too different from the right one for the spelling suggestion.
const CONFUSED: [(&str, &str); 3] = [
    // DOCKER_HOST is the model of this mistake.
    ("DOCKET_HOST", "DOCKET_SERVER"),
    ("DOCKET_URL", "DOCKET_SERVER"),
    ("DOCKET_PORT", "DOCKET_LISTEN"),
];

/// Ignores empty variables: a compose file with `${NOT_SET:-}` sets them.
pub(crate) fn without_empty(command: Command) -> Command {
    let without = |argument: Arg| {
        let is_empty = |name| std::env::var_os(name).is_some_and(|value| value.is_empty());
        if argument.get_env().is_some_and(is_empty) {
            // clap would parse the empty value, and reject it as a number or a path.
            argument.env(Resettable::Reset)
        } else {
            argument
        }
    };
    command.mut_args(without).mut_subcommands(without_empty)
}

/// A warning for each unknown variable that begins with `DOCKET_`.
pub(crate) fn unknown_variables() -> Vec<String> {
    let known = known_variables();
    let variables = std::env::vars_os()
        // A name that is not UTF-8 is none of docket's.
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    variables.filter_map(|(name, value)| unknown_variable(&name, &value, &known)).collect()
}

fn known_variables() -> Vec<String> {
    let command = Cli::command();
    let arguments = command.get_subcommands().flat_map(Command::get_arguments);
    let named = arguments.filter_map(Arg::get_env).map(|name| name.to_string_lossy());
    named.map(std::borrow::Cow::into_owned).chain(OTHERS.map(str::to_owned)).collect()
}

fn unknown_variable(name: &str, value: &str, known: &[String]) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?;
    let is_ours = known.iter().any(|known| known == name);
    // Docker links and Kubernetes set `DOCKET_PORT=tcp://…`; a user sets a number.
    let is_link = name == "DOCKET_PORT" && value.contains("://");
    if is_ours || is_link || SET_BY_OTHERS.iter().any(|prefix| name.starts_with(prefix)) {
        return None;
    }
    let confused = CONFUSED.iter().find(|(wrong, _)| *wrong == name);
    let likely = confused.map(|(_, right)| (*right).to_owned()).or_else(|| {
        let endings = known.iter().filter_map(|known| known.strip_prefix(PREFIX));
        nearest(rest, endings).map(|ending| format!("{PREFIX}{ending}"))
    });
    Some(match likely {
        Some(likely) => format!("unknown variable {name}: did you mean {likely}?"),
        None => format!("unknown variable {name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_variable_is_reported_with_the_nearest_name() {
        let known = known_variables();
        let cases = [
            ("DOCKET_LISTEN", None),
            ("DOCKET_TOKEN", None),
            ("DOCKET_INSTANT", None),
            ("DOCKET_PORT_3000_TCP", None),
            ("DOCKET_SERVICE_HOST", None),
            ("HOME", None),
            ("DOCKET_LISTEM", Some("unknown variable DOCKET_LISTEM: did you mean DOCKET_LISTEN?")),
            ("DOCKET_HOST", Some("unknown variable DOCKET_HOST: did you mean DOCKET_SERVER?")),
            ("DOCKET_PORT", Some("unknown variable DOCKET_PORT: did you mean DOCKET_LISTEN?")),
            ("DOCKET_XYZZY", Some("unknown variable DOCKET_XYZZY")),
        ];
        for (name, expected) in cases {
            assert_eq!(unknown_variable(name, "8080", &known).as_deref(), expected);
        }
        assert_eq!(unknown_variable("DOCKET_PORT", "tcp://172.17.0.2:3000", &known), None);
    }
}
