//! What every store must do, as tests that run for each of them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::{
    AllocationName, Origin, Output, Run, Specification,
    container::UnknownOptions,
    mistake::FieldPath,
    run::{ContainerId, Exit, Instant, RunState, Trigger},
};
use serde_json::json;

use super::{
    Change, Effect, End, Progress, Push, Recorded, RunFilter, Snapshot, Store, StoreError,
};

/// Runs the whole contract, each part on a new store.
pub(super) async fn all<S: Store + 'static>(new: impl Fn() -> Arc<S>) {
    a_push_creates_updates_and_leaves_alone(&*new()).await;
    a_push_over_someone_elses_name_changes_nothing(&*new()).await;
    a_complete_push_takes_away_what_its_origin_has_no_more(&*new()).await;
    allocations_are_listed_in_the_order_of_creation(&*new()).await;
    only_a_new_schedule_moves_the_time_from_which_it_is_due(&*new()).await;
    an_instant_is_decided_once(&*new()).await;
    what_was_decided_outlives_a_deletion(&*new()).await;
    a_name_created_anew_has_no_history(&*new()).await;
    a_run_is_recorded_from_claim_to_end(&*new()).await;
    missed_instants_in_a_row_are_one_record(&*new()).await;
    history_is_bounded_and_failures_outlive_successes(&*new()).await;
    each_change_reaches_a_reader(&*new()).await;
}

fn moment(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

fn specification(name: &str, cron: &str) -> Specification {
    let posted = json!({"Name": name, "Cron": cron, "Container": {"Config": {"Image": "busybox"}}});
    let read = Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse);
    read.unwrap().specification
}

async fn push(store: &dyn Store, origin: Origin, specs: &[(&str, &str)]) -> Vec<Effect> {
    let specifications = specs.iter().map(|(name, cron)| specification(name, cron)).collect();
    let push = Push { specifications, origin, complete: false, at: moment(0), by: "test".into() };
    store.push(push).await.unwrap()
}

async fn names(store: &dyn Store) -> Vec<String> {
    let listed = store.list(None, usize::MAX).await.unwrap();
    listed.iter().map(|snapshot| snapshot.standing.allocation.name().to_string()).collect()
}

async fn get(store: &dyn Store, name: &str) -> Snapshot {
    store.get(name).await.unwrap().unwrap()
}

async fn run(store: &dyn Store, name: &str, second: i64, state: RunState) -> Run {
    let allocation = get(store, name).await.standing.allocation;
    let instant = Instant::new(moment(second));
    Run::decided(&allocation, instant, Trigger::Schedule, state, moment(second))
}

fn end(state: RunState, code: i64, output: &str) -> End {
    let mut captured = Output::bounded(100);
    captured.push(output.as_bytes());
    let exit = Exit {
        code,
        image: Some("sha256:1".into()),
        out_of_memory: false,
        started_at: Some(moment(8)),
        ended_at: Some(moment(9)),
        error: None,
        engine_went_down: false,
    };
    End {
        state,
        exit: Some(exit),
        output: Some(captured.into()),
        remarks: Vec::new(),
        at: moment(10),
    }
}

async fn a_push_creates_updates_and_leaves_alone(store: &dyn Store) {
    let first = push(store, Origin::Api, &[("a", "0 0 * * *"), ("b", "0 0 * * *")]).await;
    let second =
        push(store, Origin::Api, &[("a", "0 0 * * *"), ("b", "1 0 * * *"), ("c", "")]).await;

    assert_eq!(first, [Effect::Created, Effect::Created]);
    assert_eq!(second, [Effect::Unchanged, Effect::Updated, Effect::Created]);
    let (a, b) =
        (get(store, "a").await.standing.allocation, get(store, "b").await.standing.allocation);
    assert!(a.revision < b.revision);
    assert_eq!(b.specification, specification("b", "1 0 * * *"));
}

async fn a_push_over_someone_elses_name_changes_nothing(store: &dyn Store) {
    let file = Origin::File("docket.yml".into());
    push(store, Origin::Api, &[("api", "")]).await;
    push(store, file.clone(), &[("file", "")]).await;

    let mut refused = Vec::new();
    for (origin, name) in [(Origin::Api, "file"), (file.clone(), "api")] {
        let specifications = vec![specification("new", ""), specification(name, "0 0 * * *")];
        let push =
            Push { specifications, origin, complete: true, at: moment(1), by: "test".into() };
        refused.push(store.push(push).await.unwrap_err());
    }
    let deletion = store.delete("file", &Origin::Api, moment(1), "test").await.unwrap_err();

    let read_only = StoreError::ReadOnly {
        name: AllocationName::parse("file").unwrap(),
        file: "docket.yml".into(),
    };
    let taken = StoreError::Taken { name: AllocationName::parse("api").unwrap() };
    assert_eq!(refused, [read_only.clone(), taken]);
    assert_eq!(deletion, read_only);
    assert_eq!(names(store).await, ["api", "file"]);
}

