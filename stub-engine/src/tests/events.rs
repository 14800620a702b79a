use std::{collections::HashMap, time::Duration};

use bollard::{
    errors::Error,
    models::EventMessage,
    query_parameters::{EventsOptions, EventsOptionsBuilder},
};
use futures_util::{Stream, StreamExt, TryStreamExt};

use super::harness::{Bed, LONG, NAME, SHORT, hangs, refusal};
use crate::{Call, Fault, Faults, Meanwhile, Options, Program, WhenStopped, now};

/// Longer than any event takes that comes by itself.
const SOON: Duration = Duration::from_secs(30);

fn all() -> EventsOptions {
    EventsOptionsBuilder::default().since("1").build()
}

fn of(filters: &[(&str, &[&str])]) -> EventsOptions {
    let filters: HashMap<_, Vec<_>> =
        filters.iter().map(|(name, values)| (*name, values.to_vec())).collect();
    EventsOptionsBuilder::default().since("1").filters(&filters).build()
}

/// All events up to now.
async fn past(bed: &Bed, mut options: EventsOptions) -> Result<Vec<EventMessage>, Error> {
    let now = now();
    options.until = Some(format!("{}.{:09}", now.timestamp(), now.timestamp_subsec_nanos()));
    bed.docker.events(Some(options)).try_collect().await
}

async fn past_actions(bed: &Bed, options: EventsOptions) -> Vec<String> {
    actions(past(bed, options).await.unwrap())
}

fn actions(events: impl IntoIterator<Item = EventMessage>) -> Vec<String> {
    events.into_iter().map(|event| event.action.unwrap()).collect()
}

/// The next events of a stream.
async fn next(
    events: &mut (impl Stream<Item = Result<EventMessage, Error>> + Unpin),
    count: usize,
) -> Vec<String> {
    let taken = events.take(count).try_collect::<Vec<_>>();
    actions(tokio::time::timeout(SOON, taken).await.unwrap().unwrap())
}

#[tokio::test]
async fn past_events_tell_a_container_that_ran_from_one_that_did_not() {
    let bed = Bed::of(Program::failing(3));
    let ran = bed.started().await;
    let created = bed.create("created").await.unwrap();
    for id in [&ran, &created] {
        bed.docker.remove_container(id, None).await.unwrap();
    }

    let of_ran = past(&bed, of(&[("container", &[&ran])])).await.unwrap();
    let of_created = past_actions(&bed, of(&[("container", &[&created])])).await;

    assert!(of_ran.is_sorted_by_key(|event| event.time_nano));
    let die = of_ran[2].actor.clone().unwrap();
    assert_eq!(die.attributes.unwrap()["exitCode"], "3");
    assert_eq!(actions(of_ran), ["create", "start", "die", "destroy"]);
    assert_eq!(of_created, ["create", "destroy"]);
}

#[tokio::test]
async fn new_events_follow_the_past_ones_also_those_that_no_request_causes() {
    let bed = Bed::of(Program::lasting(SHORT));
    let id = bed.create(NAME).await.unwrap();

    let mut events = Box::pin(bed.docker.events(Some(of(&[("container", &[&id])]))));
    let before = next(&mut events, 1).await;
    let none_yet = hangs(events.next()).await;
    bed.start(&id).await.unwrap();
    let ran = next(&mut events, 2).await;
    bed.docker.remove_container(&id, None).await.unwrap();
    let removed = next(&mut events, 1).await;

    assert_eq!((before, none_yet), (vec!["create".to_owned()], true));
    assert_eq!(ran, ["start", "die"]);
    assert_eq!(removed, ["destroy"]);
}

#[tokio::test]
async fn a_reader_that_names_no_time_gets_new_events_only() {
    let bed = Bed::of(Program::lasting(LONG));
    bed.create("old").await.unwrap();

    let mut events = Box::pin(bed.docker.events(None));
    let none_yet = hangs(events.next()).await;
    bed.create("new").await.unwrap();
    let event = events.next().await.unwrap().unwrap();

    assert!(none_yet);
    assert_eq!(event.actor.unwrap().attributes.unwrap()["name"], "new");
}

#[tokio::test]
async fn the_last_256_events_are_remembered() {
    let bed = Bed::of(Program::lasting(LONG));
    let first = bed.create("first").await.unwrap();
    for number in 1..256 {
        bed.create(&format!("c{number}")).await.unwrap();
    }

    let all_of_them = past(&bed, all()).await.unwrap().len();
    bed.create("c256").await.unwrap();

    assert_eq!(all_of_them, 256);
    assert_eq!(past(&bed, all()).await.unwrap().len(), 256);
    assert!(past_actions(&bed, of(&[("container", &[&first])])).await.is_empty());
}

