//! Reading the output of a container that has ended.

use docket_model::run::ContainerId;

use super::{Outputs, Reserved};
use crate::{
    engine::{Captured, EngineError, Handle},
    runner::{EngineAccess, Stopped},
};

impl Outputs {
    /// Reads the output of a container that has ended, at most `most` bytes, once there is memory for
    /// it. The memory is reserved until the caller drops it, once the output is in the store.
    pub(crate) async fn capture(
        &self,
        engine: &EngineAccess,
        container: &ContainerId,
        most: usize,
    ) -> Result<Result<(Captured, Option<Reserved>), EngineError>, Stopped> {
        engine
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
            .await
    }
}
