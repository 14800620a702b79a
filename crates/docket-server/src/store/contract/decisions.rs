//! Decisions about instants, and how many of their records stay.

use docket_model::{
    Origin,
    run::{RunState, StateWord},
};
use serde_json::json;

use super::{
    super::{ChangeContext, ClaimOutcome, InstantKind, Progress, RunFilter, Store, StoreError},
    carry_out, claim, end, failed, finish, get, instant, missed, moment, push, push_a, pushed,
    record, run, seconds, settle, specified,
};

pub(in crate::store) async fn an_instant_is_decided_once(store: &Store) {
    push_a(store).await;
    let later = run(store, "a", 120, RunState::Starting).await;
    let earlier = run(store, "a", 60, RunState::Starting).await;
    let mut strange = run(store, "a", 180, RunState::Starting).await;
    strange.uid = uuid::Uuid::nil();

    assert_eq!(store.claim(later.clone()).await, Ok(ClaimOutcome::New));
    assert_eq!(store.claim(later).await, Ok(ClaimOutcome::Decided(instant(120))));
    assert_eq!(store.claim(earlier).await, Ok(ClaimOutcome::Decided(instant(120))));
    assert_eq!(store.claim(strange).await, Ok(ClaimOutcome::Changed));
    assert_eq!(get(store, "a").await.status.decided, Some(moment(120)));
    assert_eq!(get(store, "a").await.status.runs.under_way(), 1);
}

pub(in crate::store) async fn what_was_decided_outlives_a_deletion(store: &Store) {
    push_a(store).await;
    let first = run(store, "a", 120, RunState::Starting).await;
    store.claim(first).await.unwrap();

    store.delete("a", &Origin::Api, ChangeContext::new(moment(130), "test")).await.unwrap();
    push_a(store).await;
    let again = run(store, "a", 120, RunState::Starting).await;

    assert_eq!(store.claim(again.clone()).await, Ok(ClaimOutcome::Decided(instant(120))));
    // It is unknown whether it ran.
    assert_eq!(
        store.claim_manual(again, InstantKind::Instant(None)).await,
        Ok(ClaimOutcome::Pruned(instant(120)))
    );
    assert_eq!(get(store, "a").await.status.pruned, Some(instant(120)));
}

pub(in crate::store) async fn a_span_that_was_decided_in_part_returns_up_to_when(store: &Store) {
    push_a(store).await;
    claim(store, "a", 60).await;
    let span = run(store, "a", 60, missed(120, 2)).await;
    let rest = run(store, "a", 120, missed(120, 1)).await;

    assert_eq!(store.claim(span).await, Ok(ClaimOutcome::Decided(instant(60))));
    assert_eq!(seconds(store, "a").await, [60]);
    assert_eq!(store.claim(rest).await, Ok(ClaimOutcome::New));
    assert_eq!(seconds(store, "a").await, [120, 60]);
}

pub(in crate::store) async fn a_name_created_anew_has_no_history(store: &Store) {
    push_a(store).await;
    let first = run(store, "a", 60, RunState::Starting).await;
    store.claim(first.clone()).await.unwrap();
    let uid = get(store, "a").await.status.allocation.uid;

    store.delete("a", &Origin::Api, ChangeContext::new(moment(70), "test")).await.unwrap();
    push_a(store).await;

    let anew = get(store, "a").await;
    assert_ne!(anew.status.allocation.uid, uid);
    assert!(anew.recent.is_empty());
    let late = finish(store, &first.id, end(RunState::Succeeded, 0, "")).await;
    assert_eq!(late, Err(StoreError::NoSuchRun(first.id)));
}

pub(in crate::store) async fn the_records_of_a_name_created_anew_are_its_own(store: &Store) {
    push_a(store).await;
    let first = run(store, "a", 60, RunState::Starting).await;
    assert_eq!(
        store.claim_manual(first.clone(), InstantKind::Instant(None)).await,
        Ok(ClaimOutcome::New)
    );
    store.delete("a", &Origin::Api, ChangeContext::new(moment(70), "test")).await.unwrap();
    push_a(store).await;
    let own = run(store, "a", 60, RunState::Starting).await;
    assert_eq!(
        store.claim_manual(own.clone(), InstantKind::Instant(None)).await,
        Ok(ClaimOutcome::New)
    );

    let refused = StoreError::NoSuchRun(first.id.clone());
    for progress in [Progress::Started, super::created("c0ffee")] {
        let noted = store.note(&first.id, first.uid, progress, moment(80)).await;
        assert_eq!(noted, Err(refused.clone()));
    }
    let end = end(RunState::Succeeded, 0, "");
    assert_eq!(store.finish(&first.id, first.uid, end).await, Err(refused));

    assert_eq!(record(store, "a", 60).await, own);
    assert_eq!(get(store, "a").await.status.succeeded, None);
}

pub(in crate::store) async fn missed_instants_in_a_row_are_one_record(store: &Store) {
    push_a(store).await;
    for (first, last, count) in [(60, 180, 3), (240, 240, 1)] {
        let run = run(store, "a", first, missed(last, count)).await;
        assert_eq!(store.claim(run).await, Ok(ClaimOutcome::New));
    }

    let runs = store.runs("a", &RunFilter { limit: 9, ..RunFilter::default() }).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!((runs[0].id.instant, &runs[0].state), (instant(60), &missed(240, 4)));
    assert_eq!(get(store, "a").await.status.decided, Some(moment(240)));
}

