//! Entries of the environment.

use serde_json::{Map, Value};

use crate::container::findings::Findings;
use crate::finding::{Place, shortened};

pub(super) fn check(config: &Map<String, Value>, at: Place<'_>, found: &mut Findings<'_>) {
    let entries = config.get("Env").and_then(Value::as_array);
    let at = Place::Key(&at, "Env");
    for (index, entry) in entries.into_iter().flatten().enumerate() {
        let Some(entry) = entry.as_str() else { continue };
        let at = Place::Index(&at, index);
        // A value may contain `=`, so only the first one separates.
        let (name, value) = match entry.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (entry, None),
        };
        if name.is_empty() {
            found.wrong(at, "no name before `=`: write NAME=VALUE");
        } else if entry.contains('\0') {
            found.wrong(at, "a variable cannot contain a NUL character");
        } else if let Some(doubt) = doubt(name, value) {
            found.doubtful(at, doubt);
        }
    }
}

fn doubt(name: &str, value: Option<&str>) -> Option<String> {
    let shown = shortened(name);
    let bare = name.trim();
    // Lines are copied from shell scripts.
    let bare = bare.strip_prefix("export ").unwrap_or(bare).trim_start();
    let Some(value) = value else {
        let split = bare.split_once(':').or_else(|| bare.split_once(char::is_whitespace));
        return Some(match split {
            Some((name, value)) => {
                let pair = format!("{}={}", name.trim_end(), value.trim_start());
                format!("`{shown}` has no `=`: write `{}`", shortened(&pair))
            }
            None => format!(
                "`{shown}` has no `=`, which removes a variable of the image: write `{shown}=VALUE` to \
                 set it (the server's own variables are not passed on)"
            ),
        });
    };
    name.contains(char::is_whitespace).then(|| {
        let pair = shortened(&format!("{}={}", bare.trim_end(), value.trim_start()));
        format!("the name `{shown}` has white space: write `{pair}`")
    })
}
