//! Expected screens in files, without the parts that differ from run to run.

use std::{env, fs, path::PathBuf, sync::LazyLock};

use regex::Regex;

use crate::{pty::Terminal, repository};

/// Patterns of parts that differ from run to run, and their placeholders.
static MASKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let masks = [
        (r"https?://[\w.]+:\d+", "SERVER"),
        (r"Docker \S+", "Docker VERSION"),
        (r"\d{8}T\d{6}(\.\d+)?Z", "INSTANT"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d \w+", "MOMENT"),
        (r"\b\d+[dhms]( \d+[dhms])?\b", "LENGTH"),
        (r"by \S+@[^\s:]+", "by USER"),
        // The width of a column stays the same; what fills it does not.
        (r" {2,}", "  "),
        (r"─+", "─"),
        (r" +\n", "\n"),
    ];
    masks.map(|(mask, word)| (Regex::new(mask).unwrap(), word)).into()
});

/// Waits until a terminal shows the screen of this name.
///
/// With `UPDATE_SCREENS` in the environment, a different screen is written to the file.
pub fn await_shown(terminal: &Terminal, name: &str) {
    let file = file(name);
    let wanted = fs::read_to_string(&file).unwrap_or_default();
    let mut last = String::new();
    let is_shown = terminal.seen(|screen| {
        last = masked(screen);
        last == wanted
    });
    if is_shown {
        return;
    }
    assert!(env::var_os("UPDATE_SCREENS").is_some(), "not {}, but\n{last}", file.display());
    fs::write(file, last).unwrap();
}

fn file(name: &str) -> PathBuf {
    repository()
        .join("tests/tests/system/screens")
        .join(name.replace(' ', "-"))
        .with_extension("txt")
}

fn masked(screen: &str) -> String {
    MASKS.iter().fold(screen.to_owned(), |screen, (mask, word)| {
        mask.replace_all(&screen, *word).into_owned()
    })
}
