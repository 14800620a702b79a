//! Keeps the model up to date with the server: everything once, then what changes.
//!
//! 1. Events are listened to before everything is loaded, so nothing falls in between.
//! 2. What an event says of a run is taken as it is; its allocation is asked for, at most so often,
//!    so that a storm of runs costs a slow line little.

use std::{collections::BTreeSet, mem, sync::Arc, time::Duration};

use anyhow::Result;
use docket_model::{
    AllocationName, RunId,
    journal::{self, Entry},
    run::Instant,
    wire::{GAP, RunEvent, RunRecord},
};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    time::{self, MissedTickBehavior},
};

use super::model::{Message, is_failure};
use crate::{
    client::{Client, Events, Happened, ServerEvent, Wanted},
    words,
};

/// How often allocations that changed are asked for.
const REFRESH: Duration = Duration::from_millis(500);
/// How many of them at once.
const MOST_REFRESHED: usize = 50;
/// How many requests are under way at once.
const REQUESTS: usize = 8;
/// How many events wait while something else is done.
const HEARD: usize = 256;
/// How often the engine is asked after.
const LOOK_AFTER: Duration = Duration::from_secs(10);
/// How many runs that went wrong are loaded in the beginning.
const FAILURES: usize = 50;
/// Among so many of the newest runs those under way are looked for.
const LOOKED_AT: usize = 100;

/// What changed since it was told.
#[derive(Default)]
struct News {
    allocations: BTreeSet<AllocationName>,
    is_all: bool,
    is_pause_changed: bool,
}

/// Tells what happens on the server, for as long as somebody listens.
///
/// # Errors
/// Where the server refuses, or was never there.
pub(super) async fn tell(client: Arc<Client>, messages: Sender<Message>) -> Result<()> {
    let mut events = Events::new(&client, Wanted::default());
    events.open_now().await?;
    load(&client, &messages).await?;
    // Nothing that ticks may break off an attempt to reach the server once more.
    let (heard, happenings) = mpsc::channel(HEARD);
    tokio::select! {
        ended = listen(events, heard) => ended,
        () = attend(&client, &messages, happenings) => Ok(()),
    }
}

async fn listen(mut events: Events<'_>, heard: Sender<Happened>) -> Result<()> {
    loop {
        let happened = events.next().await?;
        if heard.send(happened).await.is_err() {
            return Ok(());
        }
    }
}

async fn attend(client: &Client, messages: &Sender<Message>, mut happenings: Receiver<Happened>) {
    let mut news = News::default();
    let mut refresh = time::interval(REFRESH);
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look_after = time::interval(LOOK_AFTER);
    look_after.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            happened = happenings.recv() => match happened {
                Some(Happened::Event(event)) => news.take(&event, messages).await,
                Some(Happened::Lost(error)) => say(messages, lost(&error)).await,
                Some(Happened::Back) => say(messages, Message::Link(Ok(()))).await,
                None => return,
            },
            _ = refresh.tick() => news.tell(client, messages).await,
            _ = look_after.tick() => {
                // A host that is gone does not even break the stream of events.
                if let Err(error) = look(client, messages).await {
                    say(messages, lost(&error)).await;
                }
            }
        }
        if mem::take(&mut news.is_pause_changed) {
            look_after.reset_immediately();
        }
    }
}

/// Tells how the server and its engine are.
async fn look(client: &Client, messages: &Sender<Message>) -> Result<()> {
    let (engine, health) = (client.ready().await?, client.health().await?);
    say(messages, Message::Link(Ok(()))).await;
    say(messages, Message::Engine(engine)).await;
    say(messages, Message::Pause(health.pause, words::zone(&health.time_zone))).await;
    Ok(())
}

fn lost(error: &anyhow::Error) -> Message {
    Message::Link(Err(format!("{error:#}")))
}

impl News {
    async fn take(&mut self, event: &ServerEvent, messages: &Sender<Message>) {
        match event.kind.as_str() {
            "run" => {
                if let Ok(event) = serde_json::from_str::<RunEvent>(&event.data) {
                    self.allocations.insert(event.allocation);
                    say(messages, Message::Run(event.run.into())).await;
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
                    (self.is_all, self.is_pause_changed) = (true, true);
                }
            }
            GAP => self.is_all = true,
            _ => {}
        }
    }

    /// Tells how what changed is now; what cannot be had now is asked for again.
    async fn tell(&mut self, client: &Client, messages: &Sender<Message>) {
        if self.is_all {
            if load(client, messages).await.is_ok() {
                *self = Self::default();
            }
            return;
        }
        let names: Vec<_> = self.allocations.iter().take(MOST_REFRESHED).cloned().collect();
        let asked = stream::iter(names).map(async |name| (client.find(&name).await, name));
        let mut answers = asked.buffer_unordered(REQUESTS);
        while let Some((answer, name)) = answers.next().await {
            if let Ok(found) = answer {
                self.allocations.remove(&name);
                say(messages, Message::Allocation(name, found)).await;
            }
        }
    }
}

/// What is read of an allocation to know which of its runs to ask for.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Standing {
    name: AllocationName,
    status: Runs,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Runs {
    running: usize,
    #[serde(default)]
    starting: usize,
    #[serde(default)]
    waiting: usize,
    #[serde(default)]
    retrying: usize,
    last_run: Option<Last>,
}

impl Runs {
    /// True where any run is not over.
    fn has_any(&self) -> bool {
        self.running + self.starting + self.waiting + self.retrying > 0
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Last {
    run: Instant,
    state: String,
}

async fn load(client: &Client, messages: &Sender<Message>) -> Result<()> {
    let allocations = client.list(None).await?.items;
    let standings: Vec<_> =
        allocations.iter().filter_map(|value| Standing::deserialize(value).ok()).collect();
    let mut runs = under_way(client, &standings).await?;
    runs.extend(gone_wrong(client, &standings).await?);
    say(messages, Message::Link(Ok(()))).await;
    say(messages, Message::Loaded(allocations, runs)).await;
    Ok(())
}

async fn under_way(client: &Client, standings: &[Standing]) -> Result<Vec<RunRecord>> {
    let running = standings.iter().filter(|standing| standing.status.has_any());
    let asked = stream::iter(running)
        .map(|standing| client.runs::<RunRecord>(&standing.name, None, LOOKED_AT));
    let mut answers = asked.buffer_unordered(REQUESTS);
    let mut runs = Vec::new();
    while let Some(answer) = answers.next().await {
        runs.extend(answer?.items.into_iter().filter(|run| !run.is_over()));
    }
    Ok(runs)
}

async fn gone_wrong(client: &Client, standings: &[Standing]) -> Result<Vec<RunRecord>> {
    let mut last: Vec<_> = standings
        .iter()
        .filter_map(|standing| Some((&standing.name, standing.status.last_run.as_ref()?)))
        .filter(|(_, last)| is_failure(&last.state))
        .collect();
    last.sort_by_key(|(_, last)| std::cmp::Reverse(last.run));
    let ids = last.into_iter().take(FAILURES);
    let ids = ids.map(|(name, last)| RunId { allocation: name.clone(), instant: last.run });
    let asked = stream::iter(ids).map(async |run| client.record(&run).await);
    // One that was pruned in this moment is no reason to show nothing.
    Ok(asked.buffer_unordered(REQUESTS).filter_map(async |run| run.ok()).collect().await)
}

async fn say(messages: &Sender<Message>, message: Message) {
    // Where nobody listens any more, the whole task ends.
    let _ = messages.send(message).await;
}
