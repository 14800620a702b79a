//! `docket events`: follows events.

use std::{collections::VecDeque, convert::Infallible};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum, builder::PossibleValuesParser};
use docket_model::{
    AllocationName,
    journal::{self, Entry},
    run::{Instant, StateWord},
    wire::{EventKind, GAP, Gap, RunEvent, RunRecord, RunSummary},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::state_arguments;
use crate::{
    client::{Client, Connection, EventFilter, Events, Happened, ServerEvent},
    print, time_and_state_words,
};

/// Follows events of runs, allocations and the server
///
/// It continues until Ctrl-C, also across restarts of the server: no event is repeated, and events that
/// are no longer available are reported as a gap.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Only events of this allocation and of the server; can be repeated
    #[arg(long = "allocation", value_name = "NAME")]
    allocations: Vec<AllocationName>,

    /// Only events of allocations with this label (KEY or KEY=VALUE) and of the server; can be repeated
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,

    /// Only events of this kind; can be repeated or separated by commas
    #[arg(
        long = "kind",
        value_name = "KIND",
        value_delimiter = ',',
        ignore_case = true,
        value_parser = PossibleValuesParser::new(EventKind::WORDS)
    )]
    kinds: Vec<String>,

    /// Only events of runs that entered this state; can be repeated or separated by commas
    #[arg(
        long = "state",
        value_name = "STATE",
        value_delimiter = ',',
        ignore_case = true,
        value_parser = state_arguments::parser()
    )]
    states: Vec<StateWord>,

    /// Output format [default: text on a terminal, json elsewhere]
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Form>,

    #[command(flatten)]
    connection: Connection,
}

/// How an event is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One line of text for each event
    Text,
    /// One JSON object per line
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
    let default = if print::is_terminal() { Form::Text } else { Form::Json };
    let form = arguments.output.unwrap_or(default);
    let kinds = arguments.kinds.iter().map(|kind| kind.to_lowercase()).collect();
    let Arguments { allocations, labels, states, .. } = arguments;
    let mut events = Events::new(&client, EventFilter { allocations, labels, kinds, states });
    let Err(error) = follow(&client, &mut events, form).await;
    Err(error)
}

async fn follow(client: &Client, events: &mut Events<'_>, form: Form) -> Result<Infallible> {
    let mut printed = Printed::default();
    loop {
        match events.next().await? {
            Happened::Event(event) => print(&event, form, &mut printed)?,
            Happened::Lost(error) => {
                print::warning(format_args!("{error:#}; reconnecting"));
            }
            Happened::Back => print::note(format_args!("{} is back", client.url(""))),
        }
    }
}

fn print(event: &ServerEvent, form: Form, printed: &mut Printed) -> Result<()> {
    let data: Value = serde_json::from_str(&event.data)
        .context("cannot parse an event of the server: is it a docket server?")?;
    match form {
        Form::Json => print::line(as_json(event, data)),
        // On standard error: standard output has only lines of events.
        Form::Text if event.kind == GAP => {
            let reason = Gap::deserialize(&data).map_or_else(|_| data.to_string(), |it| it.reason);
            print::warning(format_args!("some events are missing: {reason}"));
            Ok(())
        }
        Form::Text => match in_words(&event.kind, &data, printed) {
            Some(line) => print::line(print::on_one_line(&line)),
            None => Ok(()),
        },
    }
}

/// The last line printed about each of the runs that changed most recently.
#[derive(Default)]
struct Printed(VecDeque<(String, Instant, String)>);

impl Printed {
    /// The number of runs to remember.
    // Each event searches the list from its end, where the runs are that change most.
    const MOST: usize = 1000;

    /// Remembers a text about a run; false if it is the same as the previous one.
    fn is_new(&mut self, allocation: &str, run: Instant, text: &str) -> bool {
        let is_same = |(name, id, _): &(String, Instant, String)| name == allocation && *id == run;
        // A container's id, start and limits each change the record, but not the words about it.
        let before = self.0.iter().rposition(is_same).and_then(|at| self.0.remove(at));
        self.0.push_back((allocation.to_owned(), run, text.to_owned()));
        if self.0.len() > Self::MOST {
            self.0.pop_front();
        }
        before.is_none_or(|(.., before)| before != text)
    }
}

/// An event with its data as one JSON object.
fn as_json(event: &ServerEvent, data: Value) -> Value {
    let mut object = Map::new();
    // First, so that the data of a later version, which may have such keys, takes precedence.
    object.insert("Id".to_owned(), event.id.clone().into());
    object.insert("Kind".to_owned(), event.kind.clone().into());
    match data {
        Value::Object(data) => object.extend(data),
        data => drop(object.insert("Data".to_owned(), data)),
    }
    Value::Object(object)
}

/// Time, allocation and event in words; an unknown event is shown as it is. `None` if the line would
/// repeat the previous one about the same run.
fn in_words(kind: &str, data: &Value, printed: &mut Printed) -> Option<String> {
    if let Ok(RunEvent { at, allocation, run }) = RunEvent::deserialize(data) {
        // Servers of earlier versions do not send the time of the event.
        let at = at.unwrap_or(run.decided);
        let state = in_state(&run, at);
        let is_new = printed.is_new(allocation.as_str(), run.run, &state);
        return is_new
            .then(|| format!("{}  {allocation}  run {} {state}", journal::shown(at), run.run));
    }
    // An event of a later version: its JSON is better than nothing.
    let Ok(Entry { at, allocation, event, by }) = Entry::deserialize(data) else {
        return Some(format!("{kind}  {data}"));
    };
    let about = allocation.map_or_else(|| "docket".to_owned(), |name| name.to_string());
    let by = by.map(|by| format!(" (by {by})")).unwrap_or_default();
    Some(format!("{}  {about}  {event}{by}", journal::shown(at)))
}

/// The state of a run with its attempt and reason.
fn in_state(run: &RunRecord, at: DateTime<Utc>) -> String {
    let attempt = run.attempts.last();
    // Of several parts each has attempts of its own.
    let number = attempt.filter(|_| run.parts.is_empty()).map_or(1, |attempt| attempt.attempt);
    let number = if number > 1 { format!(" (attempt {number})") } else { String::new() };
    let code = run.exit_code();
    let why = time_and_state_words::why(run.reason.as_deref(), code);
    let is_created =
        run.state == StateWord::Starting && attempt.is_some_and(|it| it.container.is_some());
    let step = if is_created { ", container created" } else { "" };
    format!("{}{step}{number}{why}", time_and_state_words::state(&RunSummary::from(run), at))
}
