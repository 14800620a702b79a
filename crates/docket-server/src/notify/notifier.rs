//! The service that empties the outbox: it chooses what is sent next to each receiver, and repeats what failed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use chrono::TimeDelta;
use docket_model::Zone;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use tracing::{info, warn};

use super::{
    compose::Composer,
    drop_log::DropLog,
    limits::{Limits, Next, Waiting},
    post::{Post, PostError, PostRequest},
    receivers::{Endpoint, endpoint, in_words},
};
use crate::{
    backoff::Backoff,
    config::NotifySettings,
    crash_points::{Point, point},
    random_ids::new_id,
    runner::StoreAccess,
    store::{Digest, Outbox, OutboxMessage, ReceiverId},
    term_tasks::{Stopped, Term},
};

/// How long a message may wait. Older ones would surprise more than help.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(24);

/// How often the outbox is looked at, at most: thousands of runs may end in one second.
const PAUSE: Duration = Duration::from_millis(100);

/// How often it is looked at while messages wait, at least: they may become too old.
const AT_LEAST: Duration = Duration::from_secs(60);

/// The pauses between attempts at the same message.
const RETRY: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(600));

/// Where messages go, and what they say.
#[derive(Debug, Clone)]
pub(crate) struct NotifierSettings {
    pub(crate) notify: Arc<NotifySettings>,
    /// The zone of allocations without a `TimeZone`.
    pub(crate) zone: Zone,
    /// The address of the server for people.
    pub(crate) public_url: Option<String>,
    /// Where the files of `EnvFiles` are.
    pub(crate) env_dir: Option<PathBuf>,
    pub(crate) post: Arc<dyn Post>,
}

/// The settings of a server without targets, for tests.
#[cfg(any(test, feature = "simulation"))]
pub(crate) fn no_notifications() -> NotifierSettings {
    NotifierSettings {
        notify: Arc::default(),
        zone: Zone::utc(),
        public_url: None,
        env_dir: None,
        post: Arc::new(super::HttpClient::default()),
    }
}

/// Sends what is in the outbox, for one term.
#[derive(Debug)]
pub(crate) struct Notifier {
    store: Arc<StoreAccess>,
    term: Term,
    settings: Arc<NotifySettings>,
    composer: Composer,
    post: Arc<dyn Post>,
    receivers: HashMap<ReceiverId, ReceiverState>,
    /// Messages that were dropped because the outbox was full.
    not_taken: DropLog,
    /// How many dropped messages the logs know of.
    known_drops: u64,
    sending: JoinSet<(ReceiverId, Parcel, Result<String, PostError>)>,
}

/// What is sent at once: a message, or several in one.
#[derive(Debug, Clone)]
struct Parcel {
    id: String,
    messages: Vec<Waiting>,
    is_digest: bool,
}

impl Parcel {
    /// The ids of the items that are removed with it.
    fn ids(&self) -> BTreeSet<String> {
        let messages = self.messages.iter().map(|(id, _)| id.clone());
        messages.chain([self.id.clone()]).collect()
    }

    fn first(&self) -> Option<&OutboxMessage> {
        self.messages.first().map(|(_, message)| &**message)
    }
}

/// What is known of a receiver.
#[derive(Debug)]
struct ReceiverState {
    limits: Limits,
    is_sending: bool,
    retry: Option<PendingRetry>,
    drops: DropLog,
}

/// A parcel that was not delivered yet, and when it is sent again.
#[derive(Debug)]
struct PendingRetry {
    parcel: Parcel,
    backoff: Backoff,
    at: Instant,
}

impl Notifier {
    pub(crate) fn new(store: Arc<StoreAccess>, term: Term, settings: NotifierSettings) -> Self {
        let NotifierSettings { notify, zone, public_url, env_dir, post } = settings;
        let composer = Composer { store: Arc::clone(&store), zone, public_url, env_dir };
        let known_drops = store.outbox_figures().dropped;
        Self {
            store,
            term,
            settings: notify,
            composer,
            post,
            receivers: HashMap::new(),
            not_taken: DropLog::default(),
            known_drops,
            sending: JoinSet::new(),
        }
    }

