//! Options that are repeated on the command line, and have all their values in one variable.

use std::ffi::OsStr;

use clap::{Arg, Command, Error, builder::TypedValueParser, parser::ValueSource};

/// Parses an argument as one value, and a variable as several, which commas separate.
// clap's own delimiter also splits arguments, and values such as labels may contain commas.
#[derive(Debug, Clone)]
pub(super) struct SeveralInVariable<P>(pub(super) P);

impl<P: TypedValueParser> TypedValueParser for SeveralInVariable<P> {
    type Value = Vec<P::Value>;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, Error> {
        Ok(vec![self.0.parse_ref(command, argument, value)?])
    }

    fn parse_ref_(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
        source: ValueSource,
    ) -> Result<Self::Value, Error> {
        match value.to_str().filter(|_| source == ValueSource::EnvVariable) {
            Some(list) => {
                let values = list.split(',').map(OsStr::new);
                values.map(|value| self.0.parse_ref(command, argument, value)).collect()
            }
            None => self.parse_ref(command, argument, value),
        }
    }
}
