//! The states of runs as arguments.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use docket_model::run::RunState;

/// Parses a state by its displayed word or by its word in the API.
pub(super) fn parser() -> impl TypedValueParser<Value = &'static str> {
    let words = RunState::WORDS.map(|word| {
        let shown = RunState::shown(word);
        // A word with a space would need quotes.
        if shown.contains(' ') {
            PossibleValue::new(word)
        } else {
            PossibleValue::new(shown).alias(word)
        }
    });
    PossibleValuesParser::new(words).try_map(|text| {
        RunState::word_of(&text.to_lowercase()).ok_or("this is not a state of a run")
    })
}