async fn a_complete_push_takes_away_what_its_origin_has_no_more(store: &dyn Store) {
    let file = Origin::File("docket.yml".into());
    push(store, Origin::Api, &[("api", "")]).await;
    push(store, file.clone(), &[("old", ""), ("kept", "")]).await;

    let specifications = vec![specification("kept", ""), specification("new", "")];
    let push =
        Push { specifications, origin: file, complete: true, at: moment(1), by: "test".into() };
    let effects = store.push(push).await.unwrap();

    assert_eq!(effects, [Effect::Unchanged, Effect::Created]);
    assert_eq!(names(store).await, ["api", "kept", "new"]);
}

async fn allocations_are_listed_in_the_order_of_creation(store: &dyn Store) {
    push(store, Origin::Api, &[("z", ""), ("a", ""), ("m", ""), ("report", "")]).await;
    push(store, Origin::Api, &[("a", "0 0 * * *")]).await;
    assert!(store.delete("m", &Origin::Api, moment(1), "test").await.unwrap());
    assert!(!store.delete("m", &Origin::Api, moment(1), "test").await.unwrap());

    let first = store.list(None, 2).await.unwrap();
    let rest = store.list(first.last().map(|last| last.standing.position), 2).await.unwrap();

    assert_eq!(names(store).await, ["z", "a", "report"]);
    assert_eq!((first.len(), rest.len()), (2, 1));
    assert_eq!(rest[0].standing.allocation.name().as_str(), "report");
    assert!(store.get("m").await.unwrap().is_none());
    assert_eq!(store.nearest("repotr").await.unwrap(), AllocationName::parse("report").ok());
}

async fn only_a_new_schedule_moves_the_time_from_which_it_is_due(store: &dyn Store) {
    push(store, Origin::Api, &[("a", "0 0 * * *")]).await;
    let mut described = specification("a", "0 0 * * *");
    described.description = Some("for the books".into());
    let rescheduled = specification("a", "1 0 * * *");

    let mut scheduled_at = Vec::new();
    for (specification, at) in [(described, moment(5)), (rescheduled, moment(9))] {
        let specifications = vec![specification];
        let push =
            Push { specifications, origin: Origin::Api, complete: false, at, by: "test".into() };
        store.push(push).await.unwrap();
        scheduled_at.push(get(store, "a").await.standing.allocation.scheduled_at);
    }

    assert_eq!(scheduled_at, [moment(0), moment(9)]);
    assert_eq!(get(store, "a").await.standing.allocation.created_at, moment(0));
}

async fn an_instant_is_decided_once(store: &dyn Store) {
    push(store, Origin::Api, &[("a", "* * * * *")]).await;
    let later = run(store, "a", 120, RunState::Claimed).await;
    let earlier = run(store, "a", 60, RunState::Claimed).await;
    let mut strange = run(store, "a", 180, RunState::Claimed).await;
    strange.uid = uuid::Uuid::nil();

    assert_eq!(store.decide(later.clone()).await, Ok(Recorded::New));
    assert_eq!(store.decide(later).await, Ok(Recorded::Decided));
    assert_eq!(store.decide(earlier).await, Ok(Recorded::Decided));
    assert_eq!(store.decide(strange).await, Ok(Recorded::Changed));
    assert_eq!(get(store, "a").await.standing.decided, Some(moment(120)));
    assert_eq!(get(store, "a").await.standing.running, 1);
}

async fn what_was_decided_outlives_a_deletion(store: &dyn Store) {
    push(store, Origin::Api, &[("a", "* * * * *")]).await;
    let first = run(store, "a", 120, RunState::Claimed).await;
    store.decide(first).await.unwrap();

    store.delete("a", &Origin::Api, moment(130), "test").await.unwrap();
    push(store, Origin::Api, &[("a", "* * * * *")]).await;
    let again = run(store, "a", 120, RunState::Claimed).await;

    assert_eq!(store.decide(again).await, Ok(Recorded::Decided));
}

async fn a_name_created_anew_has_no_history(store: &dyn Store) {
    push(store, Origin::Api, &[("a", "* * * * *")]).await;
    let first = run(store, "a", 60, RunState::Claimed).await;
    store.decide(first.clone()).await.unwrap();
    let uid = get(store, "a").await.standing.allocation.uid;

    store.delete("a", &Origin::Api, moment(70), "test").await.unwrap();
    push(store, Origin::Api, &[("a", "* * * * *")]).await;

    let anew = get(store, "a").await;
    assert_ne!(anew.standing.allocation.uid, uid);
    assert!(anew.recent.is_empty());
    let late = store.finish(&first.id, end(RunState::Succeeded, 0, "")).await;
    assert_eq!(late, Err(StoreError::NoSuchRun(first.id)));
}

