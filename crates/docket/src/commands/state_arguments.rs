//! The states of runs as arguments.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use docket_model::run::StateWord;

/// Parses a state by its word, or by that of an older version.
pub(super) fn parser() -> impl TypedValueParser<Value = StateWord> {
    let words = StateWord::WORDS.map(|word| {
        let old_words = StateWord::OLD_WORDS.iter().filter(|(_, new)| *new == word);
        // Scripts for older servers keep working. Aliases are not shown in the help.
        PossibleValue::new(word).aliases(old_words.map(|(old, _)| *old))
    });
    PossibleValuesParser::new(words).try_map(|text| {
        StateWord::parse(&text.to_lowercase()).ok_or("this is not a state of a run")
    })
}
