//! Reading the whole log of a pod that has ended.

use docket_model::{Output, output::Stream, run::ContainerId};
use docket_server::engine::{Captured, EngineError};

use crate::{
    kept_log::{KeptLog, ROTATED},
    kept_logs::KeptLogs,
    open_log::OpenLog,
    second_start,
    shared_engine_state::{Pods, unread},
};

/// What is said of a log that went with its container.
const FOLLOWED: &str = "its node no longer has the log: this is what docket followed of it";
/// What is said where nothing is left of a log.
const LOST: &str = "no output: its node no longer has the log";

/// Reads the log of a pod from its beginning; what docket has followed takes the place of what is gone.
pub(crate) async fn read_log(
    pods: &Pods,
    logs: &KeptLogs,
    id: &ContainerId,
    limit: usize,
) -> Result<Captured, EngineError> {
    let pod = pods.look(id).await?;
    let mut output = Output::bounded(limit);
    let kept = logs.kept(id);
    let mut log = match OpenLog::open(pods, &pod, false).await {
        Ok(log) => Some(log),
        // A pod whose container was never made has no log. The pod itself was there just now, so what is not
        // found is its node.
        Err(error) if error.is_invalid() || error.is_not_found() => None,
        // What was followed to its end needs no node.
        Err(_) if kept.as_ref().is_some_and(|kept| kept.is_whole()) => None,
        Err(error) => return Err(unread(error)),
    };
    if let Some(log) = &mut log {
        while let Some(bytes) = log.next().await? {
            output.push_to(Stream::Out, &bytes);
        }
    }
    let is_lost = log.is_none_or(|log| log.is_lost);
    let Some(kept) = kept else {
        let remark = second_start::reported(&pod).or(is_lost.then_some(LOST));
        return Ok(Captured { output, remark: remark.map(str::to_owned) });
    };
    kept.note_container(&pod);
    if is_lost {
        kept.over().await;
    }
    Ok(better_of(output, is_lost, &kept, limit))
}

/// The log as it was read, or where it lacks something what was followed of it.
fn better_of(read: Output, is_lost: bool, kept: &KeptLog, limit: usize) -> Captured {
    let remark = kept.remark();
    if kept.written() <= read.written() {
        let lost = (is_lost && read.written() == 0 && remark.is_none()).then_some(LOST);
        return Captured { output: read, remark: remark.or(lost).map(str::to_owned) };
    }
    let why = if is_lost { FOLLOWED } else { ROTATED };
    Captured { output: kept.output(limit), remark: Some(remark.unwrap_or(why).to_owned()) }
}