async fn a_run_is_recorded_from_claim_to_end(store: &dyn Store) {
    push(store, Origin::Api, &[("a", "* * * * *")]).await;
    let claimed = run(store, "a", 60, RunState::Claimed).await;
    let id = claimed.id.clone();
    store.decide(claimed).await.unwrap();

    let container = ContainerId("c0ffee".into());
    let created = Progress::Created {
        container: container.clone(),
        engine: "engine".into(),
        image: None,
        remarks: Vec::new(),
    };
    store.note(&id, created, moment(61)).await.unwrap();
    store.note(&id, Progress::Started, moment(62)).await.unwrap();
    let while_running = store.run("a", id.instant).await.unwrap().unwrap();
    store.finish(&id, end(RunState::Failed("exit code 3".to_owned()), 3, "oh")).await.unwrap();

    assert_eq!(while_running.state, RunState::Running);
    let over = store.run("a", id.instant).await.unwrap().unwrap();
    let attempt = over.attempt().unwrap();
    assert_eq!(over.state, RunState::Failed("exit code 3".to_owned()));
    assert_eq!(over.ended_at, Some(moment(10)));
    assert_eq!(attempt.container, Some(container));
    assert_eq!(attempt.image.as_deref(), Some("sha256:1"));
    assert_eq!(attempt.exit.as_ref().unwrap().code, 3);
    assert_eq!(attempt.output.as_ref().unwrap().to_bytes(), b"oh");
    assert_eq!(get(store, "a").await.standing.running, 0);
}

async fn missed_instants_in_a_row_are_one_record(store: &dyn Store) {
    push(store, Origin::Api, &[("a", "* * * * *")]).await;
    let missed = |last, count| RunState::Missed {
        reason: "the host was suspended".to_owned(),
        last: Instant::new(moment(last)),
        count,
    };

    for (first, last, count) in [(60, 180, 3), (240, 240, 1)] {
        let run = run(store, "a", first, missed(last, count)).await;
        assert_eq!(store.decide(run).await, Ok(Recorded::New));
    }

    let runs = store.runs("a", &RunFilter { limit: 9, ..RunFilter::default() }).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!((runs[0].id.instant, &runs[0].state), (Instant::new(moment(60)), &missed(240, 4)));
    assert_eq!(get(store, "a").await.standing.decided, Some(moment(240)));
}

async fn history_is_bounded_and_failures_outlive_successes(store: &dyn Store) {
    push(store, Origin::Api, &[("a", "* * * * *")]).await;
    for minute in 1..=400 {
        let claimed = run(store, "a", minute * 60, RunState::Claimed).await;
        let id = claimed.id.clone();
        store.decide(claimed).await.unwrap();
        let failed = minute % 10 == 0;
        let state =
            if failed { RunState::Failed("exit code 1".to_owned()) } else { RunState::Succeeded };
        store.finish(&id, end(state, i64::from(failed), "x")).await.unwrap();
    }

    let all = RunFilter { limit: usize::MAX, ..RunFilter::default() };
    let runs = store.runs("a", &all).await.unwrap();
    let keep = docket_model::allocation::Keep::default();
    let older = RunFilter { before: Some(runs[keep.runs - 1].id.instant), ..all };
    let failures = store.runs("a", &older).await.unwrap();

    assert!(runs.is_sorted_by(|newer, older| newer.id.instant > older.id.instant));
    assert_eq!(failures.len(), keep.failures);
    assert!(failures.iter().all(|run| run.state.word() == "failed"));
    assert_eq!(runs.len(), keep.runs + keep.failures);
}

async fn each_change_reaches_a_reader(store: &dyn Store) {
    push(store, Origin::Api, &[("a", ""), ("b", "")]).await;
    let changes = store.changes();
    let at_first = changes.take();
    push(store, Origin::Api, &[("a", ""), ("b", "0 0 * * *"), ("c", "")]).await;
    store.delete("c", &Origin::Api, moment(1), "test").await.unwrap();

    changes.arrived().await;
    let then = changes.take();

    let [a, b] = [get(store, "a").await.standing.position, get(store, "b").await.standing.position];
    assert_eq!(at_first.len(), 2);
    assert!(!then.contains_key(&a));
    assert!(matches!(&then[&b], Change::Stored { allocation, .. }
        if allocation.specification.schedule().unwrap().text() == "0 0 * * *"));
    let deleted =
        |change: &Change| matches!(change, Change::Deleted { name } if name.as_str() == "c");
    assert!(then.values().any(deleted));
}
