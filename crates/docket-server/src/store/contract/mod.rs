//! What every store must do, as tests that run for each of them.
//!
//! A new backend keeps the contract where `keeps_the_contract!(new)` passes, `new` being an async function
//! that returns an empty store over it behind whatever must outlive it.

mod large_pushes;
mod late_commits;
mod random_operations;
mod tested_backends;
mod two_writers;
mod unreliable_backends;

pub(super) mod all_runs;
pub(super) mod allocations;
pub(super) mod decisions;
pub(super) mod dependencies;
pub(super) mod events;
pub(super) mod manual_changes;
pub(super) mod manual_runs;
pub(super) mod missed_on_change;
pub(super) mod notifications;
pub(super) mod preconditions;
pub(super) mod run_progress;
pub(super) mod server_pause;

use chrono::{DateTime, Utc};
use docket_model::{
    Origin, Output, Run, RunId, Specification, Zone,
    container::UnknownOptions,
    finding::FieldPath,
    run::{ContainerId, Exit, Instant, Reason, RunState, Trigger},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    ChangeContext, Circumstances, ClaimOutcome, Condition, Effect, End, Progress, Push, RunFilter,
    Snapshot, Store, StoreError,
};

macro_rules! keeps_the_contract {
    ($new:ident) => {
        $crate::store::contract::keeps_the_contract! { $new:
            allocations::a_push_creates_updates_and_leaves_alone,
            allocations::a_push_over_someone_elses_name_changes_nothing,
            allocations::a_complete_push_takes_away_what_its_origin_has_no_more,
            allocations::a_file_that_was_moved_is_still_the_same_owner,
            allocations::allocations_are_listed_in_the_order_of_creation,
            allocations::positions_and_revisions_are_given_once,
            allocations::only_a_new_schedule_moves_the_time_from_which_it_is_due,
            allocations::each_change_reaches_a_reader,
            notifications::the_first_failure_the_recovery_and_missed_instants_are_in_the_outbox,
            notifications::who_was_not_notified_of_a_failure_hears_of_the_next_one,
            notifications::what_was_sent_or_dropped_leaves_the_outbox,
            notifications::a_masked_url_stands_for_the_one_that_is_stored,
            preconditions::a_change_is_made_on_its_condition_only,
            preconditions::of_two_who_change_the_same_revision_one_wins,
            dependencies::what_comes_first_must_be_there_without_a_circle,
            dependencies::what_others_run_after_stays,
            dependencies::children_follow_what_is_pushed,
            manual_changes::a_suspension_outlives_pushes_until_it_is_resumed,
            manual_changes::a_reset_sets_back_only_what_is_ahead_of_the_clock,
            manual_changes::a_reset_brings_back_what_was_done_while_the_clock_was_ahead,
            manual_changes::what_is_suspended_is_not_claimed_by_whoever_did_not_know,
            manual_changes::what_was_suspended_is_not_claimed_after_another_suspension,
            manual_changes::readers_learn_what_a_hand_does,
            manual_changes::the_journal_tells_who_changed_what,
            manual_changes::the_journal_is_listed_newest_first_and_bounded,
            decisions::an_instant_is_decided_once,
            decisions::a_span_that_was_decided_in_part_returns_up_to_when,
            decisions::a_decision_about_another_revision_changes_nothing,
            decisions::what_was_decided_outlives_a_deletion,
            decisions::a_name_created_anew_has_no_history,
            decisions::the_records_of_a_name_created_anew_are_its_own,
            decisions::missed_instants_in_a_row_are_one_record,
            decisions::missed_instants_and_a_manual_run_keep_their_records,
            decisions::a_span_ends_before_a_manual_backfill,
            decisions::history_is_bounded_and_failures_outlive_successes,
            decisions::a_lower_bound_holds_from_the_next_decision_on,
            decisions::runs_are_listed_newest_first,
            all_runs::all_runs_are_listed_newest_first_from_any_place,
            all_runs::all_runs_are_those_that_were_asked_for,
            all_runs::all_runs_of_a_deleted_allocation_are_gone,
            run_progress::a_run_is_recorded_from_claim_to_end,
            run_progress::a_run_keeps_all_its_attempts,
            run_progress::a_run_that_waits_for_a_node_has_the_latest_reason,
            run_progress::a_run_whose_node_is_away_says_from_when_until_when,
            run_progress::each_replacement_has_a_remark_and_a_refused_name_one,
            run_progress::an_output_of_many_pieces_is_read_from_any_position,
            run_progress::whatever_happens_to_a_run_is_kept,
            run_progress::nothing_is_added_to_a_run_that_is_over_or_unknown,
            run_progress::a_lost_run_may_be_found_again,
            run_progress::what_is_known_of_an_output_is_not_lost_with_its_container,
            run_progress::what_is_under_way_keeps_its_specification,
            run_progress::the_greatest_success_is_remembered,
            manual_runs::a_manual_run_leaves_what_was_decided,
            manual_runs::a_backfilled_instant_is_not_decided_again,
            manual_runs::a_manual_run_continues_a_record_without_a_container,
            manual_runs::missed_instants_are_fewer_by_one_made_up_for,
            manual_runs::the_rest_of_a_span_takes_no_other_records_place,
            manual_runs::a_span_keeps_its_rest_where_the_instant_after_is_not_within,
            manual_runs::what_was_made_up_for_before_its_time_is_not_decided_again,
            manual_runs::what_was_missed_after_its_claim_goes_on_with_the_next_attempt,
            manual_runs::a_run_for_now_backfills_nothing,
            manual_runs::what_may_have_run_and_is_forgotten_is_not_made_up_for,
            server_pause::a_pause_keeps_its_beginning_and_is_noted_once,
            server_pause::what_a_pause_holds_is_not_claimed_by_whoever_did_not_know,
            missed_on_change::an_edit_leaves_no_instant_without_a_record,
            missed_on_change::an_edit_of_anything_else_leaves_what_is_due,
            missed_on_change::the_reason_of_an_edit_names_what_kept_it_from_starting,
            missed_on_change::an_edit_leaves_the_records_that_are_there,
            missed_on_change::what_was_suspended_at_its_instant_says_so_after_an_edit,
            missed_on_change::an_edit_of_what_comes_first_leaves_no_instant_without_a_record,
            missed_on_change::unknown_instants_are_missed_for_that_reason,
            missed_on_change::another_zone_of_the_server_starts_no_instant_of_the_past,
            missed_on_change::newer_rules_of_a_zone_settle_what_is_due_by_the_old_ones,
            events::each_change_of_a_run_is_an_event_in_order,
            events::an_event_has_the_time_of_the_change_and_the_state_since,
            events::missed_instants_are_events_as_their_record_grows,
            events::a_journal_entry_is_an_event_with_the_labels_of_its_allocation,
            events::a_rejected_change_is_no_event,
        }
    };
    ($new:ident: $($group:ident::$part:ident,)*) => {
        $(
            #[tokio::test]
            async fn $part() {
                let (_outlives, store) = $new().await;
                $crate::store::contract::$group::$part(&store).await;
            }
        )*
    };
}
pub(super) use keeps_the_contract;

