//! The hub alone.

use bytes::Bytes;
use docket_model::journal::{Entry, Event as Happened};

use super::*;

/// So many entries of the journal, which tell their place in the row.
fn news(range: std::ops::Range<i64>) -> Vec<News> {
    let entry = |second| Entry {
        at: chrono::DateTime::from_timestamp(second, 0).unwrap(),
        allocation: None,
        event: Happened::Stopped,
        by: None,
    };
    range.map(|second| News::Entry(Arc::new(entry(second)))).collect()
}

fn tell(events: &Events, range: std::ops::Range<i64>) {
    events.publish(news(range), |_| Vec::new());
}

fn hub(most: usize) -> Arc<Events> {
    Arc::new(Events::keeping(most))
}

fn reader(events: &Arc<Events>) -> Reader {
    events.read(None).unwrap().0
}

/// The numbers of the next so many events.
async fn numbers(reader: &mut Reader, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    for _ in 0..count {
        numbers.push(reader.next().await.unwrap().number());
    }
    numbers
}

#[tokio::test]
async fn each_reader_reads_each_event_once_in_order() {
    let events = hub(10);
    let (mut one, mut other) = (reader(&events), reader(&events));

    tell(&events, 0..3);
    let first = numbers(&mut one, 2).await;
    tell(&events, 3..4);
    let before = one.has_all();

    assert_eq!((first, numbers(&mut one, 2).await), (vec![1, 2], vec![3, 4]));
    assert_eq!((before, one.has_all(), other.has_all()), (false, true, false));
    assert_eq!(numbers(&mut other, 4).await, [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_waits_for_what_is_to_come() {
    let events = hub(10);
    let mut waiting = reader(&events);
    let given_up = tokio::time::timeout(std::time::Duration::from_secs(1), waiting.next()).await;
    let waiting = tokio::spawn(async move { waiting.next().await.unwrap().number() });
    tokio::task::yield_now().await;

    tell(&events, 0..1);

    assert!(given_up.is_err());
    assert_eq!(waiting.await.unwrap(), 1);
}

#[tokio::test]
async fn one_who_comes_back_reads_what_happened_meanwhile() {
    let events = hub(10);
    let mut gone = reader(&events);
    tell(&events, 0..2);
    let last = numbers(&mut gone, 2).await.pop();
    drop(gone);
    tell(&events, 2..5);

    let (mut back, missed) = events.read(last).unwrap();

    assert_eq!(missed, None);
    assert_eq!(numbers(&mut back, 3).await, [3, 4, 5]);
}

#[tokio::test]
async fn what_is_not_kept_any_more_is_missed() {
    let events = hub(3);
    let first = reader(&events);
    tell(&events, 0..5);

    let after = |number| events.read(Some(number)).unwrap().1;

    assert_eq!([after(2), after(4), after(5)], [None, None, None]);
    assert_eq!(after(1), Some(Missed::Some(4)));
    assert_eq!(after(6), Some(Missed::NotYet));
    assert_eq!(after(u64::MAX), Some(Missed::NotYet));
    drop(first);
}

#[tokio::test]
async fn heavy_events_go_before_they_are_many() {
    let events = hub(1_000);
    let mut slow = reader(&events);
    let by = Some("x".repeat(1 << 20));
    let at = chrono::DateTime::UNIX_EPOCH;
    let heavy = Arc::new(Entry { at, allocation: None, event: Happened::Stopped, by });

    for _ in 0..100 {
        events.publish(vec![News::Entry(Arc::clone(&heavy))], |_| Vec::new());
    }

    assert_eq!(slow.next().await.map(|event| event.number()), Err(Behind));
    assert!(events.read(Some(50)).unwrap().1.is_none());
}

#[tokio::test]
async fn a_slow_reader_gets_an_error_and_then_reads_from_now_on() {
    let events = hub(3);
    let mut slow = reader(&events);

    tell(&events, 0..4);
    let behind = slow.next().await.map(|event| event.number());
    tell(&events, 4..5);

    assert_eq!(behind, Err(Behind));
    assert_eq!(numbers(&mut slow, 1).await, [5]);
}

#[tokio::test]
async fn without_a_reader_the_ring_fills_up_once_and_then_events_are_only_counted() {
    let events = hub(3);
    let kept = || events.ring.lock().after(0).count();
    tell(&events, 0..3);
    let since_the_opening = kept();
    tell(&events, 3..4);
    let asleep = kept();
    drop(reader(&events));
    tell(&events, 4..7);
    let for_one_who_comes_back = kept();
    tell(&events, 7..8);
    let asleep_again = kept();

    let (mut awake, missed) = events.read(Some(4)).unwrap();
    tell(&events, 8..9);

    let kept = (since_the_opening, asleep, for_one_who_comes_back, asleep_again);
    assert_eq!(kept, (3, 0, 3, 0));
    assert_eq!(missed, Some(Missed::Some(4)));
    assert_eq!(numbers(&mut awake, 1).await, [9]);
}

#[tokio::test]
async fn a_reader_of_the_server_before_goes_on_if_it_had_all() {
    let events = Arc::new(Events::after(7));
    tell(&events, 0..2);

    let (mut reader, missed) = events.read(Some(7)).unwrap();
    let before = events.read(Some(6)).unwrap().1;

    assert_eq!((missed, before), (None, Some(Missed::BeforeStart)));
    assert_eq!(numbers(&mut reader, 2).await, [8, 9]);
}

#[tokio::test]
async fn the_events_of_another_server_are_missed_and_their_numbers_not_given_again() {
    let events = hub(10);
    let mut waiting = reader(&events);
    tell(&events, 0..2);
    numbers(&mut waiting, 2).await;

    events.continue_after(5);
    events.continue_after(4);
    let behind = waiting.next().await.map(|event| event.number());
    tell(&events, 2..3);

    assert_eq!(behind, Err(Behind));
    assert_eq!(numbers(&mut waiting, 1).await, [6]);
    assert_eq!(events.read(Some(2)).unwrap().1, Some(Missed::Some(4)));
    assert_eq!(events.read(Some(5)).unwrap().1, None);
}

#[tokio::test]
async fn more_at_once_than_is_kept_leaves_the_newest() {
    let events = hub(3);
    let _first = reader(&events);

    tell(&events, 0..2);
    tell(&events, 2..10);

    let (mut back, missed) = events.read(Some(7)).unwrap();
    assert_eq!(missed, None);
    assert_eq!(numbers(&mut back, 3).await, [8, 9, 10]);
}

#[tokio::test]
async fn an_event_is_put_into_bytes_once() {
    let events = hub(3);
    let (mut one, mut other) = (reader(&events), reader(&events));
    tell(&events, 0..1);

    let first = one.next().await.unwrap().bytes(|_| Bytes::from_static(b"once"));
    let second = other.next().await.unwrap().bytes(|_| unreachable!("it was written before"));

    assert_eq!((first.as_ptr(), second.len()), (second.as_ptr(), 4));
}

#[test]
fn readers_are_bounded() {
    let events = hub(3);
    let mut readers: Vec<_> = (0..MOST_READERS).map(|_| reader(&events)).collect();

    let refused = events.read(None).map(drop);
    readers.pop();

    assert_eq!(refused, Err(TooMany));
    assert!(events.read(None).is_ok());
}