#[tokio::test]
async fn an_engine_that_is_restarted_forgets_its_events() {
    let bed = Bed::of(Program::lasting(LONG));
    bed.started().await;

    bed.stub.vanish(Meanwhile::ContainersDie);
    bed.stub.come_back().unwrap();
    let forgotten = past_actions(&bed, all()).await;
    bed.docker.remove_container(NAME, None).await.unwrap();

    assert!(forgotten.is_empty());
    assert_eq!(past_actions(&bed, all()).await, ["destroy"]);
}

#[tokio::test]
async fn what_others_do_to_a_container_is_an_event_too() {
    let bed = Bed::of(Program::lasting(LONG));
    bed.started().await;
    bed.create("created").await.unwrap();

    bed.stub.prune();
    bed.stub.pause(NAME);
    bed.stub.remove_by_force(NAME);

    let of_created = past_actions(&bed, of(&[("container", &["created"])])).await;
    assert_eq!(of_created, ["create", "destroy"]);
    let of_removed = past_actions(&bed, of(&[("container", &[NAME])])).await;
    assert_eq!(of_removed, ["create", "start", "pause", "kill", "die", "destroy"]);
}

#[tokio::test]
async fn a_stop_that_is_ignored_ends_in_a_kill_with_an_event() {
    let bed = Bed::of(Program { when_stopped: WhenStopped::Ignores, ..Program::lasting(LONG) });
    bed.started().await;

    bed.stop(1).await.unwrap();

    let events = past(&bed, of(&[("event", &["kill", "die", "stop"])])).await.unwrap();
    let signals: Vec<_> = events
        .iter()
        .filter_map(|event| event.actor.as_ref()?.attributes.as_ref()?.get("signal").cloned())
        .collect();
    assert_eq!(signals, ["15", "9"]);
    let grace = events[1].time_nano.unwrap() - events[0].time_nano.unwrap();
    assert!(grace >= 1_000_000_000, "{grace}");
    assert_eq!(actions(events), ["kill", "kill", "die", "stop"]);
}

#[tokio::test]
async fn filters_are_met_all_and_each_by_one_of_its_values() {
    let bed = Bed::new(Options::default());
    let id = bed.started().await;
    bed.create("another").await.unwrap();

    let by_start_of_id = of(&[("container", &[&id[..12], "missing"]), ("event", &["die"])]);
    assert_eq!(past_actions(&bed, by_start_of_id).await, ["die"]);
    let creations = of(&[("label", &["color=red", "color"]), ("event", &["create", "pull"])]);
    assert_eq!(past_actions(&bed, creations).await, ["create", "create"]);
    let labelled_otherwise = of(&[("label", &["color=red", "color=blue"])]);
    assert!(past_actions(&bed, labelled_otherwise).await.is_empty());
    assert_eq!(past(&bed, of(&[("type", &["container"])])).await.unwrap().len(), 4);
    assert!(past_actions(&bed, of(&[("type", &["network"])])).await.is_empty());
}

#[tokio::test]
async fn events_end_at_the_time_that_was_named() {
    let bed = Bed::new(Options::default());
    bed.create(NAME).await.unwrap();
    let until = now() + SHORT;
    let mut options = all();
    options.until = Some(format!("{}.{:09}", until.timestamp(), until.timestamp_subsec_nanos()));

    let events: Vec<_> = bed.docker.events(Some(options)).try_collect().await.unwrap();

    assert!(now() >= until);
    assert_eq!(actions(events), ["create"]);
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused_in_the_engines_words() {
    let bed = Bed::new(Options::default());
    let ask = async |since: &str, until: &str| {
        let options = EventsOptionsBuilder::default().since(since).until(until).build();
        refusal(bed.docker.events(Some(options)).try_collect::<Vec<_>>().await)
    };

    let words = "`since` time (5) cannot be after `until` time (1.5)";
    assert_eq!(ask("5", "1.5").await, (400, words.to_owned()));
    let words = "strconv.ParseInt: parsing \"1h\": invalid syntax";
    assert_eq!(ask("1h", "").await, (500, words.to_owned()));
    let unknown = past(&bed, of(&[("image", &["busybox"])])).await;
    assert_eq!(refusal(unknown), (400, "invalid filter 'image'".to_owned()));
}

#[tokio::test]
async fn events_meet_faults() {
    let faults = Faults::none().first(Call::Events, [Fault::fail_before(), Fault::CutBody]);
    let bed = Bed::failing(faults);
    bed.create(NAME).await.unwrap();

    let refused = past(&bed, all()).await;
    let cut = past(&bed, all()).await;

    assert_eq!(refusal(refused).0, 500);
    assert!(cut.is_err(), "{cut:?}");
    assert_eq!(past_actions(&bed, all()).await, ["create"]);
    assert_eq!(bed.stub.count(Call::Events), 3);
}
