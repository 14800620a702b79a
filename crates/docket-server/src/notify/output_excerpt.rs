//! The last lines of an output without secrets: values of `EnvFiles`, and of variables whose names look like those
//! of secrets.

use std::path::Path;

use docket_model::{
    one_line::on_one_line,
    run::{Attempt, Instant},
};
use serde_json::Value;

use crate::{
    outputs::{LineCount, last_lines_of_stored},
    runner::{StoreAccess, read_env_files},
};

/// What stands for a secret.
const MASK: &str = "•••";

/// Parts of the names of variables that hold secrets.
const SECRET_NAMES: [&str; 9] =
    ["SECRET", "TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE", "KEY", "CREDENTIAL", "AUTH", "PRIVATE"];

/// Shorter values are not replaced.
// `1` or `on` is in every output, and no secret.
const SHORTEST_SECRET: usize = 4;

/// How many bytes of lines a message has.
const MOST_BYTES: usize = 32 << 10;

/// Reads the last lines that the newest attempt at a run wrote; none if it wrote nothing, or its record is gone.
///
/// # Errors
/// Why the output cannot be shown, in words.
pub(super) async fn last_lines(
    store: &StoreAccess,
    env_dir: Option<&Path>,
    name: &str,
    instant: Instant,
    lines: usize,
) -> Result<Vec<String>, String> {
    let unreadable = |error: &dyn std::error::Error| error.to_string();
    let Some(run) = store.run(name, instant).await.map_err(|error| unreadable(&error))? else {
        return Ok(Vec::new());
    };
    let Some((attempt, sized)) = newest_output(&run.attempts) else { return Ok(Vec::new()) };
    let wanted = LineCount { lines, stream: None };
    let found = last_lines_of_stored(store, &run.id, attempt.key, sized, wanted).await;
    // Only the end is read of lines that are very long.
    let begin = found.map_err(|error| unreadable(&error))?.begin;
    let mut position = begin.max(sized.written().saturating_sub(MOST_BYTES as u64));
    let (mut bytes, mut is_cut) = (Vec::new(), position > begin);
    loop {
        let read = store.output(name, instant, attempt.key, position).await;
        let read = read.map_err(|error| unreadable(&error))?;
        let Some(part) = read.filter(|part| !part.is_empty()) else { break };
        position = part.end;
        if part.omitted > 0 {
            (bytes, is_cut) = (Vec::new(), true);
        }
        bytes.extend(part.bytes);
    }
    // A part of a line may have a part of a secret, which would not be found.
    if is_cut {
        let line = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
        bytes.drain(..line);
    }
    let Some(status) = store.status(name) else { return Ok(Vec::new()) };
    let specification = &status.allocation.specification;
    let files = read_env_files(env_dir, &specification.policies.env_files).await?;
    let config = specification.container.parts().config;
    let own = config.get("Env").and_then(Value::as_array).into_iter().flatten();
    let own = own.filter_map(Value::as_str);
    let manual = run.trigger.manual_request().map(|request| &*request.environment);
    let given = own.chain(manual.unwrap_or_default().iter().map(String::as_str));
    let secrets = secrets(&files, given);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(without(&secrets, &text).lines().map(on_one_line).collect())
}

fn newest_output(attempts: &[Attempt]) -> Option<(&Attempt, &docket_model::Output)> {
    attempts.iter().rev().find_map(|attempt| Some((attempt, attempt.output.as_deref()?)))
}

/// The values to be replaced, the longest first.
fn secrets<'e>(files: &'e [String], given: impl Iterator<Item = &'e str>) -> Vec<&'e str> {
    let is_secret = |name: &str| {
        let name = name.to_ascii_uppercase();
        SECRET_NAMES.iter().any(|part| name.contains(part))
    };
    let of_files = files.iter().filter_map(|line| line.split_once('='));
    let given = given.filter_map(|line| line.split_once('=')).filter(|(name, _)| is_secret(name));
    let values = of_files.chain(given).map(|(_, value)| value.trim());
    let mut values: Vec<_> = values.filter(|value| value.len() >= SHORTEST_SECRET).collect();
    // One value may be a part of another.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values
}

fn without(secrets: &[&str], text: &str) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, MASK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_files_and_of_variables_that_look_like_secrets_are_replaced() {
        let files = ["LEVEL=debug".to_owned(), "A=hunter2".to_owned(), "B=1".to_owned()];
        let given = ["db_password=hunter2hunter2", "API_KEY=k3y-of-api", "HOME=/root/", "TOKEN="];

        let secrets = secrets(&files, given.into_iter());

        let text = "hunter2hunter2 hunter2 debug 1 k3y-of-api /root/";
        assert_eq!(without(&secrets, text), "••• ••• ••• 1 ••• /root/");
    }
}
