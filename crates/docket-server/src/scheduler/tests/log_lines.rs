//! Where the lines of the log say which run they are about.

use super::harness::{Fault, House};
use crate::{outputs::OutputEvent, test_log::TestLog};

/// The beginning of a line about the first attempt of the run at 09:10.
const SPAN: &str = "run{allocation=a run=20261121T091000Z}:attempt{attempt=1}: ";

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_followed_for_a_while_is_logged_in_the_span_of_its_run() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "long").await;
    house.until("09:12:00").await;
    let instant = house.runs("a").await[0].id.instant;
    house.plan("logs", Fault::Fails);
    let (log, _logging) = TestLog::start();

    let mut pieces = house.runner.context.outputs.follow("a", instant, None, 0);
    while !matches!(pieces.recv().await, Some(Ok(OutputEvent::Piece(_)))) {}

    let lines = log.lines_with("the follow of the log");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with(&format!("WARN {SPAN}")), "{lines:?}");
    assert!(lines[1].starts_with(&format!("INFO {SPAN}")), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_kept_container_that_cannot_be_removed_with_its_allocation_is_logged_in_the_span_of_its_run()
 {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "exit-3").await;
    house.until("09:12:00").await;
    house.plan("remove", Fault::Refuses);
    let (log, _logging) = TestLog::start();

    house.delete("a").await;
    house.until("09:13:00").await;

    let lines = log.lines_with("could not be removed");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with(&format!("WARN {SPAN}")), "{lines:?}");
}
