//! Conditions of a change, so that no user undoes the change of another unseen.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::{Allocation, AllocationName};

use super::StoreError;

/// What must be so of an allocation at the moment at which it is changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Condition {
    /// Nothing: it is changed as it is found.
    #[default]
    Nothing,
    /// There is one of the name.
    Present,
    /// There is none of the name.
    Absent,
    /// It is of one of these revisions.
    Revision(Vec<u64>),
}

impl Condition {
    /// Refuses a change where it is not so.
    pub(super) fn check(
        &self,
        name: &AllocationName,
        held: Option<&Allocation>,
    ) -> Result<(), StoreError> {
        let present = held.map(|held| held.revision);
        let is_so = match self {
            Self::Nothing => true,
            Self::Present => present.is_some(),
            Self::Absent => present.is_none(),
            Self::Revision(wanted) => present.is_some_and(|present| wanted.contains(&present)),
        };
        if is_so { Ok(()) } else { Err(StoreError::Unmet { name: name.clone(), present }) }
    }
}

/// Who changes an allocation, when, and on what condition.
#[derive(Debug, Clone)]
pub struct ChangeContext {
    /// When.
    pub at: DateTime<Utc>,
    /// Who, for the journal.
    pub by: Arc<str>,
    /// What must be so.
    pub only_if: Condition,
}

impl ChangeContext {
    /// A context without a condition.
    #[must_use]
    pub fn new(at: DateTime<Utc>, by: impl Into<Arc<str>>) -> Self {
        Self { at, by: by.into(), only_if: Condition::Nothing }
    }
}
