use std::{
    collections::{BTreeSet, VecDeque},
    iter::repeat_n,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use docket_model::{
    allocation::{NotifyEvent, ReceiverKind, TargetName},
    notification_decision::Failing,
    run::{Instant, Reason},
};
use parking_lot::Mutex;
use serde_json::Value;

use super::{
    post::{PostError, PostRequest},
    *,
};
use crate::{
    clock::{Clock as _, TestClock},
    config::{NotifySettings, Target},
    runner::StoreAccess,
    store::{EntryFilter, MemoryBackend, OutboxMessage, ReceiverId, Store},
    term_tasks::Term,
};

/// Keeps what is posted, and fails as often as a test says.
#[derive(Debug, Default)]
struct KeptPosts {
    bodies: Mutex<Vec<Value>>,
    /// The outcomes of the next requests; further ones succeed.
    failures: Mutex<VecDeque<Option<PostError>>>,
}

#[async_trait]
impl Post for KeptPosts {
    async fn post(&self, request: &PostRequest) -> Result<String, PostError> {
        self.bodies.lock().push(serde_json::from_slice(&request.body).unwrap());
        self.failures.lock().pop_front().flatten().map_or(Ok(String::new()), Err)
    }
}

impl KeptPosts {
    /// The allocations of each message.
    fn allocations(&self) -> Vec<Vec<String>> {
        let name = |body: &Value| body["Allocation"].as_str().map(str::to_owned);
        let names = |body: &Value| match body["Messages"].as_array() {
            Some(messages) => messages.iter().filter_map(name).collect(),
            None => name(body).into_iter().collect(),
        };
        self.bodies.lock().iter().map(names).collect()
    }
}

fn target() -> TargetName {
    "oncall".parse().unwrap()
}

fn settings(post: &Arc<KeptPosts>) -> NotifierSettings {
    let url = "https://hooks.example.org/x".parse().unwrap();
    let one = Target { kind: ReceiverKind::Webhook, url, key: None };
    let notify = NotifySettings { targets: [(target(), one)].into(), ..NotifySettings::default() };
    NotifierSettings { notify: Arc::new(notify), post: post.clone(), ..no_notifications() }
}

/// A store, and messages of failures of so many allocations in it.
async fn store_with(failures: usize) -> Arc<StoreAccess> {
    let clock = Arc::new(TestClock::at("2026-11-21T09:00:00Z"));
    let store = Store::open(Arc::new(MemoryBackend::new(usize::MAX))).await.unwrap();
    let at = clock.now();
    let message = |number: usize| OutboxMessage {
        receiver: ReceiverId::Target(target()),
        allocation: format!("a{number:05}").parse().unwrap(),
        event: NotifyEvent::Failed,
        at,
        instant: Instant::new(at),
        span: None,
        reason: Some(Reason::ExitCode { exit_code: 1 }),
        time_zone: None,
        succeeded: None,
        failing: Some(Failing { since: at, last: at, count: 1 }),
        output: 0,
    };
    store.add_messages((0..failures).map(message).collect()).await.unwrap();
    StoreAccess::new(Arc::new(store), clock)
}

/// Sends messages for so long.
async fn send_for(store: &Arc<StoreAccess>, post: &Arc<KeptPosts>, time: Duration) {
    let term = Term::new(1);
    let notifier = Notifier::new(Arc::clone(store), term.clone(), settings(post));
    let sending = term.spawn(notifier.run());
    tokio::time::sleep(time).await;
    term.end().await;
    sending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_10_000_failures_each_is_in_one_of_at_most_25_messages() {
    let (store, post) = (store_with(10_000).await, Arc::new(KeptPosts::default()));

    send_for(&store, &post, Duration::from_secs(3600)).await;

    let messages = post.allocations();
    assert!(messages.len() <= 25, "{} messages", messages.len());
    let all: Vec<_> = messages.concat();
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (10_000, 10_000));
    assert_eq!(store.outbox_figures().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn several_messages_in_one_stay_the_same_when_the_next_term_sends_them_again() {
    let (store, post) = (store_with(20).await, Arc::new(KeptPosts::default()));
    let away = PostError { reason: "no answer".to_owned(), is_permanent: false };

    // The six single messages are delivered first; then nothing is, until the term ends.
    post.failures.lock().extend(repeat_n(None, 6).chain(repeat_n(Some(away), 3)));
    send_for(&store, &post, Duration::from_secs(32)).await;
    let first = post.bodies.lock().last().cloned().unwrap();
    assert_eq!(store.outbox_figures().waiting, 14);
    post.failures.lock().clear();
    send_for(&store, &post, Duration::from_secs(1)).await;

    let again = post.bodies.lock().last().cloned().unwrap();
    assert_eq!(again["Event"], "digest");
    assert_eq!(again, first);
    assert_eq!(store.outbox_figures().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_receiver_refuses_or_is_too_old_is_dropped_and_counted() {
    let (store, post) = (store_with(1).await, Arc::new(KeptPosts::default()));
    let refused = PostError { reason: "404".to_owned(), is_permanent: true };
    post.failures.lock().push_back(Some(refused));

    send_for(&store, &post, Duration::from_secs(5)).await;

    let figures = store.outbox_figures();
    assert_eq!((figures.waiting, figures.dropped), (0, 1));
    let entries = store.entries(&EntryFilter { limit: 1, ..EntryFilter::default() });
    assert_eq!(entries[0].event.to_string(), "1 notification to the target `oncall` dropped: 404");

    let (store, post) = (store_with(1).await, Arc::new(KeptPosts::default()));
    let away = PostError { reason: "no answer".to_owned(), is_permanent: false };
    post.failures.lock().extend(repeat_n(Some(away), 10_000));
    send_for(&store, &post, Duration::from_secs(25 * 3600)).await;
    assert_eq!((store.outbox_figures().waiting, store.outbox_figures().dropped), (0, 1));
}

#[tokio::test]
async fn a_full_outbox_makes_room_where_most_messages_wait() {
    let store = store_with(10_000).await;
    let (oldest, message) = store.outbox().messages.pop_first().unwrap();
    let pager = ReceiverId::Target("pager".parse().unwrap());
    let added = OutboxMessage { receiver: pager.clone(), ..(*message).clone() };

    store.add_messages(vec![added]).await.unwrap();

    let outbox = store.outbox();
    assert_eq!((outbox.messages.len(), outbox.dropped), (10_000, 1));
    assert!(outbox.messages.values().any(|message| message.receiver == pager));
    assert!(!outbox.messages.contains_key(&oldest));
}
