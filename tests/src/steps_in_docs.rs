//! The steps of a section of the documentation, so that tests can follow them as they are written.

use std::fs;

use crate::repository;

/// What a section tells its readers to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// To write `docket.yml`.
    File(String),
    /// To run a command.
    Command(String),
}

/// The steps of a section, in their order: blocks of YAML that are named `docket.yml`, and the commands after `$` in
/// blocks of `console`.
///
/// # Panics
/// If there is no such section.
pub fn steps(document: &str, heading: &str) -> Vec<Step> {
    let text = fs::read_to_string(repository().join(document)).unwrap();
    let (_, section) = text.split_once(&format!("\n{heading}\n")).expect("a section");
    // A comment in a block begins with one `#`, and the title is before all sections.
    let section = section.split("\n##").next().unwrap();
    let blocks = section.split("```").skip(1).step_by(2);
    let steps = blocks.flat_map(|block| match block.split_once('\n') {
        Some(("yaml", file)) if file.starts_with("# docket.yml\n") => {
            vec![Step::File(file.to_owned())]
        }
        Some(("console", lines)) => commands(lines).into_iter().map(Step::Command).collect(),
        _ => Vec::new(),
    });
    steps.collect()
}

/// The commands of a block; the lines of one end with a backslash, but for the last.
fn commands(lines: &str) -> Vec<String> {
    let joined = lines.replace("\\\n", " ");
    joined.lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect()
}