    /// Sends what is in the outbox until the term ends. A request that is under way then is given up; its message
    /// is sent again in the next term.
    pub(crate) async fn run(mut self) {
        let changed = self.store.subscribe().outbox();
        let term = self.term.clone();
        loop {
            let Ok(wake_at) = self.send_due().await else { return };
            let pause = async {
                tokio::select! {
                    biased;
                    () = changed.notified() => sleep(PAUSE).await,
                    () = until(wake_at) => {}
                }
            };
            let work = async {
                tokio::select! {
                    biased;
                    sent = self.sending.join_next(), if !self.sending.is_empty() => sent,
                    () = pause => None,
                }
            };
            let Ok(sent) = term.unless_ended(work).await else { return };
            let Some(sent) = sent else { continue };
            // A panic is a bug: its receiver would wait for ever, so the term ends, too.
            let sent = sent.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            let (receiver, parcel, outcome) = sent;
            if self.note_outcome(receiver, parcel, outcome).await.is_err() {
                return;
            }
        }
    }

    /// Sends what is due; when to look again, if the outbox does not change.
    async fn send_due(&mut self) -> Result<Option<Instant>, Stopped> {
        let outbox = self.without_old(self.store.outbox()).await?;
        let now = Instant::now();
        let mut wake_at = (!outbox.messages.is_empty()).then_some(now + AT_LEAST);
        for (receiver, waiting) in by_receiver(&outbox) {
            let parcel = self.next_parcel(&outbox, &receiver, waiting, now).await?;
            match parcel {
                Ok(parcel) => self.send(receiver, parcel).await?,
                Err(later) => wake_at = wake_at.into_iter().chain(later).min(),
            }
        }
        let drops_at = self.note_drops(now).await?;
        self.receivers.retain(|_, state| {
            state.is_sending
                || state.retry.is_some()
                || !state.drops.is_unused(now)
                || !state.limits.is_unused(now)
        });
        Ok(wake_at.into_iter().chain(drops_at).min())
    }

    /// What is sent next to a receiver, or when to look again, if that is known.
    async fn next_parcel(
        &mut self,
        outbox: &Outbox,
        receiver: &ReceiverId,
        waiting: Vec<Waiting>,
        now: Instant,
    ) -> Result<Result<Parcel, Option<Instant>>, Stopped> {
        let state = self.state(receiver, now);
        if state.is_sending {
            return Ok(Err(None));
        }
        let digest = outbox.digests.iter().find(|(_, digest)| digest.receiver == *receiver);
        let begun = match &state.retry {
            Some(retry) if retry.at > now => return Ok(Err(Some(retry.at))),
            Some(retry) => Some(retry.parcel.clone()),
            None => digest.map(|(id, digest)| stored_parcel(outbox, id, digest)),
        };
        if let Some(mut parcel) = begun {
            parcel.messages.retain(|(id, _)| outbox.messages.contains_key(id));
            if parcel.messages.is_empty() {
                // All of them have waited too long.
                state.retry = None;
                self.remove(&parcel, false).await?;
                return Ok(Err(Some(now)));
            }
            return Ok(Ok(parcel));
        }
        if waiting.is_empty() {
            return Ok(Err(None));
        }
        let kind = self.endpoint(receiver, &waiting).map(|endpoint| endpoint.kind).ok();
        let composer = self.composer.clone();
        let fits = |first: &[Waiting]| {
            // Without an endpoint all are dropped together.
            kind.map_or(first.len(), |kind| composer.fitting(kind, first))
        };
        let messages = match self.state(receiver, now).limits.take(&waiting, now, fits) {
            Next::Later(at) => return Ok(Err(Some(at))),
            Next::One(place) => waiting.into_iter().skip(place).take(1).collect(),
            Next::Together(count) => waiting.into_iter().take(count).collect(),
        };
        self.new_parcel(receiver, messages).await.map(Ok)
    }

