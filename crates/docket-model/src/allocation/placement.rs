//! Where the runs of an allocation go: to an engine by its name, or to one whose labels fit.

use std::{fmt, str::FromStr};

use regex_lite::{Regex, RegexBuilder};
use thiserror::Error;

use crate::{EngineName, finding::shortened};

/// The key in constraints that stands for the name of the engine.
const ENGINE_NAME: &str = "engine.name";

/// How many constraints a placement has at most.
// All of them are compared with each engine at each instant.
pub const MOST_CONSTRAINTS: usize = 100;

/// The longest constraint, in bytes: a label has at most some hundred.
const LONGEST: usize = 1000;

/// How large a compiled expression may be, in bytes. One of the longest texts, without large repetitions,
/// takes some tens of kilobytes.
const LARGEST_PATTERN: usize = 1 << 20;

/// Which engines may run an allocation. Without any key it is the first one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement {
    /// Only the engine of this name.
    pub engine: Option<EngineName>,
    /// Only engines whose labels fulfil all of these; at most [`MOST_CONSTRAINTS`].
    pub constraints: Vec<Constraint>,
}

impl Placement {
    /// True if it says nothing.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// True if all constraints hold for the engine of this name; `label` looks up its labels.
    pub fn allows<'l>(&self, name: &'l str, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        let value = |key: &str| if key == ENGINE_NAME { Some(name) } else { label(key) };
        self.constraints.iter().all(|constraint| constraint.holds(value(&constraint.key)))
    }
}

/// A condition for one label: `KEY==VALUE`, `KEY!=VALUE`, `KEY=~PATTERN` or `KEY!~PATTERN`.
///
/// A pattern is a regular expression for the whole value. Without the label only `!=` and `!~` hold.
#[derive(Debug, Clone)]
pub struct Constraint {
    key: Box<str>,
    condition: Condition,
}

#[derive(Debug, Clone)]
enum Condition {
    Is(Box<str>),
    IsNot(Box<str>),
    // The text is kept beside its pattern, which has more than that.
    Matches(Box<str>, Regex),
    MatchesNot(Box<str>, Regex),
}

/// A text that is not a valid constraint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidConstraint {
    /// It is none.
    #[error(
        "`{0}` is not a constraint: write KEY==VALUE, KEY!=VALUE, KEY=~PATTERN or KEY!~PATTERN, such \
         as zone==a"
    )]
    Syntax(String),
    /// Its pattern is not a regular expression.
    #[error("`{0}` has no valid regular expression: {1}")]
    Pattern(String, String),
    /// It is too long.
    #[error("`{0}` is longer than {LONGEST} bytes")]
    TooLong(String),
}

impl Constraint {
    /// The value or pattern as it is written, and the operator.
    fn parts(&self) -> (&'static str, &str) {
        match &self.condition {
            Condition::Is(value) => ("==", value),
            Condition::IsNot(value) => ("!=", value),
            Condition::Matches(text, _) => ("=~", text),
            Condition::MatchesNot(text, _) => ("!~", text),
        }
    }

    fn holds(&self, value: Option<&str>) -> bool {
        match &self.condition {
            Condition::Is(wanted) => value == Some(&**wanted),
            Condition::IsNot(unwanted) => value != Some(&**unwanted),
            Condition::Matches(_, pattern) => value.is_some_and(|value| pattern.is_match(value)),
            Condition::MatchesNot(_, pattern) => {
                !value.is_some_and(|value| pattern.is_match(value))
            }
        }
    }
}

impl PartialEq for Constraint {
    fn eq(&self, other: &Self) -> bool {
        // A pattern follows from its text.
        self.key == other.key && self.parts() == other.parts()
    }
}

impl Eq for Constraint {}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operator, value) = self.parts();
        write!(f, "{}{operator}{value}", self.key)
    }
}

impl FromStr for Constraint {
    type Err = InvalidConstraint;

    fn from_str(text: &str) -> Result<Self, InvalidConstraint> {
        if text.len() > LONGEST {
            return Err(InvalidConstraint::TooLong(shortened(text)));
        }
        let syntax = || InvalidConstraint::Syntax(shortened(text));
        let (key, rest) =
            text.find(['=', '!']).and_then(|at| text.split_at_checked(at)).ok_or_else(syntax)?;
        let (operator, value) = rest.split_at_checked(2).ok_or_else(syntax)?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() || key.contains(|c: char| c.is_whitespace() || c == '~') {
            return Err(syntax());
        }
        let condition = match operator {
            "==" => Condition::Is(value.into()),
            "!=" => Condition::IsNot(value.into()),
            "=~" => Condition::Matches(value.into(), pattern(text, value)?),
            "!~" => Condition::MatchesNot(value.into(), pattern(text, value)?),
            _ => return Err(syntax()),
        };
        Ok(Self { key: key.into(), condition })
    }
}

/// A regular expression for a whole value.
fn pattern(constraint: &str, text: &str) -> Result<Regex, InvalidConstraint> {
    // Compiled alone first: `a)(b` would be valid within the group.
    let compiled = Regex::new(text).and_then(|_| {
        RegexBuilder::new(&format!("^(?:{text})$")).size_limit(LARGEST_PATTERN).build()
    });
    compiled.map_err(|error| InvalidConstraint::Pattern(shortened(constraint), error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placement(constraints: &[&str]) -> Placement {
        let constraints = constraints.iter().map(|text| text.parse().unwrap()).collect();
        Placement { engine: None, constraints }
    }

    #[test]
    fn all_constraints_have_to_hold_for_labels_and_for_the_name() {
        let label = |key: &str| match key {
            "zone" => Some("a"),
            "rack" => Some("r12"),
            _ => None,
        };
        for (constraints, holds) in [
            (&[][..], true),
            (&["zone==a"], true),
            (&["zone == a "], true),
            (&["zone==b"], false),
            (&["zone!=b", "rack=~r[0-9]+"], true),
            (&["zone!=b", "rack=~r1"], false),
            (&["rack!~r1"], true),
            (&["rack!~r1|r12"], false),
            (&["rack=~r1|r12"], true),
            (&["disk==ssd"], false),
            (&["disk!=ssd", "disk!~s.*"], true),
            (&["engine.name==web1", "engine.name=~web.*"], true),
            (&["engine.name!=web1"], false),
        ] {
            assert_eq!(placement(constraints).allows("web1", label), holds, "{constraints:?}");
        }
    }

    #[test]
    fn a_constraint_is_written_as_it_is_read_and_a_wrong_one_is_refused() {
        for text in ["zone==a", "a.b/c!=x=y", "rack=~r[12]", "node.labels.x!~a b"] {
            assert_eq!(text.parse::<Constraint>().unwrap().to_string(), text);
        }
        let long = format!("a=={}", "x".repeat(LONGEST));
        for text in
            ["", "zone", "zone=a", "==a", "zo ne==a", "~==a", "zone=", "zone=~[", "a=~x)(y", &long]
        {
            assert!(text.parse::<Constraint>().is_err(), "{text}");
        }
    }
}
