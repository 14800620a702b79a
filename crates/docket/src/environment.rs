//! Variables of the environment: those that look like docket's and are not, and those that are empty.

use clap::{Arg, Command, CommandFactory, builder::Resettable};
use docket_model::finding::nearest;

use crate::{cli::Cli, client};

const PREFIX: &str = "DOCKET_";

/// Variables that no option names: the client's secret, the log filter, and what docket tells the
/// containers that it starts.
const OTHERS: [&str; 6] = [
    client::TOKEN_VARIABLE,
    "DOCKET_LOG",
    "DOCKET_ALLOCATION",
    "DOCKET_INSTANT",
    "DOCKET_RUN",
    "DOCKET_ATTEMPT",
];

/// What Docker's links and Kubernetes set by themselves for a service that is called docket.
const SET_BY_OTHERS: [&str; 3] = ["DOCKET_PORT_", "DOCKET_SERVICE_", "DOCKET_ENV_"];

/// Names that are far from the right one by their letters.
const CONFUSED: [(&str, &str); 3] = [
    ("DOCKET_HOST", "DOCKET_SERVER"),
    ("DOCKET_URL", "DOCKET_SERVER"),
    ("DOCKET_PORT", "DOCKET_LISTEN"),
];

/// The command without the variables that are empty, as a compose file sets what is `${NOT_SET:-}`.
pub(crate) fn without_empty(command: Command) -> Command {
    let without = |argument: Arg| {
        let is_empty = |name| std::env::var_os(name).is_some_and(|value| value.is_empty());
        if argument.get_env().is_some_and(is_empty) {
            argument.env(Resettable::Reset)
        } else {
            argument
        }
    };
    command.mut_args(without).mut_subcommands(without_empty)
}

/// What to say of each variable that begins with `DOCKET_` and means nothing.
pub(crate) fn unknown_variables() -> Vec<String> {
    let known = known_variables();
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    variables.filter_map(|(name, value)| complaint(&name, &value, &known)).collect()
}

fn known_variables() -> Vec<String> {
    let command = Cli::command();
    let arguments = command.get_subcommands().flat_map(Command::get_arguments);
    let named = arguments.filter_map(Arg::get_env).map(|name| name.to_string_lossy());
    named.map(std::borrow::Cow::into_owned).chain(OTHERS.map(str::to_owned)).collect()
}

fn complaint(name: &str, value: &str, known: &[String]) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?;
    let is_ours = known.iter().any(|known| known == name);
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
    fn a_variable_that_means_nothing_is_named_with_the_nearest() {
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
            assert_eq!(complaint(name, "8080", &known).as_deref(), expected);
        }
        assert_eq!(complaint("DOCKET_PORT", "tcp://172.17.0.2:3000", &known), None);
    }
}
