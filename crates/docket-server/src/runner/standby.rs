//! Whether things may start: not before the first look at the engine, and not beside another server
//! that uses a copy of the same store and started earlier.

use chrono::TimeDelta;
use docket_model::journal::{Entry, Event};
use tokio::sync::watch;
use tracing::{error, warn};

use super::Runner;
use crate::{engine::Found, store::KnownLife};

/// How much later than the takeover of its containers a life must have created one to be alive: the
/// engine tells seconds.
const AFTER_TAKEOVER: TimeDelta = TimeDelta::seconds(2);

/// Why nothing starts, or that things may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standby {
    /// What is on the engine was not looked at yet.
    Beginning,
    /// Things may start.
    Over,
    /// Another server uses a copy of the store; how that showed, in words.
    Twin(String),
}

impl Standby {
    /// Why nothing starts, as a clause.
    pub(crate) fn reason(&self) -> Option<String> {
        match self {
            Self::Over => None,
            Self::Beginning => {
                Some("the containers on the engine have not been inspected yet".to_owned())
            }
            Self::Twin(twin) => Some(format!(
                "{twin} and started earlier; stop one of the two servers, then restart this one"
            )),
        }
    }
}

/// Another server that uses a copy of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twin {
    /// It started earlier, so this one starts nothing any more.
    Earlier,
    /// It started later, and should start nothing any more.
    Later,
}

impl Runner {
    /// Whether things may start.
    pub(crate) fn standby(&self) -> Standby {
        self.standby.borrow().clone()
    }

    /// Follows whether things may start.
    pub(crate) fn watch_standby(&self) -> watch::Receiver<Standby> {
        self.standby.subscribe()
    }

    /// Waits until what is on the engine was looked at.
    pub(crate) async fn has_begun(&self) {
        let has_begun = |standby: &Standby| *standby != Standby::Beginning;
        // The sender lives in `self`.
        let _ = self.standby.subscribe().wait_for(has_begun).await;
    }

    /// Waits until things may start.
    pub(super) async fn may_start(&self) {
        let is_over = |standby: &Standby| *standby == Standby::Over;
        // The sender lives in `self`.
        let _ = self.standby.subscribe().wait_for(is_over).await;
    }

    /// Whether a container shows another server that uses a copy of the store now, and notes that.
    ///
    /// A copy lists the lives of the original up to the moment of the copy. So where this life alone
    /// can have created the container, `is_of_this_life`, a life that is listed shows a server, too.
    pub(crate) fn twin(&self, found: &Found, is_of_this_life: bool) -> Option<Twin> {
        let life = found.life.filter(|life| *life != self.life)?;
        let is_alive = match self.store.known_life(&life) {
            KnownLife::Listed => is_of_this_life && self.is_younger(found),
            KnownLife::Unlisted => true,
            KnownLife::Adopted(at) => {
                self.by_docket(found).is_some_and(|created_at| created_at > at + AFTER_TAKEOVER)
            }
        };
        if !is_alive {
            return None;
        }
        let twin = if life < self.life { Twin::Earlier } else { Twin::Later };
        self.note_twin(found, twin);
        Some(twin)
    }

    /// Whether a container that no record knows, and that was started, shows another server that uses a
    /// copy of the store, and notes that. What an earlier life of this server created late was not
    /// started.
    pub(crate) fn twin_of_orphan(&self, found: &Found) -> Option<Twin> {
        let is_of_this_life = found.identity.instant.moment() > self.life.start();
        self.twin(found, is_of_this_life)
    }

    /// True of a container that was created after this server started, by the engine's clock alone.
    fn is_younger(&self, found: &Found) -> bool {
        let age = self.engine.health.engine_time().zip(found.created_at).map(|(now, at)| now - at);
        let up = TimeDelta::from_std(self.begun_at.elapsed());
        age.zip(up.ok()).is_some_and(|(age, up)| age < up)
    }

    fn note_twin(&self, found: &Found, twin: Twin) {
        let Some(life) = found.life else { return };
        let container = found.handle.to_string();
        // As many digits of the id as Docker's client shows.
        let short: String = container.chars().take(12).collect();
        let text = format!("another server (its container is {short}) uses a copy of this store");
        if self.seen_twin.lock().replace(text.clone()).is_some() {
            return;
        }
        match twin {
            Twin::Earlier => {
                error!(
                    container,
                    %life,
                    "{text} and started earlier: this server starts nothing any more; stop one of the \
                     two servers, then restart this one"
                );
                self.standby.send_replace(Standby::Twin(text));
            }
            Twin::Later => {
                warn!(
                    container,
                    %life,
                    "{text} and started later, so it should start nothing; stop one of the two servers"
                );
            }
        }
        let event = Event::TwinFound { life, container, starts_nothing: twin == Twin::Earlier };
        let entry = Entry { at: self.clock.now(), allocation: None, event, by: None };
        self.record_soon(entry);
    }

    /// How another server showed that uses a copy of the store, if one did.
    pub(crate) fn twin_notice(&self) -> Option<String> {
        self.seen_twin.lock().clone()
    }
}
