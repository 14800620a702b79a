//! docket: a cron server for containers, and its client.
//!
//! Only this file turns what happened into an exit code: 0, 1 (failed), 2 (usage), the one that a
//! command which stands for a run asks for, or that of the server which process 1 started (`init`).

mod cli;
mod client;
mod clock;
mod commands;
mod count;
mod due;
mod environment;
mod init;
mod output;
mod secret_file;
mod size;
mod specifications;
mod table;
mod time_zone;
mod top;
mod who;
mod words;

use std::process::ExitCode;

use docket_server::zone_files;

/// What clap answers to misuse, too.
const MISUSE: u8 = 2;

fn main() -> ExitCode {
    zone_files::install();
    let cli = match cli::Cli::read() {
        Ok(cli) => cli,
        Err(usage) => return output::usage(&usage),
    };
    let ended = match cli.command {
        cli::Command::Server(_) if init::is_first_process() => init::serve(),
        _ => run(cli).map(|()| ExitCode::SUCCESS),
    };
    match ended {
        Ok(code) => code,
        // Whoever reads our output has seen enough of it.
        Err(error) if error.is::<output::Closed>() => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(commands::EndsWith(code)) = error.downcast_ref() {
                return ExitCode::from(*code);
            }
            if !error.is::<commands::AlreadyTold>() {
                output::error(&error);
            }
            let is_misuse = error.is::<commands::Misused>();
            if is_misuse { ExitCode::from(MISUSE) } else { ExitCode::FAILURE }
        }
    }
}

fn run(cli: cli::Cli) -> anyhow::Result<()> {
    // One provider for everything that speaks TLS; a second installation could only be our own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(cli.command.run());
    // What was asked for is done; nothing that is still blocked may hold the program up.
    runtime.shutdown_background();
    result
}