    /// A parcel of these messages; which ones they are is stored before several are sent as one.
    async fn new_parcel(
        &self,
        receiver: &ReceiverId,
        messages: Vec<Waiting>,
    ) -> Result<Parcel, Stopped> {
        if let [(id, _)] = &*messages {
            return Ok(Parcel { id: id.clone(), messages, is_digest: false });
        }
        let id = format!("digest-{}", new_id().simple());
        let ids = messages.iter().map(|(id, _)| id.clone()).collect();
        let digest = Digest { receiver: receiver.clone(), messages: ids };
        self.durably(|| self.store.add_digest(id.clone(), digest.clone())).await?;
        Ok(Parcel { id, messages, is_digest: true })
    }

    /// Begins to send a parcel; drops it if its receiver is gone.
    async fn send(&mut self, receiver: ReceiverId, parcel: Parcel) -> Result<(), Stopped> {
        let endpoint = match self.endpoint(&receiver, &parcel.messages) {
            Ok(endpoint) => endpoint,
            Err(reason) => return self.drop_parcel(&receiver, &parcel, &reason).await,
        };
        self.state(&receiver, Instant::now()).is_sending = true;
        let (composer, post, clock) =
            (self.composer.clone(), Arc::clone(&self.post), self.store.clock());
        self.sending.spawn(async move {
            let Endpoint { kind, url, key } = endpoint;
            let body = match &*parcel.messages {
                [one] if !parcel.is_digest => composer.one(kind, one).await,
                messages => composer.together(kind, &parcel.id, messages),
            };
            let request = PostRequest { url, id: parcel.id.clone(), at: clock.now(), body, key };
            point(Point::NotificationDue);
            let outcome = post.post(&request).await;
            point(Point::NotificationSent);
            (receiver, parcel, outcome)
        });
        Ok(())
    }

    async fn note_outcome(
        &mut self,
        receiver: ReceiverId,
        parcel: Parcel,
        outcome: Result<String, PostError>,
    ) -> Result<(), Stopped> {
        let now = Instant::now();
        let in_words = parcel.first().map(|first| in_words(&receiver, first)).unwrap_or_default();
        let state = self.state(&receiver, now);
        state.is_sending = false;
        let retry = state.retry.take();
        match outcome {
            Ok(_) => {
                if retry.is_some() {
                    info!(id = parcel.id, "notification delivered to {in_words} after all");
                }
                self.remove(&parcel, false).await
            }
            Err(error) if error.is_permanent => {
                self.drop_parcel(&receiver, &parcel, &error.reason).await
            }
            Err(error) => {
                let is_first = retry.is_none();
                let mut backoff = retry.map_or(RETRY, |retry| retry.backoff);
                let pause = backoff.next_pause();
                if is_first {
                    let (id, seconds) = (&parcel.id, pause.as_secs());
                    warn!(id, %error, "notification not delivered to {in_words}; retrying in {seconds} s");
                }
                state.retry = Some(PendingRetry { parcel, backoff, at: now + pause });
                Ok(())
            }
        }
    }

    async fn drop_parcel(
        &mut self,
        receiver: &ReceiverId,
        parcel: &Parcel,
        reason: &str,
    ) -> Result<(), Stopped> {
        let count = parcel.messages.len() as u64;
        let to = parcel.first().map(|first| in_words(receiver, first)).unwrap_or_default();
        warn!(id = parcel.id, count, reason, "notification to {to} dropped");
        self.state(receiver, Instant::now()).drops.add(count, &to, reason);
        self.known_drops += count;
        self.remove(parcel, true).await
    }

