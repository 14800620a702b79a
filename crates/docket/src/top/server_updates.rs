//! Keeps the model up to date with the server: loads everything once, then the changes.
//!
//! 1. It subscribes to events before it loads everything, so no change is lost in between.
//! 2. A run is taken from its event; its allocation is requested again at a limited rate, so that many runs
//!    cost a slow connection little.

use std::{collections::BTreeSet, mem, sync::Arc, time::Duration};

use anyhow::Result;
use docket_model::{
    AllocationName, RunId,
    journal::{self, Entry},
    wire::{GAP, Health, RunEvent, RunRecord, Status},
};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    time::{self, MissedTickBehavior},
};

use super::{engine_line::EngineLine, model_inputs_and_effects::Message, shown_runs::MOST_RUNS};
use crate::{
    client::{AllocationFilter, Client, EventFilter, Events, Happened, RunSelection, ServerEvent},
    time_and_state_words,
};

/// How often changed allocations are requested.
// At most 50 allocations twice a second: a server with thousands of runs a minute sends more than a
// slow connection could load.
const REFRESH: Duration = Duration::from_millis(500);
/// How many of them are requested each time.
const MOST_REFRESHED: usize = 50;
/// The maximum number of concurrent requests.
const REQUESTS: usize = 8;
/// The number of events to buffer.
// While everything is loaded, events wait here, then in the connection. The server cuts off a
// reader that is too slow, and the gap leads to another load.
const EVENT_BUFFER: usize = 256;
/// How often the state of the server and its engines is requested.
const HEALTH_INTERVAL: Duration = Duration::from_secs(10);
/// How many failed runs are loaded at the start.
const FAILURES: usize = 50;
/// How many of the newest runs are searched for those under way.
const SEARCHED_RUNS: usize = 100;

/// The changes that the model does not have yet.
#[derive(Default)]
struct Changes {
    allocations: BTreeSet<AllocationName>,
    /// The last name of the previous tick.
    last_requested: Option<AllocationName>,
    is_all: bool,
    is_pause_changed: bool,
}

/// Sends the state of the server and its changes until the receiver is dropped.
///
/// # Errors
/// The server rejects a request, or could never be reached.
pub(super) async fn run(client: Arc<Client>, messages: Sender<Message>) -> Result<()> {
    let mut events = Events::new(&client, EventFilter::default());
    // The first two requests may fail: a wrong address must end the command and not be retried.
    events.open_now().await?;
    load(&client, &messages).await?;
    // In a separate task, so that the timers below do not interrupt a reconnection.
    let (buffer, received) = mpsc::channel(EVENT_BUFFER);
    tokio::select! {
        ended = listen(events, buffer) => ended,
        () = process(&client, &messages, received) => Ok(()),
    }
}

async fn listen(mut events: Events<'_>, buffer: Sender<Happened>) -> Result<()> {
    loop {
        let happened = events.next().await?;
        if buffer.send(happened).await.is_err() {
            return Ok(());
        }
    }
}

async fn process(client: &Client, messages: &Sender<Message>, mut events: Receiver<Happened>) {
    let mut changes = Changes::default();
    let mut refresh = time::interval(REFRESH);
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut health = time::interval(HEALTH_INTERVAL);
    health.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            happened = events.recv() => match happened {
                Some(Happened::Event(event)) => changes.add(&event, messages).await,
                Some(Happened::Lost(error)) => send(messages, lost(&error)).await,
                Some(Happened::Back) => send(messages, Message::Link(Ok(()))).await,
                None => return,
            },
            _ = refresh.tick() => changes.send_all(client, messages).await,
            _ = health.tick() => {
                // A host that is gone does not close the event stream, so requests have to detect it.
                if let Err(error) = send_health(client, messages).await {
                    send(messages, lost(&error)).await;
                }
            }
        }
        if mem::take(&mut changes.is_pause_changed) {
            health.reset_immediately();
        }
    }
}

/// Sends the state of the server and its engines.
async fn send_health(client: &Client, messages: &Sender<Message>) -> Result<()> {
    let (engines, health) = (EngineLine::load(client).await?, client.health::<Health>().await?);
    send(messages, Message::Link(Ok(()))).await;
    send(messages, Message::Engines(engines)).await;
    send(messages, Message::Pause(health.pause, time_and_state_words::zone(&health.time_zone)))
        .await;
    Ok(())
}

fn lost(error: &anyhow::Error) -> Message {
    Message::Link(Err(format!("{error:#}")))
}

