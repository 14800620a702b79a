//! The options that name the engines of a server.

use std::{path::PathBuf, str::FromStr};

use anyhow::Result;
use clap::Args;
use docket_server::config::engines::{
    EngineAddress, EngineConfig, EngineLabel, engines_of, read_engines_file,
};

use super::several_in_variable::SeveralInVariable;

/// The engines of the server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Engines")]
pub(super) struct EngineOptions {
    /// An engine and its name; repeat it for several, the first is the default [default: Docker's
    /// current one, named `default`]; commas separate several in the variable
    #[arg(
        long = "engine",
        value_name = "NAME=URL",
        env = "DOCKET_ENGINE",
        value_parser = SeveralInVariable(EngineAddress::from_str)
    )]
    engine: Vec<Vec<EngineAddress>>,

    /// A label of an engine, for `Placement`; repeat it for several; commas separate several in the
    /// variable
    #[arg(
        long = "engine-label",
        value_name = "NAME:KEY=VALUE",
        env = "DOCKET_ENGINE_LABEL",
        value_parser = SeveralInVariable(EngineLabel::from_str)
    )]
    engine_label: Vec<Vec<EngineLabel>>,

    /// File with a list of engines in YAML, each with `name`, `kind`, `urls`, `labels` and `tls` (a folder
    /// with ca.pem, cert.pem and key.pem)
    #[arg(long, value_name = "FILE", env = "DOCKET_ENGINES")]
    engines: Option<PathBuf>,
}

impl EngineOptions {
    /// The configured engines; none where Docker's environment selects the engine.
    pub(super) fn engines(self) -> Result<Vec<EngineConfig>> {
        let file = self.engines.as_deref().map(read_engines_file).transpose()?;
        Ok(engines_of(file.unwrap_or_default(), self.engine.concat(), self.engine_label.concat())?)
    }
}
