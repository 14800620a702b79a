//! The events that readers get.

use docket_model::{
    Origin,
    journal::{Entry, Event as Happened},
    run::{Cancellation, Reason, RunState},
};
use serde_json::json;

use super::super::{News, Reader};
use super::{
    super::{ChangeContext, ClaimOutcome, Control, InstantKind, Progress, Store},
    claim, created, end, failed, finish, instant, missed, moment, note, push, push_a, pushed, run,
    specified,
};

/// One who reads all that happens from now on.
fn reader(store: &Store) -> Reader {
    store.subscribe().events(None).unwrap().0
}

/// The next so many events, in a few words each.
async fn next_events(reader: &mut Reader, count: usize) -> Vec<String> {
    let mut events = Vec::new();
    for _ in 0..count {
        let event = reader.next().await.unwrap();
        let words = event.bytes(|news| in_words(news).into());
        events.push(String::from_utf8(words.to_vec()).unwrap());
    }
    events
}

fn in_words(news: &News) -> String {
    match news {
        News::Run(run, _) => {
            let second = (run.id.instant.moment() - moment(0)).num_seconds();
            let container = run.attempt().and_then(|attempt| attempt.container.as_ref());
            let container = container.map(|id| format!(" in {id}")).unwrap_or_default();
            let count = match run.state {
                RunState::Missed { count, .. } => format!(" {count}"),
                _ => String::new(),
            };
            format!("{} {second} {}{count}{container}", run.id.allocation, run.state.word())
        }
        News::Entry(entry) => {
            let name = entry.allocation.as_ref().map_or("the server", |name| name.as_str());
            format!("{name} {}", entry.event)
        }
    }
}

pub(in crate::store) async fn each_change_of_a_run_is_an_event_in_order(store: &Store) {
    push_a(store).await;
    let mut reader = reader(store);

    let claimed = claim(store, "a", 60).await;
    note(store, &claimed.id, created("abc"), moment(61)).await.unwrap();
    note(store, &claimed.id, Progress::Started, moment(62)).await.unwrap();
    finish(store, &claimed.id, end(failed(3), 3, "x")).await.unwrap();

    let expected =
        ["a 60 starting", "a 60 starting in abc", "a 60 running in abc", "a 60 failed in abc"];
    assert_eq!(next_events(&mut reader, 4).await, expected);
    assert_eq!(reader.last(), store.subscribe().events(None).unwrap().0.last());
}

pub(in crate::store) async fn an_event_has_the_time_of_the_change_and_the_state_since(
    store: &Store,
) {
    push_a(store).await;
    let mut reader = reader(store);

    let claimed = claim(store, "a", 60).await;
    note(store, &claimed.id, created("abc"), moment(61)).await.unwrap();
    let cancellation =
        Cancellation { reason: Reason::CancelledBy { by: "ann".into() }, kill: false };
    note(store, &claimed.id, Progress::Cancelling(cancellation), moment(75)).await.unwrap();
    let ended = end(failed(3), 3, "x");
    finish(store, &claimed.id, ended.clone()).await.unwrap();
    let first = run(store, "a", 120, missed(180, 2)).await;
    store.claim(first.clone()).await.unwrap();
    let more = run(store, "a", 240, missed(240, 1)).await;
    store.claim(more.clone()).await.unwrap();

    let mut seen = Vec::new();
    for _ in 0..6 {
        let event = reader.next().await.unwrap();
        let at = event.bytes(|news| match news {
            News::Run(_, at) => at.to_rfc3339().into(),
            News::Entry(_) => "".into(),
        });
        seen.push((event.state().unwrap().to_string(), String::from_utf8(at.to_vec()).unwrap()));
    }
    let expected = [
        ("starting", claimed.decided_at),
        ("starting", moment(61)),
        ("cancelling", moment(75)),
        ("failed", ended.at),
        ("missed", first.decided_at),
        ("missed", more.decided_at),
    ];
    assert_eq!(seen, expected.map(|(state, at)| (state.to_owned(), at.to_rfc3339())));
}

pub(in crate::store) async fn missed_instants_are_events_as_their_record_grows(store: &Store) {
    push_a(store).await;
    let mut reader = reader(store);

    for (second, count) in [(60, 2), (180, 3)] {
        let state = missed(second + 60 * (i64::try_from(count).unwrap() - 1), count);
        let run = run(store, "a", second, state).await;
        store.claim(run).await.unwrap();
    }
    let manual = run(store, "a", 60, RunState::Starting).await;
    store.claim_manual(manual, InstantKind::Instant(Some(instant(120)))).await.unwrap();

    let expected = ["a 60 missed 2", "a 60 missed 5", "a 120 missed 4", "a 60 starting"];
    assert_eq!(next_events(&mut reader, 4).await, expected);
}

pub(in crate::store) async fn a_journal_entry_is_an_event_with_the_labels_of_its_allocation(
    store: &Store,
) {
    let labelled = |team: &str| {
        pushed(vec![specified(json!({"Name": "a", "Cron": "", "Labels": {"team": team}}))], 0)
    };
    let mut reader = reader(store);

    store.push(labelled("x")).await.unwrap();
    store.push(labelled("y")).await.unwrap();
    store.control("a", Control::Reset, ChangeContext::new(moment(1), "ann")).await.unwrap();
    store.delete("a", &Origin::Api, ChangeContext::new(moment(2), "ann")).await.unwrap();
    let stopped = Entry { at: moment(3), allocation: None, event: Happened::Stopped, by: None };
    store.record(stopped).await.unwrap();

    let mut seen = Vec::new();
    for _ in 0..4 {
        let event = reader.next().await.unwrap();
        let of =
            |team: &str| event.has_labels(|labels| labels.get("team").is_some_and(|it| it == team));
        let words = event.bytes(|news| in_words(news).into());
        let words = String::from_utf8(words.to_vec()).unwrap();
        seen.push((event.kind().word(), words, of("x"), of("y")));
    }
    let seen: Vec<_> =
        seen.iter().map(|(kind, words, x, y)| (*kind, words.as_str(), *x, *y)).collect();
    assert_eq!(
        seen,
        [
            ("allocation", "a created", true, false),
            ("allocation", "a changed: Labels", true, true),
            ("allocation", "a deleted", false, true),
            ("server", "the server docket was stopped", false, false),
        ]
    );
}

pub(in crate::store) async fn a_rejected_change_is_no_event(store: &Store) {
    push(store, Origin::File("docket.yml".into()), &[("a", "* * * * *")]).await;
    let mut reader = reader(store);

    let changed = pushed(vec![specified(json!({"Name": "a", "Cron": ""}))], 1);
    store.push(changed).await.unwrap_err();
    let claimed = claim(store, "a", 60).await;
    let twice = store.claim(claimed.clone()).await.unwrap();
    finish(store, &claimed.id, end(RunState::Succeeded, 0, "")).await.unwrap();
    finish(store, &claimed.id, end(RunState::Succeeded, 0, "")).await.unwrap_err();
    push(store, Origin::Api, &[("b", "")]).await;

    assert_eq!(twice, ClaimOutcome::Decided(instant(60)));
    assert_eq!(next_events(&mut reader, 3).await, ["a 60 starting", "a 60 succeeded", "b created"]);
}
