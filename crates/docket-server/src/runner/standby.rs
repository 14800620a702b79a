//! The standby of a server: no run starts before the first look at the engine, nor beside another server
//! that uses a copy of the same store and started earlier.

use std::sync::{Arc, OnceLock};

use chrono::TimeDelta;
use docket_model::{Life, journal::Event, run::Reason};
use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{error, warn};

use super::{engine_call_retry::EngineAccess, store_access::StoreAccess};
use crate::{
    engine::{Found, Handle},
    store::KnownLife,
    watch,
};

/// How much later than the takeover of its containers a life must have created one to be alive: the
/// engine tells seconds.
const AFTER_TAKEOVER: TimeDelta = TimeDelta::seconds(2);

/// Why nothing starts, or that things may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StandbyState {
    /// What is on the engine was not looked at yet.
    Beginning,
    /// Things may start.
    Over,
    /// Another server uses a copy of the store; how that showed, in words.
    Twin(String),
}

impl StandbyState {
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

/// Decides whether things may start in this life.
#[derive(Debug)]
pub(crate) struct Standby {
    store: Arc<StoreAccess>,
    life: Life,
    begun_at: Instant,
    state: watch::Sender<StandbyState>,
    /// Another server that uses a copy of the store, and how it showed.
    seen_twin: Mutex<Option<(Twin, String)>>,
    /// Why the store did not know what happened before this life, if that is so.
    doubt: OnceLock<Reason>,
}

impl Standby {
    /// Things may start at once only if nothing can be on the engine yet.
    pub(super) fn new(store: Arc<StoreAccess>, life: Life, is_new: bool) -> Self {
        let state = if is_new { StandbyState::Over } else { StandbyState::Beginning };
        Self {
            store,
            life,
            begun_at: Instant::now(),
            state: watch::Sender::new(state),
            seen_twin: Mutex::default(),
            doubt: OnceLock::new(),
        }
    }

    /// The life of the server that this belongs to.
    pub(super) fn life(&self) -> Life {
        self.life
    }

    /// Whether things may start.
    pub(crate) fn state(&self) -> StandbyState {
        self.state.borrow().clone()
    }

    /// True if things may start.
    pub(super) fn is_over(&self) -> bool {
        *self.state.borrow() == StandbyState::Over
    }

    /// Follows whether things may start.
    pub(crate) fn watch(&self) -> watch::Receiver<StandbyState> {
        self.state.subscribe()
    }

    /// The engine was looked at, so things may start.
    pub(super) fn end(&self) {
        self.state.send_replace(StandbyState::Over);
    }

    /// Waits until what is on the engine was looked at.
    pub(crate) async fn has_begun(&self) {
        let has_begun = |state: &StandbyState| *state != StandbyState::Beginning;
        // The sender lives in `self`.
        let _ = self.state.subscribe().wait_for(has_begun).await;
    }

    /// Waits until things may start.
    pub(crate) async fn may_start(&self) {
        let is_over = |state: &StandbyState| *state == StandbyState::Over;
        // The sender lives in `self`.
        let _ = self.state.subscribe().wait_for(is_over).await;
    }

    /// Why the store did not know what happened before this life, if that is so.
    pub(super) fn doubt(&self) -> Option<&Reason> {
        self.doubt.get()
    }

    /// Notes why the store did not know what happened before this life.
    pub(super) fn set_doubt(&self, doubt: Reason) {
        // It is set once: a life begins once.
        let _: Result<(), Reason> = self.doubt.set(doubt);
    }

    /// Whether a container shows another server that uses a copy of the store now, and notes that.
    ///
    /// A copy lists the lives of the original up to the moment of the copy. So where this life alone
    /// can have created the container, `is_of_this_life`, a life that is listed shows a server, too.
    pub(crate) fn twin(
        &self,
        engine: &EngineAccess,
        found: &Found,
        is_of_this_life: bool,
    ) -> Option<Twin> {
        let life = found.life.filter(|life| *life != self.life)?;
        let is_alive = match self.store.known_life(&life) {
            KnownLife::Listed => is_of_this_life && self.is_younger(engine, found),
            KnownLife::Unlisted => true,
            KnownLife::Adopted(at) => {
                engine.created_at(found).is_some_and(|created_at| created_at > at + AFTER_TAKEOVER)
            }
        };
        if !is_alive {
            return None;
        }
        let twin = if life < self.life { Twin::Earlier } else { Twin::Later };
        self.note_twin(&found.handle, life, twin);
        Some(twin)
    }

