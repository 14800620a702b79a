//! Reading the whole log of a pod that has ended.

use std::sync::Arc;

use docket_model::{Output, output::Stream, run::ContainerId};
use docket_server::engine::{Captured, EngineError};

use crate::{
    kept_log::{KeptLog, ROTATED},
    pod_log::OpenLog,
    pods::{Pods, gone_or},
};

/// What is said of a log that went with its container.
const FOLLOWED: &str = "its node no longer has the log: this is what docket followed of it";
/// What is said where nothing is left of a log.
const LOST: &str = "no output: its node no longer has the log";

/// Reads the log of a pod from its beginning; what docket has followed takes the place of what is gone.
pub(crate) async fn read_log(
    pods: &Arc<Pods>,
    id: &ContainerId,
    limit: usize,
) -> Result<Captured, EngineError> {
    let pod = pods.look(id).await?;
    let mut output = Output::bounded(limit);
    let mut log = match OpenLog::open(pods, &pod, false).await {
        Ok(log) => Some(log),
        // A pod whose container was never made has no log.
        Err(error) if error.is_invalid() => None,
        Err(error) => return Err(gone_or(error)),
    };
    if let Some(log) = &mut log {
        while let Some(bytes) = log.next().await? {
            output.push_to(Stream::Out, &bytes);
        }
    }
    let is_lost = log.is_none_or(|log| log.is_lost);
    let Some(kept) = pods.kept_log(id) else {
        let remark = is_lost.then(|| LOST.to_owned());
        return Ok(Captured { output, remark });
    };
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