impl Changes {
    async fn add(&mut self, event: &ServerEvent, messages: &Sender<Message>) {
        match event.kind.as_str() {
            "run" => {
                if let Ok(event) = serde_json::from_str::<RunEvent>(&event.data) {
                    self.allocations.insert(event.allocation);
                    send(messages, Message::Run(event.run.into())).await;
                }
            }
            "allocation" => {
                let entry = serde_json::from_str::<Entry>(&event.data);
                self.allocations.extend(entry.ok().and_then(|entry| entry.allocation));
            }
            "server" => {
                let entry = serde_json::from_str::<Entry>(&event.data).map(|entry| entry.event);
                if let Ok(journal::Event::ServerPaused(_) | journal::Event::ServerUnpaused) = entry
                {
                    // A pause changes the next instant of every allocation.
                    (self.is_all, self.is_pause_changed) = (true, true);
                }
            }
            GAP => self.is_all = true,
            _ => {}
        }
    }

    /// Sends the current state of what changed; what cannot be loaded now is requested again later.
    async fn send_all(&mut self, client: &Client, messages: &Sender<Message>) {
        if self.is_all {
            // What failed stays noted, and the next tick tries it again.
            if load(client, messages).await.is_ok() {
                *self = Self::default();
            }
            return;
        }
        let asked =
            stream::iter(self.next_names()).map(async |name| (client.find(&name).await, name));
        let mut answers = asked.buffer_unordered(REQUESTS);
        while let Some((answer, name)) = answers.next().await {
            // Removed only after a response, so that a change during an outage is not lost.
            if let Ok(found) = answer {
                self.allocations.remove(&name);
                send(messages, Message::Allocation(name, found)).await;
            }
        }
    }

    /// The names to request now: those after the names of the previous tick, then from the first.
    fn next_names(&mut self) -> Vec<AllocationName> {
        // Always from the first, names whose requests fail would keep back all names after them.
        let last = self.last_requested.take();
        let (before, after): (Vec<_>, Vec<_>) =
            self.allocations.iter().partition(|name| Some(*name) <= last.as_ref());
        let names = after.into_iter().chain(before).take(MOST_REFRESHED);
        let names: Vec<_> = names.cloned().collect();
        self.last_requested = names.last().cloned();
        names
    }
}

/// The part of an allocation that decides which of its runs to request.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    name: AllocationName,
    status: Status,
}

async fn load(client: &Client, messages: &Sender<Message>) -> Result<()> {
    let allocations = client.list(&AllocationFilter::default(), None).await?.items;
    let counts: Vec<_> =
        allocations.iter().filter_map(|value| Listed::deserialize(value).ok()).collect();
    let mut runs = under_way(client, &counts).await?;
    runs.extend(failed(client, &counts).await?);
    send(messages, Message::Link(Ok(()))).await;
    let newest = newest(client).await;
    send(messages, Message::Loaded { allocations, runs, newest }).await;
    Ok(())
}

async fn newest(client: &Client) -> Vec<RunRecord> {
    let listed = client.runs(None, &RunSelection::default(), MOST_RUNS).await;
    // Servers of older versions have no list of all runs; what runs from now on is shown.
    listed.map(|listing| listing.items).unwrap_or_default()
}

async fn under_way(client: &Client, counts: &[Listed]) -> Result<Vec<RunRecord>> {
    // One request only for each allocation that has something under way, not for all.
    let running = counts.iter().filter(|count| count.status.under_way() > 0);
    let asked = stream::iter(running)
        .map(|count| client.newest_runs::<RunRecord>(&count.name, SEARCHED_RUNS));
    let mut answers = asked.buffer_unordered(REQUESTS);
    let mut runs = Vec::new();
    while let Some(answer) = answers.next().await {
        runs.extend(answer?.items.into_iter().filter(|run| !run.is_over()));
    }
    Ok(runs)
}

async fn failed(client: &Client, counts: &[Listed]) -> Result<Vec<RunRecord>> {
    let mut last: Vec<_> = counts
        .iter()
        .filter_map(|count| Some((&count.name, count.status.last_run.as_ref()?)))
        .filter(|(_, last)| last.state.is_failure())
        .collect();
    // Sorted before the limit, so that the newest failures of all allocations are loaded.
    last.sort_by_key(|(_, last)| std::cmp::Reverse(last.run));
    let ids = last.into_iter().take(FAILURES);
    let ids = ids.map(|(name, last)| RunId { allocation: name.clone(), instant: last.run });
    let asked = stream::iter(ids).map(async |run| client.record(&run).await);
    // A run that was pruned meanwhile must not prevent showing the others.
    Ok(asked.buffer_unordered(REQUESTS).filter_map(async |run| run.ok()).collect().await)
}

async fn send(messages: &Sender<Message>, message: Message) {
    // Once the receiver is dropped, the whole task is cancelled.
    let _ = messages.send(message).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_keep_failing_do_not_keep_back_the_others() {
        let name = |number| AllocationName::try_from(format!("job-{number:03}")).unwrap();
        let allocations = (0..120).map(name).collect();
        let mut changes = Changes { allocations, ..Changes::default() };

        let requested = [(); 3].map(|()| changes.next_names());

        let expected = (0..120).chain(0..30).map(name).collect::<Vec<_>>();
        assert_eq!(requested.concat(), expected);
    }
}