/// So many seconds after a moment at which all these stories begin.
pub(super) fn moment(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

pub(super) fn instant(second: i64) -> Instant {
    Instant::new(moment(second))
}

/// A specification with these keys, which may leave the container out.
pub(super) fn specified(mut keys: Value) -> Specification {
    keys["Container"] = json!({"Config": {"Image": "busybox"}});
    let read = Specification::read(keys, &FieldPath::default(), UnknownOptions::Refuse);
    read.unwrap().specification
}

pub(super) fn specification(name: &str, cron: &str) -> Specification {
    specified(json!({"Name": name, "Cron": cron}))
}

/// A push over the API.
pub(super) fn pushed(specifications: Vec<Specification>, second: i64) -> Push {
    let (origin, at) = (Origin::Api, moment(second));
    let only_if = Condition::Nothing;
    let circumstances = Circumstances { zone: Zone::utc(), outages: Vec::new() };
    let by = "test".into();
    Push { specifications, origin, complete: false, at, by, only_if, circumstances }
}

pub(super) async fn push(store: &Store, origin: Origin, specs: &[(&str, &str)]) -> Vec<Effect> {
    let specifications = specs.iter().map(|(name, cron)| specification(name, cron)).collect();
    store.push(Push { origin, ..pushed(specifications, 0) }).await.unwrap()
}

/// Pushes `a`, which is due each minute.
pub(super) async fn push_a(store: &Store) {
    push(store, Origin::Api, &[("a", "* * * * *")]).await;
}

pub(super) async fn names(store: &Store) -> Vec<String> {
    let listed = store.list(None, usize::MAX).await.unwrap();
    listed.iter().map(|snapshot| snapshot.status.allocation.name().to_string()).collect()
}

pub(super) async fn get(store: &Store, name: &str) -> Snapshot {
    store.get(name).await.unwrap().unwrap()
}

pub(super) async fn run(store: &Store, name: &str, second: i64, state: RunState) -> Run {
    let allocation = get(store, name).await.status.allocation;
    Run::decided(&allocation, instant(second), Trigger::Schedule, state, moment(second))
}

/// Claims a run.
pub(super) async fn claim(store: &Store, name: &str, second: i64) -> Run {
    let claimed = run(store, name, second, RunState::Starting).await;
    assert_eq!(store.claim(claimed.clone()).await, Ok(ClaimOutcome::New));
    claimed
}

/// Adds to the record of a run of whatever allocation has the name now.
pub(super) async fn note(
    store: &Store,
    id: &RunId,
    progress: Progress,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    store.note(id, uid(store, id), progress, at).await
}

/// Records the end of an attempt at a run of whatever allocation has the name now.
pub(super) async fn finish(store: &Store, id: &RunId, end: End) -> Result<(), StoreError> {
    store.finish(id, uid(store, id), end).await
}

fn uid(store: &Store, id: &RunId) -> Uuid {
    let status = store.status(id.allocation.as_str());
    status.map_or(Uuid::nil(), |status| status.allocation.uid)
}

/// Claims a run and lets it end at once.
pub(super) async fn carry_out(store: &Store, name: &str, second: i64, state: RunState) -> Run {
    let claimed = claim(store, name, second).await;
    let code = i64::from(state != RunState::Succeeded);
    finish(store, &claimed.id, end(state, code, "x")).await.unwrap();
    claimed
}

/// The record of a run, which must be there.
pub(super) async fn record(store: &Store, name: &str, second: i64) -> Run {
    let run = store.run(name, instant(second)).await.unwrap();
    run.unwrap_or_else(|| panic!("no record of {name} at {second}")).as_ref().clone()
}

/// The instants of all records, the newest first, in seconds.
pub(super) async fn seconds(store: &Store, name: &str) -> Vec<i64> {
    let all = RunFilter { limit: usize::MAX, ..RunFilter::default() };
    let runs = store.runs(name, &all).await.unwrap();
    let second = |run: &Run| (run.id.instant.moment() - moment(0)).num_seconds();
    runs.iter().map(|run| second(run)).collect()
}

/// Has something written, so that whatever a store does soon after a decision is done too.
pub(super) async fn settle(store: &Store) {
    store.delete("missing", &Origin::Api, ChangeContext::new(moment(0), "test")).await.unwrap();
}

pub(super) fn failed(code: i64) -> RunState {
    RunState::Failed(Reason::ExitCode { exit_code: code })
}

pub(super) fn missed(last: i64, count: u64) -> RunState {
    let reason = Reason::text("the host was suspended");
    RunState::Missed { reason, last: instant(last), count }
}

pub(super) fn created(container: &str) -> Progress {
    Progress::Created {
        version: None,
        container: ContainerId(container.into()),
        engine: Some("engine".into()),
        image: None,
        remarks: Vec::new(),
    }
}

pub(super) fn end(state: RunState, code: i64, output: &str) -> End {
    let mut captured = Output::bounded(100);
    captured.push(output.as_bytes());
    let exit = Exit {
        code: Some(code),
        image: Some("sha256:1".into()),
        started_at: Some(moment(8)),
        ended_at: Some(moment(9)),
        error: None,
        cause: None,
    };
    let (exit, output) = (Some(exit), Some(captured.into()));
    End { part: None, state, exit, started_at: None, output, remarks: Vec::new(), at: moment(10) }
}
