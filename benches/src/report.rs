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
            Self::Percent => format!("{value:.3} %"),
            Self::Count => grouped(value),
        }
    }
}

/// Whether a figure is as it should be.
#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    Reached,
    Missed { by: String },
    ForScale,
    Skipped { why: String },
    Failed { why: String },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reached => f.write_str("reached"),
            Self::Missed { by } => write!(f, "missed by {by}"),
            Self::ForScale => f.write_str("for scale"),
            Self::Skipped { why } => write!(f, "skipped: {why}"),
            Self::Failed { why } => write!(f, "failed: {why}"),
        }
    }
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    what: String,
    value: String,
    against: String,
    verdict: Verdict,
}

impl Figure {
    /// A figure that should be no more than its reach.
    pub(crate) fn at_most(what: impl Into<String>, value: f64, reach: f64, unit: Unit) -> Self {
        let verdict = verdict(value <= reach, value - reach, reach, unit);
        Self {
            what: what.into(),
            value: unit.show(value),
            against: format!("≤ {}", unit.show(reach)),
            verdict,
        }
    }

    /// A figure that should be no less than its reach.
    pub(crate) fn at_least(what: impl Into<String>, value: f64, reach: f64, unit: Unit) -> Self {
        let verdict = verdict(value >= reach, reach - value, reach, unit);
        Self {
            what: what.into(),
            value: unit.show(value),
            against: format!("≥ {}", unit.show(reach)),
            verdict,
        }
    }

    /// A figure without a reach of its own.
    pub(crate) fn for_scale(what: impl Into<String>, value: f64, unit: Unit) -> Self {
        Self {
            what: what.into(),
            value: unit.show(value),
            against: String::new(),
            verdict: Verdict::ForScale,
        }
    }

    /// A line for what could not be measured here.
    pub(crate) fn skipped(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::without_value(what.into(), Verdict::Skipped { why: why.into() })
    }

    /// A line for a measurement that broke off.
    pub(crate) fn failed(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::without_value(what.into(), Verdict::Failed { why: why.into() })
    }

    fn without_value(what: String, verdict: Verdict) -> Self {
        let (value, against) = ("-".to_owned(), String::new());
        Self { what, value, against, verdict }
    }

    /// Adds something else that the figure is to be seen beside.
    #[must_use]
    pub(crate) fn beside(mut self, other: impl AsRef<str>) -> Self {
        if !self.against.is_empty() {
            self.against.push_str("; ");
        }
        self.against.push_str(other.as_ref());
        self
    }

    /// Adds another measurement that the figure is to be seen beside.
    #[must_use]
    pub(crate) fn beside_value(self, what: &str, value: f64, unit: Unit) -> Self {
        self.beside(format!("{what} {}", unit.show(value)))
    }

    pub(crate) fn is_failure(&self) -> bool {
        matches!(self.verdict, Verdict::Failed { .. })
    }
}

fn verdict(reached: bool, by: f64, reach: f64, unit: Unit) -> Verdict {
    if reached {
        return Verdict::Reached;
    }
    let part = if reach > 0.0 { format!(" ({:.0} %)", 100.0 * by / reach) } else { String::new() };
    Verdict::Missed { by: format!("{}{part}", unit.show(by)) }
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

/// Says on the standard error what is being done.
#[expect(clippy::print_stderr, reason = "a measurement takes minutes: it says where it is")]
pub(crate) fn say(message: &str) {
    eprintln!("{message}");
}

fn table(figures: &[(Figure, String)]) -> String {
    let heads = ["figure", "value", "held against", "verdict", "measure it again"];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(figures.iter().map(|(figure, command)| {
        let Figure { what, value, against, verdict } = figure.clone();
        [what, value, against, verdict.to_string(), command.clone()]
    }));
    let widths: Vec<usize> = (0..heads.len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut table = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        // Writing to a string does not fail.
        let _ = writeln!(table, "{}", line.trim_end());
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
            Figure::at_least("POST /", 31_234.4, 30_000.0, Unit::PerSecond).beside("bare 99 /s"),
            Figure::for_scale("memory", 9.96, Unit::Megabytes),
            Figure::at_most("early", 2.0, 0.0, Unit::Count),
            Figure::skipped("engine", "no engine answers"),
        ];

        let table = table(&figures.map(|figure| (figure, "again".to_owned())));

        let expected = "\
figure        value      held against            verdict                    measure it again
lateness p99  12.50 ms   ≤ 10.00 ms              missed by 2.50 ms (25 %)   again
POST /        31,234 /s  ≥ 30,000 /s; bare 99 /s  reached                    again
memory        10.0 MB                            for scale                  again
early         2          ≤ 0                     missed by 2                again
engine        -                                  skipped: no engine answers  again
";
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed(&table), squeezed(expected));
        assert_eq!(grouped(1_234_567.0), "1,234,567");
    }
}
