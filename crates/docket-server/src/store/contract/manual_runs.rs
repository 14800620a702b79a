//! Manual runs.

use std::sync::Arc;

use docket_model::{
    Run,
    run::{ManualRequest, Reason, RunState, Trigger},
};
use serde_json::json;

use super::{
    super::{ClaimOutcome, End, InstantKind, Store},
    carry_out, claim, end, finish, get, instant, missed, moment, note, push_a, pushed, record, run,
    seconds, settle, specified,
};

pub(in crate::store) async fn manual(store: &Store, second: i64) -> Run {
    let request = ManualRequest {
        by: "ann".to_owned(),
        command: Some(vec!["true".to_owned()]),
        environment: vec!["KEY=value".to_owned()],
        ..ManualRequest::default()
    };
    let trigger = Trigger::Manual(Arc::new(request));
    Run { trigger, ..run(store, "a", second, RunState::Starting).await }
}

/// Demands a run for this instant, which another one follows.
pub(in crate::store) async fn claim_manual_run(
    store: &Store,
    second: i64,
    following: Option<i64>,
) -> ClaimOutcome {
    let run = manual(store, second).await;
    store.claim_manual(run, InstantKind::Instant(following.map(instant))).await.unwrap()
}

/// Records that the instants of these minutes were missed.
pub(in crate::store) async fn miss(store: &Store, first: i64, last: i64) {
    let count = u64::try_from((last - first) / 60 + 1).unwrap();
    let run = run(store, "a", first, missed(last, count)).await;
    assert_eq!(store.claim(run).await, Ok(ClaimOutcome::New));
}

pub(in crate::store) async fn a_manual_run_leaves_what_was_decided(store: &Store) {
    push_a(store).await;
    carry_out(store, "a", 60, RunState::Succeeded).await;
    let wanted = manual(store, 90).await;

    let recorded = store.claim_manual(wanted.clone(), InstantKind::Now).await;
    let again = store.claim_manual(wanted.clone(), InstantKind::Now).await;
    finish(store, &wanted.id, end(RunState::Succeeded, 0, "x")).await.unwrap();

    assert_eq!(recorded, Ok(ClaimOutcome::New));
    assert_eq!(again, Ok(ClaimOutcome::Taken(Arc::new(wanted.clone()))));
    let status = get(store, "a").await.status;
    assert_eq!((status.decided, status.succeeded), (Some(moment(60)), Some(instant(90))));
    assert_eq!(record(store, "a", 90).await.trigger, wanted.trigger);
}

pub(in crate::store) async fn a_backfilled_instant_is_not_decided_again(store: &Store) {
    push_a(store).await;
    assert_eq!(claim_manual_run(store, 60, None).await, ClaimOutcome::New);
    let due = run(store, "a", 60, RunState::Starting).await;

    assert_eq!(store.claim(due).await, Ok(ClaimOutcome::Decided(instant(60))));

    let status = get(store, "a").await.status;
    assert_eq!((status.decided, status.runs.under_way()), (Some(moment(60)), 1));
    assert!(matches!(record(store, "a", 60).await.trigger, Trigger::Manual(_)));
}

