//! `docket logs`: prints or follows the output of a run.

use anyhow::{Result, bail};
use clap::{Args, value_parser};
use docket_model::{
    AllocationName, RunId,
    output::Stream,
    wire::{FrameKind, RunRecord},
};

use super::{
    follow_run::{self, Watcher},
    mark_lines_by_part::PartLines,
    run_argument::{self, Target},
};
use crate::{
    client::{Client, Connection, Follow, Lines},
    print,
};

/// How many of the newest runs are searched for one under way.
// One request, however long the history is: a run that is under way is seldom older.
const SEARCHED_RUNS: usize = 100;

/// The most lines that the server looks for.
const MOST_LINES: u32 = 10_000;

/// Prints a run's output (stdout and stderr, unaltered)
///
/// Standard output goes to standard output, and standard error to standard error, as with `docker logs`;
/// `2>&1` joins them. A container with a TTY has only standard output.
///
/// Times are those of the engine: Docker reports them with its log drivers json-file and local. Of lines that are
/// close together they are right to a tenth of a second.
///
/// Of a run with several parts (`Placement.On`) all are printed, and each line is marked by its part.
///
/// Without RUN it prints the newest run that is running or retrying, else the newest that is starting, else
/// the newest.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,

    /// Follow the output until the run ends, across retries and server restarts
    #[arg(long, short)]
    follow: bool,

    /// Print the output of this attempt, counted from 1 [default: the newest attempt, of each part]
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..), conflicts_with = "follow")]
    attempt: Option<u32>,

    /// Print the output of this part of the run alone, counted from 1, without marks [default: all parts]
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..))]
    part: Option<u32>,

    #[command(flatten)]
    lines: LineArguments,

    #[command(flatten)]
    connection: Connection,
}

/// Which lines to print, as `docker logs` and `kubectl logs` call it.
#[derive(Debug, Args)]
struct LineArguments {
    /// Print only the last lines, at most 10000 (of each part), or `all`
    #[arg(long, short = 'n', value_name = "LINES", value_parser = tail, default_value = "all")]
    tail: Tail,

    /// Print only lines written since then: a duration such as 10m, RFC 3339, or a time in the allocation's time
    /// zone. Lines whose time is not known are printed, and a note says so
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Begin each line with the time at which it was written, or with - if that is not known
    #[arg(long, short)]
    timestamps: bool,

    /// Print only what the run wrote to standard output
    #[arg(long, conflicts_with = "stderr")]
    stdout: bool,

    /// Print only what the run wrote to standard error
    #[arg(long)]
    stderr: bool,
}

/// How many of the last lines to print; all without a number.
#[derive(Debug, Clone, Copy)]
struct Tail(Option<u32>);

fn tail(text: &str) -> Result<Tail, &'static str> {
    if text == "all" {
        return Ok(Tail(None));
    }
    let lines = text.parse().ok().filter(|lines| *lines <= MOST_LINES);
    lines.map(|lines| Tail(Some(lines))).ok_or("write a number from 0 to 10000, or all")
}

impl From<LineArguments> for Lines {
    fn from(arguments: LineArguments) -> Self {
        let LineArguments { tail: Tail(tail), since, timestamps, stdout, stderr } = arguments;
        let stream = stdout.then_some(Stream::Out).or(stderr.then_some(Stream::Error));
        Self { tail, since, timestamps, stream }
    }
}

