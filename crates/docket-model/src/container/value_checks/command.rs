//! Commands: a whole command line in one word, and a script of a shell in several words.

use serde_json::{Map, Value};

use crate::container::findings::Findings;
use crate::{
    container::yaml_in_messages,
    finding::{Place, shortened},
};

/// Characters that are special to a shell and not to a program.
// Quotes are missing on purpose: splitting into words removes them.
const OF_A_SHELL: [char; 11] = ['|', '&', ';', '<', '>', '$', '`', '*', '?', '\n', '~'];

pub(super) fn check(config: &Map<String, Value>, at: Place<'_>, found: &mut Findings<'_>) {
    let [entrypoint, cmd] = ["Entrypoint", "Cmd"].map(|key| words(config, key));
    // `[""]` removes the entrypoint of the image.
    let has_entrypoint = entrypoint.iter().any(|word| !word.is_empty());
    let (key, own) = if has_entrypoint { ("Entrypoint", &entrypoint) } else { ("Cmd", &cmd) };
    let place = Place::Key(&at, key);
    let Some(program) = own.first() else {
        return;
    };
    // A program's name with a space is possible, so this is a warning.
    if program.trim().contains(char::is_whitespace) {
        found.doubtful(place, in_one_word(key, program, own));
        return;
    }
    // `Entrypoint: [sh, -c]` with the script in `Cmd` is one command line in two keys.
    let shell = if has_entrypoint && entrypoint.len() == 2 { &entrypoint[..] } else { &[] };
    let script = if shell.is_empty() { &own[..] } else { &cmd[..] };
    let key = if shell.is_empty() { key } else { "Cmd" };
    if let Some(message) = script_in_words(key, shell, script) {
        found.doubtful(Place::Key(&at, key), message);
    }
}

fn words<'v>(config: &'v Map<String, Value>, key: &str) -> Vec<&'v str> {
    let list = config.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn in_one_word(key: &str, program: &str, words: &[&str]) -> String {
    // Only a shell can expand `$HOME` or run `a && b`, so such a command goes to `sh -c` as a
    // whole.
    let split = shlex::split(program).filter(|_| !program.contains(OF_A_SHELL));
    let list = match &split {
        Some(split) => {
            let rest = words.iter().skip(1).copied();
            yaml_in_messages::list(split.iter().map(String::as_str).chain(rest))
        }
        None => yaml_in_messages::list(["sh", "-c", program]),
    };
    format!(
        "`{}` is one word, and so the name of a program: write each word by itself, `{key}: {list}`",
        shortened(program)
    )
}

/// `sh -c` expects its script as one word; further words are arguments of the script. The shell may be
/// the entrypoint, and the script the command.
fn script_in_words(key: &str, entrypoint: &[&str], words: &[&str]) -> Option<String> {
    let (before, script) = match entrypoint {
        [_, _] => (entrypoint, words),
        _ => words.split_at_checked(2)?,
    };
    let [shell, flag] = before else {
        return None;
    };
    let is_shell = matches!(shell.rsplit('/').next()?, "sh" | "bash" | "ash" | "dash" | "zsh");
    let takes_script =
        flag.starts_with('-') && !flag.starts_with("--") && flag.ends_with('c') && is_shell;
    let first = script.first()?;
    // A first word with spaces is a whole script, and its arguments may follow it on purpose.
    let is_one_word = !first.contains(char::is_whitespace) && !first.contains(OF_A_SHELL);
    if !takes_script || !is_one_word || script.len() < 2 {
        return None;
    }
    let joined = script.join(" ");
    let before = if entrypoint.is_empty() { before } else { &[] };
    let list = yaml_in_messages::list(before.iter().copied().chain([joined.as_str()]));
    Some(format!(
        "`{flag}` takes the script as one word, and this runs `{}` alone: write `{key}: {list}`",
        shortened(first)
    ))
}
