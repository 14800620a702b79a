//! Trying a container out on an engine without starting it.

use async_trait::async_trait;
use docket_model::allocation::Pull;

use super::{EngineError, Plan};

/// Engines that can try a container out.
#[async_trait]
pub trait EngineCheck {
    /// Pulls, creates and removes the container without starting it; reports what would surprise.
    ///
    /// What it makes is gone when it returns, but for the image. Whether a program is there cannot be
    /// known without a start.
    async fn try_out(&self, plan: &Plan, pull: Pull) -> Result<Vec<Finding>, EngineError>;
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where, below `Container`: `HostConfig.Binds[0]`; empty where the engine does not say.
    pub field: String,
    /// What, in words: the engine's own where it refused or warned.
    pub message: String,
    /// True where no run would start; otherwise it would go otherwise than may be meant.
    pub is_fatal: bool,
}
