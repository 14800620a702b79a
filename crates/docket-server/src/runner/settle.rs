//! What comes before a push: what is due under the old specification is decided first, so that it
//! starts. What cannot be decided is the store's part, which records it as missed.

use std::sync::Arc;

use docket_model::{Specification, undecided};
use futures_util::{StreamExt, stream};
use tokio::time::timeout;
use tracing::{error, warn};

use super::{Runner, Standby, chain::AT_ONCE, confirmation::FOR_REQUESTS};
use crate::store::{Circumstances, Standing};

impl Runner {
    /// Decides what is due now of those allocations of which a push changes what is due, as far as the
    /// engine answers.
    pub(crate) async fn decide_due(self: &Arc<Self>, pushed: &[Specification]) {
        if !self.health.is_up() || self.standby() != Standby::Over {
            return;
        }
        let mut due = Vec::new();
        for wanted in pushed {
            // A store that cannot be read refuses the push, too.
            if let Ok(Some(held)) = self.store.standing(wanted.name.as_str()).await
                && undecided::edit(&held.allocation.specification, wanted).is_some()
            {
                due.push(held);
            }
        }
        if due.is_empty() {
            return;
        }
        let runner = Arc::clone(self);
        // A decision is carried out as a whole, also when the request has ended.
        let decided = self.to_its_end(async move {
            let each = stream::iter(due);
            each.for_each_concurrent(AT_ONCE, |held| runner.decide_held(held)).await;
        });
        if timeout(FOR_REQUESTS, decided).await.is_err() {
            warn!(
                "push continues: due instants were not decided within {} s and will be recorded as \
                 missed",
                FOR_REQUESTS.as_secs()
            );
        }
    }

    async fn decide_held(self: &Arc<Self>, held: Standing) {
        let Standing { allocation, suspension, decided, .. } = held;
        if allocation.specification.schedule().is_none() {
            if let Err(error) = self.consider_once(allocation.name()).await {
                error!(allocation = %allocation.name(), %error, "store write failed for a decision");
            }
            return;
        }
        let decided = decided.unwrap_or_default().max(allocation.scheduled_at);
        if allocation.next(decided, self.zone).is_some_and(|next| next <= self.clock.now()) {
            self.decide(&allocation, suspension.as_deref(), decided).await;
        }
    }

    /// What a push has to know about instants that are due and cannot be decided.
    pub(crate) fn circumstances(&self) -> Circumstances {
        Circumstances { zone: self.zone, outages: self.outages() }
    }
}