pub(in crate::store) async fn history_is_bounded_and_failures_outlive_successes(store: &Store) {
    push_a(store).await;
    for minute in 1..=400 {
        let state = if minute % 10 == 0 { failed(1) } else { RunState::Succeeded };
        carry_out(store, "a", minute * 60, state).await;
    }
    settle(store).await;

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

pub(in crate::store) async fn a_decision_about_another_revision_changes_nothing(store: &Store) {
    push_a(store).await;
    let before = run(store, "a", 60, RunState::Starting).await;
    push(store, Origin::Api, &[("a", "0 0 * * *")]).await;

    assert_eq!(store.claim(before.clone()).await, Ok(ClaimOutcome::Changed));
    assert_eq!(
        store.claim_manual(before, InstantKind::Instant(None)).await,
        Ok(ClaimOutcome::Changed)
    );

    let status = get(store, "a").await.status;
    assert_eq!((status.decided, status.runs.under_way()), (None, 0));
    assert!(seconds(store, "a").await.is_empty());
}

pub(in crate::store) async fn a_lower_bound_holds_from_the_next_decision_on(store: &Store) {
    push_a(store).await;
    for minute in 1..=6 {
        let state = if minute == 2 { failed(1) } else { RunState::Succeeded };
        carry_out(store, "a", minute * 60, state).await;
    }
    let keep = json!({"Name": "a", "Cron": "* * * * *", "Keep": {"Runs": 2, "Failures": 1}});

    store.push(pushed(vec![specified(keep)], 400)).await.unwrap();
    let at_first = seconds(store, "a").await;
    claim(store, "a", 420).await;
    settle(store).await;

    assert_eq!(at_first.len(), 6);
    assert_eq!(seconds(store, "a").await, [420, 360, 120]);
    let status = get(store, "a").await.status;
    assert_eq!(status.pruned, Some(instant(300)));
    assert_eq!(status.decided, Some(moment(420)));
    assert_eq!(status.succeeded, Some(instant(360)));
}

pub(in crate::store) async fn runs_are_listed_newest_first(store: &Store) {
    push_a(store).await;
    for minute in 1..=5 {
        let state = if minute % 2 == 0 { failed(1) } else { RunState::Succeeded };
        carry_out(store, "a", minute * 60, state).await;
    }
    let listed = async |before: Option<i64>, state: Option<&str>, limit| {
        let before = before.map(instant);
        let states = state.iter().filter_map(|word| StateWord::parse(word)).collect();
        let runs = store.runs("a", &RunFilter { before, states, limit }).await.unwrap();
        let instants = runs.iter().map(|run| run.id.instant);
        instants.map(|at| (at.moment() - moment(0)).num_seconds()).collect::<Vec<_>>()
    };

    assert_eq!(listed(None, None, 2).await, [300, 240]);
    assert_eq!(listed(Some(240), None, 9).await, [180, 120, 60]);
    assert_eq!(listed(None, Some("failed"), 9).await, [240, 120]);
    assert_eq!(listed(Some(120), Some("failed"), 9).await, [0; 0]);
    assert_eq!(store.runs("b", &RunFilter::default()).await, Ok(Vec::new()));
    let recent = get(store, "a").await.recent;
    assert_eq!((recent.len(), recent[0].id.instant), (5, instant(300)));
}

pub(in crate::store) async fn missed_instants_and_a_manual_run_keep_their_records(store: &Store) {
    push_a(store).await;
    let manual = run(store, "a", 60, RunState::Starting).await;
    assert_eq!(store.claim_manual(manual, InstantKind::Instant(None)).await, Ok(ClaimOutcome::New));

    let span = run(store, "a", 60, missed(180, 3)).await;
    assert_eq!(store.claim(span).await, Ok(ClaimOutcome::Decided(instant(60))));
    let rest = run(store, "a", 120, missed(180, 2)).await;
    assert_eq!(store.claim(rest).await, Ok(ClaimOutcome::New));

    assert_eq!(get(store, "a").await.status.decided, Some(moment(180)));
    let all = RunFilter { limit: 9, ..RunFilter::default() };
    let runs = store.runs("a", &all).await.unwrap();
    let states: Vec<_> = runs.iter().map(|run| run.state.clone()).collect();
    assert_eq!(states, [missed(180, 2), RunState::Starting]);
}

pub(in crate::store) async fn a_span_ends_before_a_manual_backfill(store: &Store) {
    push_a(store).await;
    for second in [120, 180] {
        let manual = run(store, "a", second, RunState::Starting).await;
        assert_eq!(
            store.claim_manual(manual, InstantKind::Instant(None)).await,
            Ok(ClaimOutcome::New)
        );
    }

    let whole = run(store, "a", 60, missed(240, 4)).await;
    assert_eq!(store.claim(whole).await, Ok(ClaimOutcome::Beside(instant(120))));
    let undecided = get(store, "a").await.status.decided;
    let before = run(store, "a", 60, missed(60, 1)).await;
    assert_eq!(store.claim(before).await, Ok(ClaimOutcome::New));

    assert_eq!(undecided, None);
    assert_eq!(seconds(store, "a").await, [180, 120, 60]);
    assert_eq!(get(store, "a").await.status.decided, Some(moment(60)));
}
