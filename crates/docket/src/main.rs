//! docket: a cron server for containers, and its client.
//!
//! Only this file chooses the exit code: 0, 1 (failed), 2 (usage), the exit code of a run
//! (`docket run --wait`), or that of the server that process 1 started (`init`).

mod author_of_change;
mod cli;
mod client;
mod clock;
mod commands;
mod container_init;
mod count_argument;
mod default_time_zone;
mod environment_variables;
mod print;
mod read_specifications;
mod schedule_in_words;
mod secret_file;
mod signals;
mod size_text;
mod table;
mod time_and_state_words;
mod top;

use std::process::ExitCode;

use docket_server::time_zone_files;

/// The exit code for wrong usage; clap's own errors use it too.
const USAGE_ERROR: u8 = 2;

fn main() -> ExitCode {
    // Before the arguments are parsed: some of them are time zones.
    time_zone_files::install();
    let cli = match cli::Cli::read() {
        Ok(cli) => cli,
        Err(usage) => return print::usage(&usage),
    };
    let ended = match cli.command {
        // Decided before a runtime exists: the parent process has its own, of one thread.
        cli::Command::Server(_) if container_init::is_first_process() => container_init::serve(),
        _ => run(cli).map(|()| ExitCode::SUCCESS),
    };
    match ended {
        Ok(code) => code,
        // The reader closed standard output, as `head` does.
        Err(error) if error.is::<print::Closed>() => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(commands::ExitWith(code)) = error.downcast_ref() {
                return ExitCode::from(*code);
            }
            if !error.is::<commands::AlreadyReported>() {
                print::error(&error);
            }
            let is_usage = error.is::<commands::UsageError>();
            if is_usage { ExitCode::from(USAGE_ERROR) } else { ExitCode::FAILURE }
        }
    }
}

fn run(cli: cli::Cli) -> anyhow::Result<()> {
    // One provider for all TLS connections. It can only fail if docket has already installed one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(cli.command.run());
    // The command is done: a blocked thread must not delay the exit.
    runtime.shutdown_background();
    result
}
