//! The bound of memory.

use std::sync::Arc;

use docket_model::{Origin, Output, Run, run::RunState};

use super::super::{
    ClaimOutcome, End, RunFilter, Store,
    contract::{
        carry_out, claim, created, end, finish,
        manual_runs::{self, claim_manual_run, miss},
        moment, note, push, push_a,
    },
};

#[tokio::test]
async fn what_was_made_up_for_is_not_forgotten_before_those_that_were_missed() {
    let store = Store::in_memory(12_000);
    push_a(&store).await;
    push(&store, Origin::Api, &[("b", "* * * * *")]).await;
    miss(&store, 60, 600).await;
    for second in [180, 240] {
        assert_eq!(claim_manual_run(&store, second, Some(second + 60)).await, ClaimOutcome::New);
        let id = manual_runs::manual(&store, second).await.id;
        note(&store, &id, created("c0ffee"), moment(second)).await.unwrap();
        finish(&store, &id, end(RunState::Succeeded, 0, "x")).await.unwrap();
    }
    let before = store.runs("a", &RunFilter { limit: 9, ..Default::default() }).await.unwrap();

    for minute in 1..100 {
        carry_out(&store, "b", minute * 60, RunState::Succeeded).await;
        let again = claim_manual_run(&store, 180, Some(240)).await;
        assert!(matches!(again, ClaimOutcome::Taken(_) | ClaimOutcome::Pruned(_)), "{again:?}");
    }

    let left = store.runs("a", &RunFilter { limit: 9, ..Default::default() }).await.unwrap();
    assert!(before.len() == 3 && left.len() < before.len(), "{left:?}");
}

/// Runs `b` at a second, which writes so many bytes.
async fn write(store: &Store, second: i64, bytes: usize) {
    let id = claim(store, "b", second).await.id;
    note(store, &id, created("c0ffee"), moment(second)).await.unwrap();
    let mut output = Output::bounded(bytes);
    output.push(&vec![b'x'; bytes]);
    let end = End { output: Some(output.into()), ..end(RunState::Succeeded, 0, "") };
    finish(store, &id, end).await.unwrap();
}

#[tokio::test]
async fn outputs_go_before_records_and_say_so() {
    let store = Store::in_memory(100_000);
    push_a(&store).await;
    push(&store, Origin::Api, &[("b", "* * * * *")]).await;
    carry_out(&store, "a", 60, RunState::Succeeded).await;

    for second in [60, 120, 180] {
        write(&store, second, 60_000).await;
    }
    write(&store, 240, 100_000).await;

    let runs =
        async |name| store.runs(name, &RunFilter { limit: 9, ..Default::default() }).await.unwrap();
    let kept = |run: &Arc<Run>| run.attempts[0].output.as_ref().unwrap().kept();
    assert_eq!(runs("a").await.iter().map(kept).collect::<Vec<_>>(), [0]);
    let of_b = runs("b").await;
    assert_eq!(of_b.iter().map(kept).collect::<Vec<_>>(), [0, 60_000, 0, 0]);
    for run in of_b.iter().filter(|run| kept(run) == 0) {
        let attempt = &run.attempts[0];
        assert!(attempt.output.as_ref().unwrap().omitted() >= 60_000);
        assert!(attempt.remarks[0].contains("the output was removed"), "{attempt:?}");
    }
    let output = store.output("b", of_b[3].id.instant, 1.into(), 0).await.unwrap().unwrap();
    assert_eq!(output.into_bytes(), b"\n[docket: 60000 bytes left out here]\n");
}

#[tokio::test]
async fn the_newest_record_of_an_allocation_stays_however_many_others_come() {
    let store = Store::in_memory(20_000);
    push_a(&store).await;
    push(&store, Origin::Api, &[("b", "* * * * *")]).await;
    carry_out(&store, "a", 60, RunState::Succeeded).await;
    carry_out(&store, "a", 120, RunState::Succeeded).await;

    for minute in 1..100 {
        carry_out(&store, "b", minute * 60, RunState::Succeeded).await;
    }

    let newest = store.runs("a", &RunFilter { limit: 9, ..Default::default() }).await.unwrap();
    let newest: Vec<_> = newest.iter().map(|run| run.id.instant.moment()).collect();
    assert_eq!(newest, [moment(120)]);
}
