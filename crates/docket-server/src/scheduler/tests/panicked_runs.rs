//! Run tasks that panic.

use docket_model::run::{Reason, RunState};

use super::harness::{Fault, House};

/// The calls of the engine in which the task of a run may panic.
const CALLS: [&str; 5] = ["pull", "prepare", "launch", "watch", "read_log"];

impl House {
    /// The state of the newest run.
    async fn state(&self, name: &str) -> RunState {
        self.runs(name).await.pop().unwrap().state.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_task_panics_is_continued_from_its_record_and_starts_once() {
    for call in CALLS {
        let house = House::open().await;
        house.push("a", "10 9 * * *", "sleep-5").await;
        house.plan(call, Fault::Panics);

        house.until("09:20:00").await;

        assert_eq!(house.state("a").await, RunState::Succeeded, "{call}");
        assert_eq!(house.instants("a"), ["20261121T091000Z"], "{call}");
        assert!(house.runner.queues.is_empty(), "{call}");
        assert!(house.seen("a").iter().all(|seen| seen.removed), "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_task_panics_each_time_fails_and_the_next_one_runs() {
    for call in CALLS {
        let house = House::open().await;
        house.push("a", "10,20 9 * * *", "sleep-20").await;
        (0..4).for_each(|_| house.plan(call, Fault::Panics));

        house.until("09:30:00").await;

        let [failed, next] = &*house.runs("a").await else { panic!("{call}") };
        let is_internal = matches!(
            &failed.state,
            RunState::Failed(Reason::InternalError { message }) if message.contains("as planned")
        );
        assert!(is_internal, "{call}: {}", failed.state.word());
        assert_eq!(next.state, RunState::Succeeded, "{call}");
        assert!(house.runner.queues.is_empty(), "{call}");
        assert!(
            house
                .seen("a")
                .iter()
                .all(|seen| seen.removed || seen.exit_code.is_some() || seen.starts == 0),
            "{call}"
        );
    }
}