pub(in crate::store) async fn a_manual_run_continues_a_record_without_a_container(store: &Store) {
    push_a(store).await;
    let failed = claim(store, "a", 60).await.id;
    let refusal = RunState::Failed(Reason::text("no such image"));
    let never = End { exit: None, output: None, ..end(refusal, 0, "") };
    finish(store, &failed, never).await.unwrap();
    let skipped = run(store, "a", 120, RunState::Skipped(Reason::text("an older one runs"))).await;
    store.claim(skipped).await.unwrap();
    let ran = claim(store, "a", 180).await.id;
    note(store, &ran, super::created("c0ffee"), moment(181)).await.unwrap();
    finish(store, &ran, end(super::failed(1), 1, "")).await.unwrap();

    let beside = RunState::Skipped(Reason::text("an older one runs"));
    let beside = Run { state: beside, ..manual(store, 60).await };
    let kept = store.claim_manual(beside, InstantKind::Instant(None)).await.unwrap();
    let taken_up =
        [claim_manual_run(store, 60, None).await, claim_manual_run(store, 120, None).await];
    let refused = claim_manual_run(store, 180, None).await;

    assert!(matches!(kept, ClaimOutcome::Taken(held) if matches!(held.state, RunState::Failed(_))));
    assert_eq!(taken_up, [ClaimOutcome::New, ClaimOutcome::New]);
    assert!(matches!(refused, ClaimOutcome::Taken(held) if held.state == super::failed(1)));
    let numbers =
        |run: Run| run.attempts.iter().map(|attempt| attempt.key.number).collect::<Vec<_>>();
    assert_eq!(numbers(record(store, "a", 60).await), [1, 2]);
    assert_eq!(numbers(record(store, "a", 120).await), [1]);
    assert_eq!(seconds(store, "a").await, [180, 120, 60]);
    assert_eq!(get(store, "a").await.status.runs.under_way(), 2);
}

pub(in crate::store) async fn missed_instants_are_fewer_by_one_made_up_for(store: &Store) {
    push_a(store).await;
    miss(store, 60, 300).await;

    assert_eq!(claim_manual_run(store, 180, Some(240)).await, ClaimOutcome::New);
    let middle = record(store, "a", 60).await.state;
    assert_eq!(claim_manual_run(store, 60, Some(120)).await, ClaimOutcome::New);
    let first = record(store, "a", 120).await.state;
    assert_eq!(claim_manual_run(store, 240, Some(300)).await, ClaimOutcome::New);
    assert_eq!(claim_manual_run(store, 300, None).await, ClaimOutcome::New);
    let span = record(store, "a", 120).await.state;
    assert_eq!(claim_manual_run(store, 120, Some(180)).await, ClaimOutcome::New);

    assert_eq!((middle, first, span), (missed(300, 4), missed(300, 3), missed(300, 1)));
    assert_eq!(seconds(store, "a").await, [300, 240, 180, 120, 60]);
    assert_eq!(get(store, "a").await.status.runs.under_way(), 5);
    assert_eq!(get(store, "a").await.status.decided, Some(moment(300)));
}

pub(in crate::store) async fn the_rest_of_a_span_takes_no_other_records_place(store: &Store) {
    push_a(store).await;
    miss(store, 60, 240).await;

    assert_eq!(claim_manual_run(store, 120, Some(180)).await, ClaimOutcome::New);
    assert_eq!(claim_manual_run(store, 60, Some(120)).await, ClaimOutcome::New);

    let manual = record(store, "a", 120).await;
    assert!(matches!(manual.trigger, Trigger::Manual(_)));
    let runs = store.runs("a", &super::RunFilter { limit: 9, ..Default::default() }).await.unwrap();
    let spans: Vec<_> = runs.iter().filter(|run| run.state == missed(240, 2)).collect();
    assert_eq!((runs.len(), spans.len()), (3, 1));
    assert!(spans[0].id.instant > instant(120) && spans[0].id.instant <= instant(240));
}

pub(in crate::store) async fn what_was_made_up_for_before_its_time_is_not_decided_again(
    store: &Store,
) {
    let keep = json!({"Name": "a", "Cron": "* * * * *", "Keep": {"Runs": 1, "Failures": 0}});
    store.push(pushed(vec![specified(keep)], 0)).await.unwrap();
    assert_eq!(claim_manual_run(store, 60, Some(120)).await, ClaimOutcome::New);
    let id = manual(store, 60).await.id;
    finish(store, &id, end(RunState::Succeeded, 0, "x")).await.unwrap();
    for second in [70, 80] {
        let now = manual(store, second).await;
        assert_eq!(store.claim_manual(now.clone(), InstantKind::Now).await, Ok(ClaimOutcome::New));
        finish(store, &now.id, end(RunState::Succeeded, 0, "x")).await.unwrap();
    }
    settle(store).await;

    // Its jitter delays the start of an instant until after its backfill.
    let due = run(store, "a", 60, RunState::Starting).await;

    assert_eq!(store.claim(due).await, Ok(ClaimOutcome::Decided(instant(60))));
    carry_out(store, "a", 120, RunState::Succeeded).await;
    settle(store).await;
    assert_eq!(seconds(store, "a").await, [120]);
}

