//! Claims of manual runs, which leave the latest instant decided as it is.

use std::sync::Arc;

use async_trait::async_trait;
use docket_model::Run;

use super::{
    ClaimOutcome, InstantKind, StoreError, claim::span, rules, transaction::Transaction,
    write_commands::Command,
};

/// Creates the record of a manual run.
pub(super) struct ClaimManual {
    pub(super) run: Run,
    pub(super) kind: InstantKind,
}

#[async_trait]
impl Command for ClaimManual {
    type Output = ClaimOutcome;

    async fn apply(&self, transaction: &mut Transaction) -> Result<ClaimOutcome, StoreError> {
        let mut run = self.run.clone();
        let Some((_, entry)) = transaction.entry_of(&run) else {
            return Ok(ClaimOutcome::Changed);
        };
        let (name, instant) = (run.id.allocation.clone(), run.id.instant);
        let held = transaction.run(&name, instant).await?;
        if let Some(taken) = held.as_ref().and_then(|held| rules::taken(held, &run, self.kind)) {
            return Ok(taken);
        }
        let replaced = match held {
            None if self.kind != InstantKind::Now => {
                let span = span(transaction, &name, instant).await?;
                // An instant within a record of missed ones did not run, however old it is.
                let is_pruned =
                    entry.status().pruned.filter(|up_to| span.is_none() && instant <= *up_to);
                if let Some(pruned) = is_pruned {
                    return Ok(ClaimOutcome::Pruned(pruned));
                }
                // A moment that is no instant of the schedule was not missed: the span keeps its
                // count.
                span.filter(|_| matches!(self.kind, InstantKind::Instant(_)))
            }
            held => held,
        };
        let rest = match &replaced {
            Some(replaced) => self.rest(transaction, replaced).await?,
            None => None,
        };
        if let Some(replaced) = replaced {
            rules::take_up(&mut run, &replaced);
            transaction.remove_run(&name, replaced.id.instant);
        }
        if let Some(rest) = rest {
            // It was published when the first of its instants was missed; it is shorter now.
            transaction.add_run_as_of(&Arc::new(rest), run.decided_at);
        }
        transaction.add_run(&Arc::new(run))?;
        Ok(ClaimOutcome::New)
    }
}

impl ClaimManual {
    /// What is left of a record of missed instants without this one, at an instant that no other record
    /// has: a run that was backfilled earlier keeps its record.
    async fn rest(
        &self,
        transaction: &mut Transaction,
        replaced: &Run,
    ) -> Result<Option<Run>, StoreError> {
        let instant = self.run.id.instant;
        let Some(mut rest) = rules::without(replaced, instant, self.kind) else { return Ok(None) };
        let name = &replaced.id.allocation;
        while rest.id.instant != replaced.id.instant
            && rest.id.instant <= rest.latest()
            && transaction.run(name, rest.id.instant).await?.is_some()
        {
            rest.id.instant = rules::next_moment(rest.id.instant);
        }
        Ok((rest.id.instant <= rest.latest()).then_some(rest))
    }
}
