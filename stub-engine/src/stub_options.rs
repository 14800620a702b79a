//! What a stub is started with.

use std::collections::HashMap;

use crate::{Faults, Program, PullReport};

/// What a stub has, and how it meets requests.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What containers do whose image is not in `images`.
    pub program: Program,
    /// What the containers of an image do; `:latest` may be left out.
    pub images: HashMap<String, Program>,
    /// What goes wrong, until [`crate::Stub::set_faults`].
    pub faults: Faults,
    /// What the stub reports of each pull.
    pub pull: PullReport,
    /// What the stub warns of at each creation.
    pub warnings: Vec<String>,
    /// Networks beside `bridge`, `host` and `none`.
    pub networks: Vec<String>,
    /// Named volumes.
    pub volumes: Vec<String>,
    /// The id in the answers to `GET /info`.
    pub id: EngineId,
}

/// The id of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineId {
    /// The same in each answer.
    Lasting(String),
    /// Another one in each answer, as with Podman.
    NewEachTime,
}

impl Default for EngineId {
    fn default() -> Self {
        Self::Lasting("STUB:STUB:STUB:STUB".to_owned())
    }
}

impl Options {
    /// Containers that all do this, and no faults.
    #[must_use]
    pub fn of(program: Program) -> Self {
        Self { program, ..Self::default() }
    }

    /// Lets the containers of an image do something else.
    #[must_use]
    pub fn image(mut self, image: impl Into<String>, program: Program) -> Self {
        self.images.insert(image.into(), program);
        self
    }
}
