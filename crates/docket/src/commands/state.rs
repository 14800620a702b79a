//! The states of runs as arguments.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use docket_model::run::StateWord;

/// Words of older versions: accepted, and not listed in the help.
const OLD: [(&str, &str); 3] =
    [("claimed", "starting"), ("between-attempts", "retrying"), ("will-not-die", "stuck")];

/// Parses a state by its word, or by that of an older version.
pub(super) fn parser() -> impl TypedValueParser<Value = StateWord> {
    let words = StateWord::WORDS.map(|word| {
        let olds = OLD.iter().filter(|(_, new)| *new == word).map(|(old, _)| *old);
        PossibleValue::new(word).aliases(olds)
    });
    PossibleValuesParser::new(words).try_map(|text| {
        StateWord::parse(&text.to_lowercase()).ok_or("this is not a state of a run")
    })
}
