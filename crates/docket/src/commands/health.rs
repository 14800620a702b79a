//! `docket health`: the health check of a container.

use anyhow::Result;
use clap::{Args, ValueEnum};
use docket_model::wire::Health;

use crate::{
    client::{Client, Connection},
    print, time_and_state_words,
};

/// Checks that the server is healthy; exits with 0 or 1
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Print what the server reports, with its background tasks, in this format
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Report>,

    #[command(flatten)]
    connection: Connection,
}

/// How the report of the server is printed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Report {
    Json,
    Yaml,
}

const EXAMPLES: &str = "\
Examples:
  docket health
  docket health -o json
  docker run --health-cmd 'docket health' …";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    if let Some(report) = arguments.output {
        // The report is printed as it came, so that it contains keys which this version does not
        // know.
        let health = client.health().await?;
        return match report {
            Report::Json => print::json(&health),
            Report::Yaml => print::yaml(&health),
        };
    }
    let health: Health = client.health().await?;
    let problems: Vec<_> = health.problems().collect();
    let state = match problems.as_slice() {
        [] => "is healthy".to_owned(),
        problems => format!("has problems: {}", problems.join("; ")),
    };
    let zone = time_and_state_words::zone(&health.time_zone);
    let pause = health
        .pause
        .as_ref()
        .map(|pause| format!("; it {}", time_and_state_words::paused_since(pause, zone)));
    let data = health.time_zone_data.map(|data| format!("; time zone data: {data}"));
    let (pause, data) = (pause.unwrap_or_default(), data.unwrap_or_default());
    print::line(format_args!("{} {state}{pause}{data}", client.url("")))
}
