//! What runs in a stub's containers, and which image has it.

use std::{collections::HashMap, sync::Arc, time::Duration};

/// What the containers of an image do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// How long it runs by itself; [`Duration::MAX`] never ends.
    pub lifetime: Duration,
    /// What it then exits with.
    pub exit_code: i64,
    /// What it writes to its standard output, all of it when it starts.
    pub output: Vec<u8>,
    /// How many bytes it writes, by writing `output` over and over; `None` writes it once.
    ///
    /// The stub makes such a log while it sends it, so a large one costs it no memory.
    pub output_size: Option<u64>,
    /// What it writes to its standard error, after that.
    pub errors: Vec<u8>,
    /// What it does when it is asked to stop.
    pub when_stopped: WhenStopped,
}

/// What a program does when it is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenStopped {
    /// It ends at once of the signal: 143 of `TERM`, 137 of `KILL`.
    Ends,
    /// It ignores every signal but `KILL`: a stop takes its whole grace, and 137 comes of it.
    Ignores,
    /// Not even `KILL` ends it: a stop is answered with 500 after its grace, a kill at once.
    Undying,
}

impl Default for Program {
    /// Writes a line and succeeds at once.
    fn default() -> Self {
        Self {
            lifetime: Duration::ZERO,
            exit_code: 0,
            output: b"done\n".to_vec(),
            output_size: None,
            errors: Vec::new(),
            when_stopped: WhenStopped::Ends,
        }
    }
}

impl Program {
    /// Writes a line, and succeeds after this duration.
    #[must_use]
    pub fn lasting(lifetime: Duration) -> Self {
        Self { lifetime, ..Self::default() }
    }

    /// Writes this many bytes, and succeeds after this duration.
    #[must_use]
    pub fn writing(output_size: u64, lifetime: Duration) -> Self {
        // A length that is no power of two, so that no piece of a log passes for another.
        let output = (1..=999).flat_map(|number| format!("line {number}\n").into_bytes());
        Self {
            lifetime,
            output: output.collect(),
            output_size: Some(output_size),
            ..Self::default()
        }
    }

    /// Writes a line, and exits at once with `exit_code`.
    #[must_use]
    pub fn failing(exit_code: i64) -> Self {
        Self { exit_code, ..Self::default() }
    }
}

/// The programs of a stub, by image.
#[derive(Debug)]
pub(crate) struct Programs {
    default: Arc<Program>,
    by_image: HashMap<String, Arc<Program>>,
}

impl Programs {
    pub(crate) fn new(default: Program, by_image: HashMap<String, Program>) -> Self {
        let known = |(image, program): (String, _)| (plain(&image).to_owned(), Arc::new(program));
        Self { default: default.into(), by_image: by_image.into_iter().map(known).collect() }
    }

    pub(crate) fn of(&self, image: &str) -> Arc<Program> {
        // Most stubs have one program, and then no name has to be compared.
        let known = if self.by_image.is_empty() { None } else { self.by_image.get(plain(image)) };
        Arc::clone(known.unwrap_or(&self.default))
    }
}

/// An image's name without what the engine would add to it.
fn plain(image: &str) -> &str {
    let image = image.strip_prefix("docker.io/").unwrap_or(image);
    let image = image.strip_prefix("library/").unwrap_or(image);
    image.strip_suffix(":latest").unwrap_or(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_by_its_short_and_its_whole_name() {
        let table = HashMap::from([("slow".to_owned(), Program::failing(3))]);
        let programs = Programs::new(Program::default(), table);

        for image in ["slow", "slow:latest", "docker.io/library/slow:latest"] {
            assert_eq!(programs.of(image).exit_code, 3, "{image}");
        }
        for image in ["slow:1", "slower", "example.org/slow"] {
            assert_eq!(programs.of(image).exit_code, 0, "{image}");
        }
    }
}
