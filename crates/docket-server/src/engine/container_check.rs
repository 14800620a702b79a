//! Trying a container out on an engine without starting it.

use std::{any::Any, fmt};

use async_trait::async_trait;
use docket_model::{allocation::Pull, container::Parts};

use super::{EngineError, Plan, Refusal};

/// Engines that can try a container out. Whether a program is there cannot be known without a start.
#[async_trait]
pub trait EngineCheck: Send + Sync {
    /// Pulls the image, where docket pulls, and looks for what would surprise; makes nothing else.
    async fn examine(&self, plan: &Plan, pull: Pull) -> Result<Trial, EngineError>;

    /// Creates the container under a name of its own, or asks whether it could be created; idempotent. Reports
    /// what the engine says of it.
    ///
    /// Also after an error something may be there: see [`EngineCheck::clean_up`].
    async fn try_out(&self, trial: &Trial) -> Result<Vec<Finding>, EngineError>;

    /// Removes what the trial has made.
    ///
    /// # Errors
    /// [`EngineError`] that names what stays behind.
    async fn clean_up(&self, trial: &Trial) -> Result<(), EngineError>;
}

/// A container to be tried out, and what was found before.
pub struct Trial {
    /// What was found without creating the container.
    pub findings: Vec<Finding>,
    // Of any type, so that callers need not know how an engine tries a container out.
    container: Option<Box<dyn Any + Send + Sync>>,
}

impl Trial {
    /// A trial of a container, which the engine alone reads; none where it cannot be created.
    #[must_use]
    pub fn new<T: Any + Send + Sync>(findings: Vec<Finding>, container: Option<T>) -> Self {
        let container = container.map(|container| Box::new(container) as _);
        Self { findings, container }
    }

    /// The container; nothing where there is none, or another engine has made the trial.
    #[must_use]
    pub fn container<T: Any>(&self) -> Option<&T> {
        self.container.as_ref()?.downcast_ref()
    }
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial").field("findings", &self.findings).finish_non_exhaustive()
    }
}

/// The finding for what only a Swarm gives, which other engines would leave out; its field is below `Container`.
#[must_use]
pub fn only_a_swarm_gives(container: &Parts) -> Option<Finding> {
    let swarm = container.swarm.as_ref()?;
    let message = "only a Swarm has secrets and configs: choose an engine of kind `swarm` \
                   (`Placement.Engine`), or leave it out";
    let is_set =
        [&swarm.secrets, &swarm.configs].into_iter().flatten().any(|files| !files.is_empty());
    is_set.then(|| Finding::fatal("Swarm", message.to_owned()))
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: in a trial below `Container`, as in `HostConfig.Binds[0]`; empty where the engine does not say.
    pub field: String,
    /// What, in words: the engine's own where it refused or warned.
    pub message: String,
    /// True where no run would start; otherwise it would go otherwise than may be meant.
    pub is_fatal: bool,
}

impl Finding {
    /// Something that would go otherwise than may be meant.
    #[must_use]
    pub fn warning(field: impl Into<String>, message: String) -> Self {
        Self { field: field.into(), message, is_fatal: false }
    }

    /// Something with which no run starts.
    #[must_use]
    pub fn fatal(field: impl Into<String>, message: String) -> Self {
        Self { field: field.into(), message, is_fatal: true }
    }

    /// The refusal of a container for this finding about one of its options.
    #[must_use]
    pub fn refusal(&self) -> EngineError {
        let Self { field, message, .. } = self;
        EngineError::Refused {
            kind: Refusal::Invalid,
            message: format!("`Container.{field}`: {message}"),
        }
    }

    /// The same finding about an option of the container, at its field of the specification.
    #[must_use]
    pub fn below_container(self) -> Self {
        let field = match self.field.as_str() {
            "" => "Container".to_owned(),
            field => format!("Container.{field}"),
        };
        Self { field, ..self }
    }

    /// The same with the name of its engine, which is one of several.
    pub(crate) fn on_engine(self, name: &str) -> Self {
        Self { message: format!("engine `{name}`: {}", self.message), ..self }
    }
}