pub(in crate::store) async fn what_may_have_run_and_is_forgotten_is_not_made_up_for(store: &Store) {
    let keep = json!({"Name": "a", "Cron": "* * * * *", "Keep": {"Runs": 1, "Failures": 0}});
    store.push(pushed(vec![specified(keep)], 0)).await.unwrap();
    for minute in 1..=3 {
        carry_out(store, "a", minute * 60, RunState::Succeeded).await;
    }
    settle(store).await;

    let forgotten =
        [claim_manual_run(store, 60, None).await, claim_manual_run(store, 90, None).await];
    let later = claim_manual_run(store, 150, None).await;

    assert_eq!(forgotten, [ClaimOutcome::Pruned(instant(120)), ClaimOutcome::Pruned(instant(120))]);
    assert_eq!(later, ClaimOutcome::New);
}

pub(in crate::store) async fn a_span_keeps_its_rest_where_the_instant_after_is_not_within(
    store: &Store,
) {
    push_a(store).await;
    miss(store, 60, 180).await;

    // As after another schedule was pushed.
    assert_eq!(claim_manual_run(store, 60, Some(3600)).await, ClaimOutcome::New);

    let rest = &store.runs("a", &every()).await.unwrap()[0];
    assert_eq!(rest.state, missed(180, 2));
    assert!(rest.id.instant > instant(60) && rest.id.instant <= instant(120));
}

pub(in crate::store) async fn what_was_missed_after_its_claim_goes_on_with_the_next_attempt(
    store: &Store,
) {
    push_a(store).await;
    let id = claim(store, "a", 60).await.id;
    let never = End { exit: None, output: None, ..end(missed(60, 1), 0, "") };
    finish(store, &id, never).await.unwrap();

    assert_eq!(claim_manual_run(store, 60, Some(120)).await, ClaimOutcome::New);

    let attempts = record(store, "a", 60).await.attempts;
    let numbers: Vec<_> = attempts.iter().map(|attempt| attempt.key.number).collect();
    assert_eq!((numbers, seconds(store, "a").await), (vec![1, 2], vec![60]));
}

pub(in crate::store) async fn a_run_for_now_backfills_nothing(store: &Store) {
    let keep = json!({"Name": "a", "Cron": "* * * * *", "Keep": {"Runs": 1, "Failures": 9}});
    store.push(pushed(vec![specified(keep)], 0)).await.unwrap();
    miss(store, 60, 300).await;
    for second in [360, 420] {
        carry_out(store, "a", second, RunState::Succeeded).await;
    }
    settle(store).await;
    // The clock was set back.
    for second in [90, 350] {
        let now = manual(store, second).await;
        assert_eq!(store.claim_manual(now, InstantKind::Now).await, Ok(ClaimOutcome::New));
    }
    let moment = manual(store, 95).await;

    assert_eq!(store.claim_manual(moment, InstantKind::Moment).await, Ok(ClaimOutcome::New));
    assert_eq!(record(store, "a", 60).await.state, missed(300, 5));
    let at_the_same = manual(store, 60).await;
    let taken = store.claim_manual(at_the_same, InstantKind::Now).await.unwrap();
    assert!(matches!(taken, ClaimOutcome::Taken(_)), "{taken:?}");
}

fn every() -> super::RunFilter {
    super::RunFilter { limit: usize::MAX, ..Default::default() }
}
