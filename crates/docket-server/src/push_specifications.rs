//! Specifications on their way into the store: the same procedure for a push through the API and for a file.

use std::sync::Arc;

use docket_model::{FieldPath, Finding, Origin, Reported, allocation::Read};

use crate::{
    config::NotifySettings,
    log_specification_warnings::Warnings,
    runner::{Engines, NO_FOLDER, Runner, StoreAccess},
    store::{Condition, Effect, Push, StoreError},
};

/// Specifications that were read, and how they are stored.
#[derive(Debug)]
pub(crate) struct SpecificationPush {
    /// The specifications; no name twice.
    pub(crate) read: Vec<Read>,
    pub(crate) origin: Origin,
    /// True where allocations of this origin that are not among them are deleted.
    pub(crate) complete: bool,
    /// Who pushes, for the journal.
    pub(crate) by: Arc<str>,
    pub(crate) only_if: Condition,
    /// True if the server has a directory for `EnvFiles`.
    pub(crate) has_env_dir: bool,
    /// Where notifications can go.
    pub(crate) notify: Arc<NotifySettings>,
}

/// Why nothing was stored.
#[derive(Debug)]
pub(crate) enum PushError {
    /// What this server and its engines cannot do, each with the index of its specification.
    Unsupported(Reported<(usize, Finding)>),
    /// The store rejects the specifications, or cannot be written.
    Store(StoreError),
}

impl SpecificationPush {
    /// Stores all of the specifications, or none of them; the effect on each.
    pub(crate) async fn store(
        self,
        runner: &Arc<Runner>,
        store: &Arc<StoreAccess>,
    ) -> Result<Vec<Effect>, PushError> {
        let unsupported = self.unsupported(&runner.engines);
        if !unsupported.is_empty() {
            return Err(PushError::Unsupported(unsupported));
        }
        let Self { read, origin, complete, by, only_if, .. } = self;
        let warnings = Warnings::of(&read, store.now(), runner.circumstances().zone);
        let specifications: Vec<_> = read.into_iter().map(|read| read.specification).collect();
        // An edit must not lose what is due at this moment by the old schedule.
        runner.decide_due(&specifications).await;
        let push = Push {
            specifications,
            origin,
            complete,
            // Read again: the decisions may have taken seconds, and the new schedules are in force from
            // now.
            at: store.now(),
            by,
            only_if,
            circumstances: runner.circumstances(),
        };
        // Health, readiness and the journal report an outage of the store from here on.
        let effects = store.record_result(store.push(push).await).map_err(PushError::Store)?;
        warnings.log(&effects);
        Ok(effects)
    }

    fn unsupported(&self, engines: &Engines) -> Reported<(usize, Finding)> {
        let mut errors = Reported::default();
        for (index, Read { specification, .. }) in self.read.iter().enumerate() {
            if !self.has_env_dir && !specification.policies.env_files.is_empty() {
                errors.add((index, Finding::new(FieldPath::key("EnvFiles"), NO_FOLDER)));
            }
            errors.extend(
                self.notify.check(specification).into_iter().map(|finding| (index, finding)),
            );
            let found = engines.check(specification).into_iter().filter(|found| found.is_fatal);
            errors.extend(found.map(|found| {
                (index, Finding::new(FieldPath::of_text(&found.field), found.message))
            }));
        }
        errors
    }
}
