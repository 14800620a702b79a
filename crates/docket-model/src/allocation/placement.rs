//! Where the runs of an allocation go: to an engine by its name, or to one whose labels fit.

use std::{fmt, str::FromStr};

use regex_lite::{Regex, RegexBuilder};
use thiserror::Error;

use super::{HostCount, Toleration};
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

/// Which engines may run an allocation, and which of their nodes. Without an engine and constraints it is the
/// first engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement {
    /// Only the engine of this name.
    pub engine: Option<EngineName>,
    /// Only engines, or nodes, whose labels fulfil all of these; at most [`MOST_CONSTRAINTS`].
    pub constraints: Vec<Constraint>,
    /// True where each node has the paths and volumes that the container mounts.
    pub is_shared: bool,
    /// On how many of them.
    pub on: HostCount,
    /// The taints of nodes that its pods tolerate; at most [`MOST_TOLERATIONS`](super::MOST_TOLERATIONS).
    pub tolerations: Vec<Toleration>,
    /// The secrets with which its nodes pull; at most [`MOST_PULL_SECRETS`](super::MOST_PULL_SECRETS).
    pub pull_secrets: Vec<Box<str>>,
    /// The service account of its pods.
    pub service_account: Option<Box<str>>,
}

impl Placement {
    /// True if it says nothing about engines, so that the run goes to the default one.
    #[must_use]
    pub fn names_no_engine(&self) -> bool {
        let is_one = self.on == HostCount::One;
        self.engine.is_none() && self.constraints.is_empty() && is_one
    }

    /// The keys that are given and that only Kubernetes supports.
    pub fn keys_of_pods(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("Tolerations", !self.tolerations.is_empty()),
            ("PullSecrets", !self.pull_secrets.is_empty()),
            ("ServiceAccount", self.service_account.is_some()),
        ];
        given.into_iter().filter_map(|(key, is_given)| is_given.then_some(key))
    }

    /// True if all constraints hold for the engine of this name; `label` looks up its labels.
    pub fn allows<'l>(&self, name: &'l str, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        let value = |key: &str| if key == ENGINE_NAME { Some(name) } else { label(key) };
        self.constraints.iter().all(|constraint| constraint.holds(value(&constraint.key)))
    }

    /// True if the container may mount a path or a volume that belongs to one node: the nodes share it (`Shared`), a
    /// constraint requires one node, or each node runs a container (`On: All`).
    #[must_use]
    pub fn may_be_node_bound(&self, names_node: impl Fn(&str) -> bool) -> bool {
        let is_for_one_node = |constraint: &Constraint| {
            matches!(constraint.condition, Condition::Is(_)) && names_node(&constraint.key)
        };
        let is_on_all = self.on == HostCount::All;
        self.is_shared || is_on_all || self.constraints.iter().any(is_for_one_node)
    }

    /// Splits it into what labels of an engine decide, and what is left to the engine's nodes.
    #[must_use]
    pub fn split(&self, has_label: impl Fn(&str) -> bool) -> (Self, Self) {
        let is_of_engine = |key: &str| key == ENGINE_NAME || has_label(key);
        let (of_engine, of_nodes) =
            self.constraints.iter().cloned().partition(|constraint| is_of_engine(&constraint.key));
        let with = |constraints| Self { constraints, ..self.clone() };
        (with(of_engine), with(of_nodes))
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

/// How a constraint compares the value of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`: it is this value.
    Is,
    /// `!=`: it is another value, or there is none.
    IsNot,
    /// `=~`: the whole value matches a pattern.
    Matches,
    /// `!~`: it does not match, or there is none.
    MatchesNot,
}

impl Comparison {
    const ALL: [Self; 4] = [Self::Is, Self::IsNot, Self::Matches, Self::MatchesNot];

    /// True where the constraint has a pattern.
    #[must_use]
    pub fn is_by_pattern(self) -> bool {
        matches!(self, Self::Matches | Self::MatchesNot)
    }

    /// Its sign in constraints.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Is => "==",
            Self::IsNot => "!=",
            Self::Matches => "=~",
            Self::MatchesNot => "!~",
        }
    }
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
    /// The key of the label.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How it compares.
    #[must_use]
    pub fn comparison(&self) -> Comparison {
        match &self.condition {
            Condition::Is(_) => Comparison::Is,
            Condition::IsNot(_) => Comparison::IsNot,
            Condition::Matches(..) => Comparison::Matches,
            Condition::MatchesNot(..) => Comparison::MatchesNot,
        }
    }

    /// The value or pattern as it is written.
    #[must_use]
    pub fn value(&self) -> &str {
        match &self.condition {
            Condition::Is(value) | Condition::IsNot(value) => value,
            Condition::Matches(text, _) | Condition::MatchesNot(text, _) => text,
        }
    }

    /// True if it holds for a label of this value; none where there is no such label.
    #[must_use]
    pub fn holds(&self, value: Option<&str>) -> bool {
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
        let is_alike = self.key == other.key && self.comparison() == other.comparison();
        is_alike && self.value() == other.value()
    }
}

impl Eq for Constraint {}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.key, self.comparison().sign(), self.value())
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
        let (sign, value) = rest.split_at_checked(2).ok_or_else(syntax)?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() || key.contains(|c: char| c.is_whitespace() || c == '~') {
            return Err(syntax());
        }
        let is_written = |comparison: &Comparison| comparison.sign() == sign;
        let condition = match Comparison::ALL.into_iter().find(is_written).ok_or_else(syntax)? {
            Comparison::Is => Condition::Is(value.into()),
            Comparison::IsNot => Condition::IsNot(value.into()),
            Comparison::Matches => Condition::Matches(value.into(), pattern(text, value)?),
            Comparison::MatchesNot => Condition::MatchesNot(value.into(), pattern(text, value)?),
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
        Placement { constraints, ..Placement::default() }
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
    fn what_no_label_of_the_engine_decides_is_left_to_its_nodes() {
        let whole = placement(&["zone==a", "engine.name==s", "disk!=ssd"]);

        let (of_engine, of_nodes) = whole.split(|key| key == "zone");

        assert_eq!(of_engine, placement(&["zone==a", "engine.name==s"]));
        assert_eq!(of_nodes, placement(&["disk!=ssd"]));
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