    /// Whether a container that no record knows, and that was started, shows another server that uses a
    /// copy of the store, and notes that. What an earlier life of this server created late was not
    /// started.
    pub(crate) fn twin_of_orphan(&self, engine: &EngineAccess, found: &Found) -> Option<Twin> {
        let is_of_this_life = found.identity.instant.moment() > self.life.start();
        self.twin(engine, found, is_of_this_life)
    }

    /// True of a container that was created after this life began, by the engine's clock alone.
    fn is_younger(&self, engine: &EngineAccess, found: &Found) -> bool {
        // Ages are compared and not times, because the clocks of engine and host may differ.
        let age = engine.health.engine_time().zip(found.created_at).map(|(now, at)| now - at);
        let up = TimeDelta::from_std(self.begun_at.elapsed());
        age.zip(up.ok()).is_some_and(|(age, up)| age < up)
    }

    fn note_twin(&self, container: &Handle, life: Life, twin: Twin) {
        let container = container.to_string();
        // As many digits of the id as Docker's client shows.
        let short: String = container.chars().take(12).collect();
        let text = format!("another server (its container is {short}) uses a copy of this store");
        let mut seen = self.seen_twin.lock();
        // Each look at the engine finds the container again. There may be more than two servers, and one
        // that started earlier counts also after one that started later.
        if seen.as_ref().is_some_and(|(seen, _)| *seen == Twin::Earlier || *seen == twin) {
            return;
        }
        *seen = Some((twin, text.clone()));
        drop(seen);
        match twin {
            Twin::Earlier => {
                error!(
                    container,
                    %life,
                    "{text} and started earlier: this server starts nothing any more; stop one of the \
                     two servers, then restart this one"
                );
                self.state.send_replace(StandbyState::Twin(text));
            }
            Twin::Later => {
                warn!(
                    container,
                    %life,
                    "{text} and started later, so it should start nothing; stop one of the two servers"
                );
            }
        }
        let starts_nothing = twin == Twin::Earlier;
        self.store.record_event_soon(Event::TwinFound { life, container, starts_nothing });
    }

    /// How another server showed that uses a copy of the store, if one did.
    pub(crate) fn twin_notice(&self) -> Option<String> {
        self.seen_twin.lock().as_ref().map(|(_, text)| text.clone())
    }
}

#[cfg(test)]
mod tests {
    use docket_model::run::ContainerId;

    use super::*;
    use crate::{
        clock::{Clock as _, TestClock},
        store::{MemoryBackend, Store},
    };

    #[tokio::test(start_paused = true)]
    async fn of_three_servers_on_copies_of_a_store_all_but_the_earliest_start_nothing() {
        let clock = Arc::new(TestClock::at("2026-11-21T09:00:00Z"));
        let backend = Arc::new(MemoryBackend::new(usize::MAX));
        let store = Store::open(backend).await.unwrap();
        let store = StoreAccess::new(Arc::new(store), clock.clone());
        let life = Life::new(2, clock.now());

        for twins in [
            vec![(Twin::Later, false), (Twin::Earlier, true)],
            vec![(Twin::Earlier, true), (Twin::Later, true)],
        ] {
            let standby = Standby::new(Arc::clone(&store), life, true);
            for (twin, starts_nothing) in twins {
                let container = Handle::from(&ContainerId(format!("{twin:?}").into()));
                standby.note_twin(&container, life, twin);
                assert_eq!(!standby.is_over(), starts_nothing, "{twin:?}");
            }
            assert!(standby.twin_notice().unwrap().contains("Earlier"));
        }
    }
}