const EXAMPLES: &str = "\
Examples:
  docket logs report
  docket logs report --follow --tail 20
  docket logs report --since 10m --timestamps --stderr
  docket logs report 20261121T090000Z
  docket logs report 20261121T090000Z --attempt 1";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let named = arguments.target.run()?;
    let client = Client::new(&arguments.connection)?;
    // A name that the server has just listed exists, so its absence later is a loss and not a
    // mistake.
    let is_known = named.is_none();
    let (run, record) = match named {
        Some(run) if arguments.part.is_some() => (run, None),
        Some(run) => {
            let record = client.record(&run).await?;
            (run, Some(record))
        }
        None => {
            let record = newest(&client, arguments.target.allocation()).await?;
            (run_argument::id(arguments.target.allocation(), &record), Some(record))
        }
    };
    let record = record.filter(|record| arguments.part.is_none() && !record.parts.is_empty());
    let lines = Lines::from(arguments.lines);
    match (record, arguments.follow) {
        (Some(RunRecord { parts, .. }), true) => {
            let follow = Follow::new(&client, run, is_known).of_lines(lines);
            follow_run::parts_to_the_end(&follow, &parts, &mut Printer).await?;
        }
        (Some(record), false) => {
            let output = RequestedOutput { client: &client, run: &run, lines: &lines };
            output.print_parts(&record, arguments.attempt).await?;
        }
        (None, true) => {
            let follow = Follow::new(&client, run, is_known).of_part(arguments.part);
            let follow = follow.of_lines(lines);
            follow_run::to_the_end(follow, &mut Printer).await?;
        }
        (None, false) => {
            let output = RequestedOutput { client: &client, run: &run, lines: &lines };
            let print = |stream, bytes: &[u8]| Printer.bytes(stream, bytes);
            output.pass_on(arguments.part, arguments.attempt, print).await?;
        }
    }
    Ok(())
}

/// The output of a run up to now.
struct RequestedOutput<'a> {
    client: &'a Client,
    run: &'a RunId,
    lines: &'a Lines,
}

impl RequestedOutput<'_> {
    /// Prints the output of each part, one after another; with the number of an attempt, of those that have it.
    async fn print_parts(&self, record: &RunRecord, attempt: Option<u32>) -> Result<()> {
        let has_attempt = |part: u32| {
            let mut attempts = record.attempts.iter().filter(|of| of.part == Some(part));
            attempts.any(|of| attempt.is_none_or(|attempt| attempt == of.attempt))
        };
        if let Some(attempt) = attempt
            && !record.parts.iter().any(|part| has_attempt(part.part))
        {
            bail!("no part of {} has an attempt {attempt}", self.run);
        }
        for (part, mut lines) in record.parts.iter().zip(PartLines::of(&record.parts)) {
            if has_attempt(part.part) {
                let print =
                    |stream, bytes: &[u8]| Printer.bytes(stream, &lines.take(stream, bytes));
                self.pass_on(Some(part.part), attempt, print).await?;
            }
            for stream in [Stream::Out, Stream::Error] {
                Printer.bytes(stream, &lines.rest(stream))?;
            }
        }
        Ok(())
    }

    /// Passes what an attempt wrote to `print`.
    async fn pass_on(
        &self,
        part: Option<u32>,
        attempt: Option<u32>,
        mut print: impl FnMut(Stream, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut written = self.client.output(self.run, part, attempt, self.lines).await?;
        while let Some(frame) = written.piece().await? {
            match frame.kind {
                FrameKind::Output => print(Stream::Out, &frame.bytes)?,
                FrameKind::Error => print(Stream::Error, &frame.bytes)?,
                // Kinds of later versions must not end up in the output.
                FrameKind::Record | FrameKind::Unknown => {}
            }
        }
        Ok(())
    }
}

/// Prints each stream to the same stream of this process.
struct Printer;

impl Watcher for Printer {
    fn bytes(&mut self, stream: Stream, bytes: &[u8]) -> Result<()> {
        match stream {
            Stream::Out => print::bytes(bytes),
            Stream::Error => {
                print::error_bytes(bytes);
                Ok(())
            }
        }
    }

    async fn state(&mut self, _: &Client, _: &RunRecord) {}
}

/// The run to show if none is named: a running or retrying one comes before a starting one, and a queued run is
/// chosen only if there is no other.
async fn newest(client: &Client, name: &AllocationName) -> Result<RunRecord> {
    let runs: Vec<RunRecord> = client.newest_runs(name, SEARCHED_RUNS).await?.items;
    // `min_by_key` returns the first of equal ones, which is the newest.
    match runs.into_iter().min_by_key(RunRecord::output_rank) {
        None => bail!("{name} has no runs yet"),
        Some(RunRecord { run, state, reason: Some(reason), attempts, .. })
            // Without a container there is no output, and the reason says why; an empty output
            // would not.
            if attempts.iter().all(|attempt| attempt.container.is_none()) =>
        {
            let reason = print::on_one_line(&reason);
            bail!("the newest run {name}/{run} has no output: {state}: {reason}")
        }
        Some(record) => Ok(record),
    }
}
