//! Records what is due and not decided as missed, within a transaction.

use std::sync::Arc;

use docket_model::{journal::Outage, undecided::Why};

use super::{
    super::{
        ChangedZone, Settlement, ZoneChange, rules,
        settle::{self, Undecided},
    },
    TIME_ZONE,
    fault::Fault,
    work::Work,
};

impl Work<'_> {
    /// Records instants that are due and not decided as missed.
    pub(super) fn settle(
        &mut self,
        undecided: &[Undecided],
        outages: &[Outage],
    ) -> Result<(), Fault> {
        let mut each = undecided.iter();
        each.try_for_each(|undecided| undecided.record(outages, |run| self.decide(&Arc::new(run))))
    }

    /// Settles what is due of all allocations.
    pub(super) fn settle_all(&mut self, settlement: &Settlement) -> Result<(), Fault> {
        let Settlement { at, zone, reason } = settlement;
        let names = self.draft.names();
        let of = |name| settle::of(&self.draft, name, *zone, *at, Why::Given(reason.clone()));
        let undecided: Vec<_> = names.iter().filter_map(of).collect();
        self.settle(&undecided, &[])?;
        for undecided in &undecided {
            self.draft.announce(undecided.name());
        }
        Ok(())
    }

    /// Gives allocations another wall clock.
    pub(super) fn change_zone(&mut self, change: &ZoneChange) -> Result<(), Fault> {
        let names = self.draft.names();
        let undecided = settle::of_zone(&self.draft, &names, change);
        self.settle(&undecided, change.outages())?;
        for name in &names {
            let Some((position, decided)) = self.draft.close(name, change) else { continue };
            self.decided_up_to(position, decided)?;
        }
        if let ChangedZone::OfServer { to, .. } = &change.what {
            self.set(TIME_ZONE, to.name())?;
        }
        Ok(self.note_down(vec![rules::zone_entry(change)])?)
    }
}