    /// Drops messages that have waited too long.
    async fn without_old(&mut self, mut outbox: Outbox) -> Result<Outbox, Stopped> {
        let oldest = self.store.now() - LONGEST_WAIT;
        let is_old = |message: &OutboxMessage| message.at < oldest;
        // Ids sort by time, so usually the first shows that there is none.
        let old = outbox.messages.iter().take_while(|(_, message)| is_old(message));
        let old: Vec<Waiting> =
            old.map(|(id, message)| (id.clone(), Arc::clone(message))).collect();
        for (id, message) in old {
            outbox.messages.remove(&id);
            let receiver = message.receiver.clone();
            let state = self.state(&receiver, Instant::now());
            if state.is_sending {
                continue;
            }
            state.retry.take_if(|retry| retry.parcel.id == id);
            let parcel = Parcel { id: id.clone(), messages: vec![(id, message)], is_digest: false };
            self.drop_parcel(&receiver, &parcel, "it waited for 24 h").await?;
        }
        Ok(outbox)
    }

    /// Notes dropped messages in the journal; when to look again.
    async fn note_drops(&mut self, now: Instant) -> Result<Option<Instant>, Stopped> {
        let not_taken = self.store.outbox_figures().dropped.saturating_sub(self.known_drops);
        if not_taken > 0 {
            self.known_drops += not_taken;
            self.not_taken.add(not_taken, "receivers", "the outbox was full");
        }
        let at = self.store.now();
        let logs = self.receivers.values_mut().map(|state| &mut state.drops);
        let mut entries = Vec::new();
        let mut wake_at: Option<Instant> = None;
        for log in logs.chain([&mut self.not_taken]) {
            entries.extend(log.take(now, at));
            wake_at = wake_at.into_iter().chain(log.due(now)).min();
        }
        for entry in entries {
            self.durably(|| self.store.record(entry.clone())).await?;
        }
        Ok(wake_at)
    }

    async fn remove(&self, parcel: &Parcel, is_drop: bool) -> Result<(), Stopped> {
        let ids = parcel.ids();
        self.durably(|| self.store.remove_from_outbox(ids.clone(), is_drop)).await
    }

    /// Writes, again and again while the store does not do it.
    async fn durably<F>(&self, write: impl Fn() -> F) -> Result<(), Stopped>
    where
        F: Future<Output = Result<(), crate::store::StoreError>>,
    {
        match self.store.durably(&self.term, write).await? {
            Ok(()) => Ok(()),
            // No other error is about the outbox.
            Err(error) => {
                warn!(%error, "the outbox was not changed");
                Err(Stopped)
            }
        }
    }

    fn endpoint(&self, receiver: &ReceiverId, messages: &[Waiting]) -> Result<Endpoint, String> {
        let messages = messages.iter().map(|(_, message)| &**message);
        endpoint(&self.settings, &self.store, receiver, messages)
    }

    fn state(&mut self, receiver: &ReceiverId, now: Instant) -> &mut ReceiverState {
        self.receivers.entry(receiver.clone()).or_insert_with(|| ReceiverState {
            limits: Limits::new(now),
            is_sending: false,
            retry: None,
            drops: DropLog::default(),
        })
    }
}

/// Waits until a time; for ever without one.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What waits for each receiver, the oldest first, without what a digest has.
fn by_receiver(outbox: &Outbox) -> BTreeMap<ReceiverId, Vec<Waiting>> {
    let in_digests: BTreeSet<_> =
        outbox.digests.values().flat_map(|digest| &digest.messages).collect();
    let receivers = outbox.digests.values().map(|digest| (digest.receiver.clone(), Vec::new()));
    let mut all: BTreeMap<_, Vec<Waiting>> = receivers.collect();
    for (id, message) in &outbox.messages {
        let waiting = all.entry(message.receiver.clone()).or_default();
        if !in_digests.contains(id) {
            waiting.push((id.clone(), Arc::clone(message)));
        }
    }
    all
}

/// A digest that was stored before it was sent.
fn stored_parcel(outbox: &Outbox, id: &str, digest: &Digest) -> Parcel {
    let message = |id: &String| Some((id.clone(), Arc::clone(outbox.messages.get(id)?)));
    let messages = digest.messages.iter().filter_map(message).collect();
    Parcel { id: id.to_owned(), messages, is_digest: true }
}
