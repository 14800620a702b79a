//! `docket events`: what happens, as it happens.

use std::{collections::VecDeque, convert::Infallible};

use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, ValueEnum, builder::PossibleValuesParser};
use docket_model::{
    AllocationName,
    journal::Entry,
    run::Instant,
    wire::{EventKind, GAP, Gap, RunEvent, RunRecord, RunSummary},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::state;
use crate::{
    client::{Client, Connection, Events, Happened, ServerEvent, Wanted},
    output, words,
};

/// Follows what happens: to runs, to allocations, and to the server
///
/// It goes on until Ctrl-C, also where the server restarts meanwhile: nothing is told twice, and
/// what could not be had is told as a gap.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Only what happens to this allocation, and to the server; may be given again
    #[arg(long = "allocation", value_name = "NAME", value_parser = AllocationName::parse)]
    allocations: Vec<AllocationName>,

    /// Only what happens to allocations with this label, KEY or KEY=VALUE; may be given again
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,

    /// Only events of this kind; may be given again, or several with commas
    #[arg(
        long = "kind",
        value_name = "KIND",
        value_delimiter = ',',
        ignore_case = true,
        value_parser = PossibleValuesParser::new(EventKind::WORDS)
    )]
    kinds: Vec<String>,

    /// Only events of runs that are in this state since; may be given again, or several with commas
    #[arg(
        long = "state",
        value_name = "STATE",
        value_delimiter = ',',
        ignore_case = true,
        value_parser = state::parser()
    )]
    states: Vec<&'static str>,

    /// How to print them [default: text on a terminal, json elsewhere]
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Form>,

    #[command(flatten)]
    connection: Connection,
}

/// How an event is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A line in words
    Text,
    /// A JSON object in one line
    Json,
}

const EXAMPLES: &str = "\
Examples:
  docket events
  docket events --allocation report --kind run
  docket events --state failed,timed-out
  docket events --label team=finance -o json | jq -c '.Run.Reason'";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let default = if output::is_terminal() { Form::Text } else { Form::Json };
    let form = arguments.output.unwrap_or(default);
    let kinds = arguments.kinds.iter().map(|kind| kind.to_lowercase()).collect();
    let Arguments { allocations, labels, states, .. } = arguments;
    let mut events = Events::new(&client, Wanted { allocations, labels, kinds, states });
    let Err(error) = follow(&client, &mut events, form).await;
    Err(error)
}

async fn follow(client: &Client, events: &mut Events<'_>, form: Form) -> Result<Infallible> {
    let mut printed = Printed::default();
    loop {
        match events.next().await? {
            Happened::Event(event) => print(&event, form, &mut printed)?,
            Happened::Lost(error) => {
                output::warning(format_args!("{error:#}; going on when it is back"));
            }
            Happened::Back => output::note(format_args!("{} is back", client.url(""))),
        }
    }
}

fn print(event: &ServerEvent, form: Form, printed: &mut Printed) -> Result<()> {
    let data: Value = serde_json::from_str(&event.data)
        .context("the server sent an event that cannot be read: is it docket?")?;
    match form {
        Form::Json => output::line(as_json(event, data)),
        Form::Text if event.kind == GAP => {
            let reason = Gap::deserialize(&data).map_or_else(|_| data.to_string(), |it| it.reason);
            output::warning(format_args!("some events are missing: {reason}"));
            Ok(())
        }
        Form::Text => match in_words(&event.kind, &data, printed) {
            Some(line) => output::line(output::on_one_line(&line)),
            None => Ok(()),
        },
    }
}

/// What was printed last about each of the runs that changed most recently.
#[derive(Default)]
struct Printed(VecDeque<(String, Instant, String)>);

impl Printed {
    /// How many runs are remembered.
    const MOST: usize = 1000;

    /// Remembers a text about a run; false where it is the same as the one before.
    fn is_new(&mut self, allocation: &str, run: Instant, text: &str) -> bool {
        let is_same = |(name, id, _): &(String, Instant, String)| name == allocation && *id == run;
        let before = self.0.iter().rposition(is_same).and_then(|at| self.0.remove(at));
        self.0.push_back((allocation.to_owned(), run, text.to_owned()));
        if self.0.len() > Self::MOST {
            self.0.pop_front();
        }
        before.is_none_or(|(.., before)| before != text)
    }
}

/// An event and what is in its data, as one object.
fn as_json(event: &ServerEvent, data: Value) -> Value {
    let mut object = Map::new();
    object.insert("Id".to_owned(), event.id.clone().into());
    object.insert("Kind".to_owned(), event.kind.clone().into());
    match data {
        Value::Object(data) => object.extend(data),
        data => drop(object.insert("Data".to_owned(), data)),
    }
    Value::Object(object)
}

/// When, about which allocation, and what; what this version does not know is shown as it is. Nothing
/// where it would repeat the line before about the same run.
fn in_words(kind: &str, data: &Value, printed: &mut Printed) -> Option<String> {
    if let Ok(RunEvent { at, allocation, run }) = RunEvent::deserialize(data) {
        let at = at.unwrap_or(run.decided);
        let state = in_state(&run, at);
        let is_new = printed.is_new(allocation.as_str(), run.run, &state);
        return is_new.then(|| format!("{}  {allocation}  run {} {state}", stamp(at), run.run));
    }
    let Ok(Entry { at, allocation, event, by }) = Entry::deserialize(data) else {
        return Some(format!("{kind}  {data}"));
    };
    let about = allocation.map_or_else(|| "docket".to_owned(), |name| name.to_string());
    let by = by.map(|by| format!(" (by {by})")).unwrap_or_default();
    Some(format!("{}  {about}  {event}{by}", stamp(at)))
}

/// How far a run is, or how it ended and why.
fn in_state(run: &RunRecord, at: DateTime<Utc>) -> String {
    let attempt = run.attempts.last();
    let number = attempt.map_or(1, |attempt| attempt.attempt);
    let number = if number > 1 { format!(" (attempt {number})") } else { String::new() };
    let code = attempt.and_then(|attempt| attempt.exit_code).filter(|code| *code != 0);
    let why = match (&run.reason, code) {
        (Some(reason), _) => format!(": {reason}"),
        (None, Some(code)) => format!(": exit code {code}"),
        (None, None) => String::new(),
    };
    let is_created = run.state == "claimed" && attempt.is_some_and(|it| it.container.is_some());
    let step = if is_created { ", container created" } else { "" };
    format!("{}{step}{number}{why}", words::state(&RunSummary::from(run), at))
}

fn stamp(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}
