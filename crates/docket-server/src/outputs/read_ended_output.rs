//! Reads the output of a container that has ended.

use std::sync::Arc;

use docket_model::{Output, run::ContainerId};

use super::{Outputs, Reserved};
use crate::{
    engine::{Captured, EngineError, Handle},
    runner::{EngineAccess, Stopped},
};

/// The output of a container that has ended, as far as it could be read.
#[derive(Debug)]
pub(crate) struct EndedOutput {
    /// None where it could not be read.
    pub(crate) output: Option<Arc<Output>>,
    /// The memory that it takes until it is in the store.
    pub(crate) reserved: Option<Reserved>,
    /// Why it is missing, or not complete.
    pub(crate) remark: Option<String>,
}

impl Outputs {
    /// Reads the output of a container that has ended, at most `most` bytes, once there is memory for
    /// it. The memory is reserved until the caller drops it, once the output is in the store.
    ///
    /// If the output cannot be read, a remark says so; the end is recorded all the same.
    pub(crate) async fn capture(
        &self,
        engine: &EngineAccess,
        container: &ContainerId,
        most: usize,
    ) -> Result<EndedOutput, Stopped> {
        let read = engine
            .retry_read("the request for the log", async || {
                // Reserved again for each call: one that waits for the engine delays no other.
                let reserved = engine.term.unless_ended(self.memory.reserve(most)).await;
                let Ok(mut reserved) = reserved else {
                    // This only ends the call: the retry notices the end of the term by itself.
                    return Err(EngineError::Unreachable("the server is stopping".to_owned()));
                };
                let captured = engine.engine.read_log(&Handle::from(container), most).await?;
                // The length of a log is not known before it is read, so the most it may have was
                // reserved.
                if let Some(reserved) = &mut reserved {
                    reserved.shrink_to(captured.output.kept());
                }
                Ok((captured, reserved))
            })
            .await?;
        Ok(match read {
            Ok((Captured { output, remark }, reserved)) => {
                EndedOutput { output: Some(Arc::new(output)), reserved, remark }
            }
            Err(error) => {
                let remark = Some(format!("the output could not be read: {error}"));
                EndedOutput { output: None, reserved: None, remark }
            }
        })
    }
}
