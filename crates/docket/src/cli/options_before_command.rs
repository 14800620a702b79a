//! Accepts `--host`, `--token-file` and `--cacert` before the command, as in `docket --host URL list`.
//!
//! An option after the command takes precedence over one before it, and that over a variable.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgMatches, Command, Error, error::ErrorKind, parser::ValueSource};

/// The options by their ids in the commands, with their names and values.
const OPTIONS: [(&str, &str, &str, &str); 3] = [
    (
        "host",
        "host",
        "URL",
        "Address of the server; the same option after the command takes precedence",
    ),
    ("token_file", "token-file", "FILE", "File with the token that the server requires"),
    ("cacert", "cacert", "FILE", "File with the CA certificates (PEM) to trust"),
];

/// The options, as `docket --help` shows them.
pub(super) fn arguments() -> impl Iterator<Item = Arg> {
    OPTIONS.into_iter().map(|(id, long, value, help)| {
        let argument = Arg::new(id).long(long).value_name(value).help(help);
        // Not checked here: the command parses the value again, and its error then names its own
        // option.
        argument.value_parser(clap::value_parser!(OsString)).help_heading("Server")
    })
}

/// Moves these options from before the command to after it; `None` if there are none.
///
/// # Errors
/// The command sends no requests to a server.
pub(super) fn move_after_command(
    command: &mut Command,
    matches: &ArgMatches,
    arguments: &[OsString],
) -> Result<Option<Vec<OsString>>, Error> {
    let Some((name, behind)) = matches.subcommand() else { return Ok(None) };
    let is_given =
        |matches: &ArgMatches, id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let before: Vec<_> = OPTIONS.into_iter().filter(|(id, ..)| is_given(matches, id)).collect();
    let Some((_, first, ..)) = before.first() else { return Ok(None) };
    // clap knows the id only in commands that flatten the connection options.
    if behind.try_contains_id("host").is_err() {
        let message = format!(
            "--{first} is only for commands that send requests to a server; `docket {name}` does not"
        );
        return Err(command.error(ErrorKind::ArgumentConflict, message));
    }
    let (start, rest) = arguments.split_at(position(arguments));
    let (program, rest) = (start.first(), rest.split_first());
    let Some((name, rest)) = rest else { return Ok(None) };
    // An option that was also given after the command must not be passed twice: clap rejects that.
    let moved = before.iter().filter(|(id, ..)| !is_given(behind, id));
    let moved = moved.flat_map(|(id, long, ..)| {
        let values = matches.get_raw(id).into_iter().flatten();
        values.flat_map(move |value| [OsString::from(format!("--{long}")), value.to_owned()])
    });
    let moved: Vec<_> = moved.collect();
    let all = program.into_iter().chain([name]).cloned().chain(moved).chain(rest.iter().cloned());
    Ok(Some(all.collect()))
}

/// The index of the command: after options that each have a value, joined with `=` or not.
fn position(arguments: &[OsString]) -> usize {
    // The first argument is the name of the program.
    let mut position = 1;
    // clap has accepted the arguments already, so each option before the command is one of
    // `OPTIONS`, and these always have a value.
    while let Some(argument) = arguments.get(position).map(OsString::as_os_str) {
        if !is_option(argument) {
            break;
        }
        position += if argument.as_encoded_bytes().contains(&b'=') { 1 } else { 2 };
    }
    position
}

fn is_option(argument: &OsStr) -> bool {
    argument.as_encoded_bytes().starts_with(b"--")
}
