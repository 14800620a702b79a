//! The engines of a server by their names, as the runner accesses them.

use std::sync::Arc;

use docket_model::{
    Allocation,
    run::{Attempt, Reason},
};

use super::{engine_call_retry::EngineAccess, store_access::StoreAccess};
use crate::{engine::engine_registry::EngineRegistry, term_tasks::Term};

/// All engines of a server, for one term.
#[derive(Debug)]
pub(crate) struct Engines {
    default: Arc<EngineAccess>,
    /// All of them, the default first.
    all: Vec<Arc<EngineAccess>>,
    pub(crate) term: Term,
}

/// No engine has this name.
#[derive(Debug)]
pub(crate) struct NoSuchEngine {
    pub(crate) name: String,
    /// The names of those that are configured.
    pub(crate) names: Vec<Arc<str>>,
}

impl Engines {
    pub(super) fn new(registry: &EngineRegistry, store: &StoreAccess, term: &Term) -> Self {
        let access =
            |named| Arc::new(EngineAccess::new(Arc::clone(named), store.clock(), term.clone()));
        let default = access(registry.default_engine());
        let all = std::iter::once(Arc::clone(&default)).chain(registry.others().map(access));
        Self { all: all.collect(), default, term: term.clone() }
    }

    /// The engine that runs go to where nothing names another one.
    pub(crate) fn default_engine(&self) -> &Arc<EngineAccess> {
        &self.default
    }

    /// All engines, the default first.
    pub(crate) fn all(&self) -> &[Arc<EngineAccess>] {
        &self.all
    }

    /// The engine of this name; the default one where no name is given.
    pub(crate) fn named(&self, name: Option<&str>) -> Result<&Arc<EngineAccess>, NoSuchEngine> {
        let Some(name) = name else { return Ok(&self.default) };
        self.all.iter().find(|engine| &*engine.name == name).ok_or_else(|| NoSuchEngine {
            name: name.to_owned(),
            names: self.all.iter().map(|engine| Arc::clone(&engine.name)).collect(),
        })
    }

    /// The engine that new runs of an allocation go to.
    pub(crate) fn of_allocation(&self, _allocation: &Allocation) -> &Arc<EngineAccess> {
        // Always the default, as long as no specification can name an engine.
        &self.default
    }

    /// The engine that an attempt names. Records of versions with one engine name none.
    pub(crate) fn of_attempt(
        &self,
        attempt: Option<&Attempt>,
    ) -> Result<&Arc<EngineAccess>, Reason> {
        let name = attempt.and_then(|attempt| attempt.engine_name.as_deref());
        self.named(name)
            .map_err(|unknown| Reason::EngineNotConfigured { engine: unknown.name.into() })
    }
}
