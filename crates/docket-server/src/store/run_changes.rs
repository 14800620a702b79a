//! What happens to runs after their claim: progress, and ends with their outputs.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::{Output, Run, RunId, output::PIECE, run::AttemptKey};
use uuid::Uuid;

use super::{
    End, PartProgress, StoreError,
    backend::{Piece, PieceBytes, PieceKey},
    change_feed::News,
    observer::Milestone,
    rules,
    run_progress::part_of,
    transaction::Transaction,
    write_commands::Command,
};

/// Adds progress to the record of a run under way.
pub(super) struct Note {
    pub(super) id: RunId,
    pub(super) uid: Uuid,
    pub(super) part: PartProgress,
    pub(super) at: DateTime<Utc>,
}

#[async_trait]
impl Command for Note {
    type Output = ();

    async fn apply(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let mut run = held(transaction, &self.id, self.uid).await?;
        rules::check_under_way(&self.id, Some(&*run))?;
        rules::check_part_under_way(&run, &self.part)?;
        let was_started = run.lateness().is_some();
        self.part.clone().apply(Arc::make_mut(&mut run), self.at);
        transaction.put_run(&run);
        report_start(transaction, &run, was_started);
        if self.part.progress.is_shown() {
            transaction.publish(News::Run(run, self.at));
        }
        Ok(())
    }
}

/// Records how an attempt ended, with its output.
pub(super) struct Finish {
    pub(super) id: RunId,
    pub(super) uid: Uuid,
    pub(super) end: End,
}

#[async_trait]
impl Command for Finish {
    type Output = ();

    async fn apply(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let mut run = held(transaction, &self.id, self.uid).await?;
        rules::check_finishable(&run, self.end.part)?;
        // The bytes are kept in pieces, and their sizes in the record.
        let output = self.end.output.as_ref().map(|output| Arc::new(output.to_sized()));
        let had_failed = run.state.is_failure();
        let was_started = run.lateness().is_some();
        End { output, ..self.end.clone() }.apply(Arc::make_mut(&mut run));
        let part = part_of(self.end.part, &run);
        if let (Some(attempt), Some(output)) = (run.newest_of_part(part), &self.end.output) {
            let pieces = pieces(&self.id, attempt.key, output);
            transaction.staged.pieces.extend(pieces);
        }
        transaction.put_run(&run);
        report_start(transaction, &run, was_started);
        if run.state.is_over() {
            transaction.report(Milestone::end(&run.state), &run);
            // A lost run that is found again, and failed, is no further failure.
            if !(had_failed && run.state.is_failure()) {
                transaction.notify(&run, None, self.end.at)?;
            }
        }
        transaction.publish(News::Run(run, self.end.at));
        Ok(())
    }
}

/// Reports that the first container of a run was started, where that was not known before.
fn report_start(transaction: &mut Transaction, run: &Arc<Run>, was_started: bool) {
    if !was_started && run.lateness().is_some() {
        transaction.report(Milestone::Started, run);
    }
}

/// The record of a run of the allocation that has this uid.
async fn held(
    transaction: &mut Transaction,
    id: &RunId,
    uid: Uuid,
) -> Result<Arc<Run>, StoreError> {
    let none = || StoreError::NoSuchRun(id.clone());
    let entry = transaction.entry(id.allocation.as_str());
    entry.filter(|(_, entry)| entry.allocation.uid == uid).ok_or_else(none)?;
    transaction.run(&id.allocation, id.instant).await?.ok_or_else(none)
}

/// What an attempt wrote, in pieces.
fn pieces(id: &RunId, attempt: AttemptKey, output: &Arc<Output>) -> Vec<(PieceKey, Piece)> {
    let places = (0..output.kept()).step_by(PIECE).zip(0..);
    let piece = |(place, piece): (usize, u32)| {
        let bytes = PieceBytes::Shared(Arc::clone(output), place);
        let (streams, times) = output.streams_and_times(place);
        (piece_key(id, attempt, piece), Piece { bytes, streams, times })
    };
    places.map(piece).collect()
}

/// The key of a piece of what an attempt wrote.
pub(super) fn piece_key(id: &RunId, attempt: AttemptKey, piece: u32) -> PieceKey {
    let (allocation, instant) = (id.allocation.clone(), id.instant);
    PieceKey { allocation, instant, attempt, piece }
}
