//! Figures, what they are held against, and the table that shows them.
//!
//! This is the one module that prints to the standard output.

use std::fmt::{self, Write as _};

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Milliseconds,
    Seconds,
    PerSecond,
    Megabytes,
    Percent,
    Count,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Milliseconds => format!("{value:.2} ms"),
            Self::Seconds => format!("{value:.2} s"),
            Self::PerSecond if value < 100.0 => format!("{value:.1} /s"),
            Self::PerSecond => format!("{} /s", grouped(value)),
            Self::Megabytes => format!("{value:.1} MB"),
            // The figures of an idle server are far below one percent.
            Self::Percent if value < 10.0 => format!("{value:.3} %"),
            Self::Percent => format!("{value:.1} %"),
            Self::Count => grouped(value),
        }
    }
}

/// Whether a figure is as it should be.
#[derive(Debug, Clone, PartialEq)]
enum Outcome {
    Reached,
    Missed { by: String },
    ForScale,
    Skipped,
    Failed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reached => f.write_str("reached"),
            Self::Missed { by } => write!(f, "missed by {by}"),
            Self::ForScale => f.write_str("for scale"),
            Self::Skipped => f.write_str("skipped"),
            Self::Failed => f.write_str("failed"),
        }
    }
}

/// One line of the report, with additional remarks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    what: String,
    value: String,
    reach: String,
    outcome: Outcome,
    beside: Vec<String>,
}

impl Figure {
    /// A figure that should be no more than its reach.
    pub(crate) fn at_most(what: impl Into<String>, value: f64, reach: f64, unit: Unit) -> Self {
        let outcome = outcome(value <= reach, value - reach, reach, unit);
        Self::new(what.into(), unit.show(value), format!("≤ {}", unit.show(reach)), outcome)
    }

    /// A figure that should be no less than its reach.
    pub(crate) fn at_least(what: impl Into<String>, value: f64, reach: f64, unit: Unit) -> Self {
        let outcome = outcome(value >= reach, reach - value, reach, unit);
        Self::new(what.into(), unit.show(value), format!("≥ {}", unit.show(reach)), outcome)
    }

    /// A figure without a reach of its own.
    pub(crate) fn for_scale(what: impl Into<String>, value: f64, unit: Unit) -> Self {
        Self::new(what.into(), unit.show(value), "-".to_owned(), Outcome::ForScale)
    }

    /// A line for what could not be measured here.
    pub(crate) fn skipped(what: impl Into<String>, why: impl Into<String>) -> Self {
        let figure = Self::new(what.into(), "-".to_owned(), "-".to_owned(), Outcome::Skipped);
        figure.beside(why)
    }

    /// A line for a measurement that broke off.
    pub(crate) fn failed(what: impl Into<String>, why: impl Into<String>) -> Self {
        let figure = Self::new(what.into(), "-".to_owned(), "-".to_owned(), Outcome::Failed);
        figure.beside(why)
    }

    fn new(what: String, value: String, reach: String, outcome: Outcome) -> Self {
        Self { what, value, reach, outcome, beside: Vec::new() }
    }

    /// Adds something else that the figure is to be seen beside.
    #[must_use]
    pub(crate) fn beside(mut self, other: impl Into<String>) -> Self {
        self.beside.push(other.into());
        self
    }

    /// Adds another measurement that the figure is to be seen beside.
    #[must_use]
    pub(crate) fn beside_value(self, what: &str, value: f64, unit: Unit) -> Self {
        self.beside(format!("{what} {}", unit.show(value)))
    }

    pub(crate) fn is_failure(&self) -> bool {
        self.outcome == Outcome::Failed
    }
}

fn outcome(reached: bool, by: f64, reach: f64, unit: Unit) -> Outcome {
    if reached {
        return Outcome::Reached;
    }
    // Of a reach of 0 there is no percentage.
    let part = if reach > 0.0 { format!(" ({:.0} %)", 100.0 * by / reach) } else { String::new() };
    Outcome::Missed { by: format!("{}{part}", unit.show(by)) }
}

fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Prints all figures as a table, each with the command that measures it again.
#[expect(clippy::print_stdout, reason = "the report is what the program is for")]
pub(crate) fn print(figures: &[(Figure, String)]) {
    print!("{}", table(figures));
}

/// Prints lines of plain text.
#[expect(clippy::print_stdout, reason = "the list was asked for")]
pub(crate) fn print_lines(lines: impl Iterator<Item = String>) {
    for line in lines {
        println!("{line}");
    }
}

/// Prints the progress to standard error.
#[expect(clippy::print_stderr, reason = "a measurement takes minutes: it says where it is")]
pub(crate) fn say(message: &str) {
    eprintln!("{message}");
}

fn table(figures: &[(Figure, String)]) -> String {
    let mut rows = vec![["figure", "value", "reach", "outcome", "again"].map(str::to_owned)];
    rows.extend(figures.iter().map(|(figure, command)| {
        let Figure { what, value, reach, outcome, .. } = figure.clone();
        [what, value, reach, outcome.to_string(), command.clone()]
    }));
    // Characters and not bytes: `≤` has three bytes.
    let widest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1, 2, 3, 4].map(|column| widest(column).unwrap_or_default());
    let beside = figures.iter().map(|(figure, _)| figure.beside.join("; "));
    let mut table = String::new();
    for (row, beside) in rows.iter().zip(std::iter::once(String::new()).chain(beside)) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        // Writing to a string does not fail.
        let _ = writeln!(table, "{}", line.trim_end());
        if !beside.is_empty() {
            let _ = writeln!(table, "    {beside}");
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_what_was_reached_and_by_how_much_not() {
        let figures = [
            Figure::at_most("lateness p99", 12.5, 10.0, Unit::Milliseconds),
            Figure::at_least("POST /", 1_231_234.4, 30_000.0, Unit::PerSecond).beside_value(
                "bare",
                99.0,
                Unit::PerSecond,
            ),
            Figure::for_scale("memory", 9.96, Unit::Megabytes),
            Figure::at_most("early", 2.0, 0.0, Unit::Count),
            Figure::skipped("engine", "no engine answers"),
        ];

        let table = table(&figures.map(|figure| (figure, "again".to_owned())));

        let expected = "\
figure        value         reach        outcome                   again
lateness p99  12.50 ms      ≤ 10.00 ms   missed by 2.50 ms (25 %)  again
POST /        1,231,234 /s  ≥ 30,000 /s  reached                   again
    bare 99.0 /s
memory        10.0 MB       -            for scale                 again
early         2             ≤ 0          missed by 2               again
engine        -             -            skipped                   again
    no engine answers
";
        assert_eq!(table, expected);
    }
}
