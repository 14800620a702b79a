//! Scalars: which plain ones are numbers, booleans and null (YAML 1.2, core schema).
//!
//! `yes`, `no`, `on` and `off` are strings, and so are `012` and `12:30`, which YAML 1.1 reads as
//! numbers in other bases.

use std::borrow::Cow;

use saphyr_parser::ScalarStyle;
use serde_json::{Number, Value};

/// A scalar as it is written.
#[derive(Debug)]
pub(super) struct Scalar<'t> {
    pub(super) text: Cow<'t, str>,
    /// True if it may be something else than a string.
    pub(super) plain: bool,
    /// The quotation mark around it.
    pub(super) quote: Option<char>,
}

impl<'t> Scalar<'t> {
    pub(super) fn new(text: Cow<'t, str>, style: ScalarStyle) -> Self {
        let quote = match style {
            ScalarStyle::SingleQuoted => Some('\''),
            ScalarStyle::DoubleQuoted => Some('"'),
            ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => None,
        };
        Self { text, plain: style == ScalarStyle::Plain, quote }
    }

    pub(super) fn is_null(&self) -> bool {
        self.plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }

    pub(super) fn to_value(&self) -> Value {
        if !self.plain {
            return Value::String(self.text.as_ref().to_owned());
        }
        match &*self.text {
            "true" | "True" | "TRUE" => Value::Bool(true),
            "false" | "False" | "FALSE" => Value::Bool(false),
            _ if self.is_null() => Value::Null,
            text => match number(text) {
                Some(number) => Value::Number(number),
                None => Value::String(text.to_owned()),
            },
        }
    }
}

fn number(text: &str) -> Option<Number> {
    // Most scalars are not numbers, which their first character shows.
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return None;
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(number) = in_other_base(text) {
        return Some(number.into());
    }
    let mut rest = digits.chars();
    let starts_with_zero = rest.next() == Some('0');
    // A leading zero means octal to YAML 1.1, so `010` is neither 8 nor 10 here but a string.
    if starts_with_zero && rest.next().is_some_and(|c| c.is_ascii_digit()) {
        return None;
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let whole = unsigned.parse::<u64>().map(Number::from);
        // Unsigned first: limits of the Engine API use the whole range of 64 bits.
        if let Ok(whole) = whole.or_else(|_| unsigned.parse::<i64>().map(Number::from)) {
            return Some(whole);
        }
    }
    // Rust accepts `inf`, which is a string here.
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '-' | '+');
    let float = digits.chars().all(numeric).then(|| unsigned.parse::<f64>());
    Number::from_f64(float?.ok()?)
}

fn in_other_base(text: &str) -> Option<u64> {
    let (digits, base) = match text.get(..2)? {
        "0x" => (text.get(2..)?, 16),
        "0o" => (text.get(2..)?, 8),
        _ => return None,
    };
    // `from_str_radix` accepts a sign after the prefix; YAML does not.
    let signed = digits.starts_with(['+', '-']);
    u64::from_str_radix(digits, base).ok().filter(|_| !signed)
}
