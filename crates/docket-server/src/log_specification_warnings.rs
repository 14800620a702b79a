//! Warnings about specifications in the server's log, for clients other than docket's.

use chrono::{DateTime, Utc};
use docket_model::{AllocationName, FieldPath, Finding, Zone, allocation::Read, finding::Step};
use tracing::warn;

use crate::store::Effect;

/// How many warnings of one push or file are logged; of the rest only their number.
const MOST_LOGGED: usize = 20;

/// The warnings about the specifications of one push or file.
#[derive(Debug)]
pub(crate) struct Warnings(Vec<Warning>);

#[derive(Debug)]
struct Warning {
    /// The place of the specification in the push.
    index: usize,
    allocation: AllocationName,
    text: String,
}

/// A warning with its path in the specification: the log names that, and not its place in a push.
fn in_specification(warning: &Finding) -> String {
    let steps = warning.field.0.iter().skip_while(|step| matches!(step, Step::Index(_)));
    Finding::new(FieldPath(steps.cloned().collect()), warning.message.clone()).to_string()
}

impl Warnings {
    /// Collects the warnings, including that all instants are in the past by the server's clock and zone.
    pub(crate) fn of(read: &[Read], now: DateTime<Utc>, zone: Zone) -> Self {
        let of_one = |(index, Read { specification, warnings }): (usize, &Read)| {
            let texts = warnings.iter().map(in_specification);
            let over = specification.is_over(now, zone).map(|text| format!("Cron: {text}"));
            let allocation = specification.name.clone();
            let all = texts.chain(over).collect::<Vec<_>>();
            all.into_iter().map(move |text| Warning { index, allocation: allocation.clone(), text })
        };
        Self(read.iter().enumerate().flat_map(of_one).collect())
    }

    /// Logs those about allocations that are new or changed.
    pub(crate) fn log(&self, effects: &[Effect]) {
        let is_new = |warning: &&Warning| effects.get(warning.index) != Some(&Effect::Unchanged);
        let mut new = self.0.iter().filter(is_new);
        for Warning { allocation, text, .. } in new.by_ref().take(MOST_LOGGED) {
            warn!(%allocation, "{text}");
        }
        let rest = new.count();
        if rest > 0 {
            warn!("{rest} more warnings; `docket check` shows all of them");
        }
    }
}
