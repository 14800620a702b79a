//! `docket health`: the health check of a container.

use anyhow::Result;
use clap::{Args, ValueEnum};
use docket_model::{
    Zone,
    wire::{Health, Outbox},
};

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
    let outbox = health.outbox.as_ref().map(|outbox| outbox_in_words(outbox, zone));
    let (pause, data) = (pause.unwrap_or_default(), data.unwrap_or_default());
    let outbox = outbox.unwrap_or_default();
    print::line(format_args!("{} {state}{pause}{outbox}{data}", client.url("")))
}

/// How many notifications wait, since when, and how many were dropped.
fn outbox_in_words(outbox: &Outbox, zone: Zone) -> String {
    let counted = |count: u64, is: &str, are: &str| match count {
        1 => format!("1 notification {is}"),
        count => format!("{count} notifications {are}"),
    };
    let waiting = (outbox.waiting > 0).then(|| {
        let oldest = outbox.oldest.map(|oldest| time_and_state_words::wall_clock(oldest, zone));
        let since = oldest.map(|oldest| format!(" since {oldest}")).unwrap_or_default();
        format!("; {}{since}", counted(outbox.waiting as u64, "waits", "wait"))
    });
    let dropped = (outbox.dropped > 0)
        .then(|| format!("; {} dropped", counted(outbox.dropped, "was", "were")));
    waiting.unwrap_or_default() + &dropped.unwrap_or_default()
}
