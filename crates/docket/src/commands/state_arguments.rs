//! The states of runs and allocations as arguments.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use docket_model::run::StateWord;

/// The word for suspended allocations, in addition to the states of runs.
const SUSPENDED: &str = "suspended";

/// Parses a state of a run by its word, or by that of an older version.
pub(super) fn parser() -> impl TypedValueParser<Value = StateWord> {
    PossibleValuesParser::new(words()).try_map(|text| {
        StateWord::parse(&text.to_lowercase()).ok_or("this is not a state of a run")
    })
}

/// Parses a state of an allocation: that of a run, or `suspended`. Returns the word of the API.
pub(super) fn parser_of_allocations() -> impl TypedValueParser<Value = String> {
    let words = words().into_iter().chain([PossibleValue::new(SUSPENDED)]);
    PossibleValuesParser::new(words).map(|text| {
        let text = text.to_lowercase();
        StateWord::parse(&text).map_or(text, String::from)
    })
}

fn words() -> [PossibleValue; StateWord::WORDS.len()] {
    StateWord::WORDS.map(|word| {
        let old_words = StateWord::OLD_WORDS.iter().filter(|(_, new)| *new == word);
        // Scripts for older servers keep working. Aliases are not shown in the help.
        PossibleValue::new(word).aliases(old_words.map(|(old, _)| *old))
    })
}
