//! Between a server and what it works with: where it dies, where answers are lost.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use parking_lot::Mutex;

/// What happens to one call of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scheduler::tests) enum Fault {
    /// The server dies before the call is made.
    DiesBefore,
    /// The call does its work, and the server dies before it learns of it.
    DiesAfter,
    /// The call does its work, and the answer is lost.
    LosesAnswer,
    /// The call does its work, and the answer comes a second later.
    AnswersLate,
    /// The call goes well: a later one is meant.
    Nothing,
    /// The call does nothing, and is never answered.
    Hangs,
    /// The call does nothing, and is said to have failed.
    Fails,
    /// The call does nothing, and is refused.
    Refuses,
    /// The call does nothing, and its caller panics.
    Panics,
}

/// Carries the calls of one server, until it dies. Nothing of a dead server reaches anything.
#[derive(Debug, Default)]
pub(in crate::scheduler::tests) struct Wire {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_dead: bool,
    /// By the names of the calls; each strikes once.
    faults: HashMap<&'static str, VecDeque<Fault>>,
}

impl Wire {
    /// Makes the next call of this name go wrong for which nothing is planned yet.
    pub(super) fn plan(&self, call: &'static str, fault: Fault) {
        self.state.lock().faults.entry(call).or_default().push_back(fault);
    }

    pub(super) fn cut(&self) {
        self.state.lock().is_dead = true;
    }

    pub(super) fn is_dead(&self) -> bool {
        self.state.lock().is_dead
    }

    /// Does the work of calls, unless something is in the way; nothing where the caller is to fail.
    pub(super) async fn carry<T>(
        &self,
        calls: &[&'static str],
        work: impl Future<Output = T>,
    ) -> Result<T, Fault> {
        let mut faults = calls.iter().filter_map(|call| self.strike(call));
        let fault = faults.find(|fault| *fault != Fault::Nothing);
        drop(faults);
        if let Some(fault @ (Fault::Fails | Fault::Refuses)) = fault {
            return Err(fault);
        }
        assert!(fault != Some(Fault::Panics), "{calls:?} panics as planned");
        if fault == Some(Fault::Hangs) {
            return std::future::pending().await;
        }
        self.unless_dead().await;
        let done = work.await;
        match fault {
            Some(Fault::DiesAfter) => self.cut(),
            Some(Fault::AnswersLate) => tokio::time::sleep(Duration::from_secs(1)).await,
            _ => {}
        }
        self.unless_dead().await;
        match fault {
            Some(Fault::LosesAnswer) => Err(Fault::LosesAnswer),
            _ => Ok(done),
        }
    }

    /// True where the stream of a call is to break off at once.
    pub(super) fn breaks_off(&self, call: &'static str) -> bool {
        self.strike(call) == Some(Fault::Fails)
    }

    fn strike(&self, call: &'static str) -> Option<Fault> {
        let mut state = self.state.lock();
        let fault = state.faults.get_mut(call).and_then(VecDeque::pop_front);
        state.is_dead |= fault == Some(Fault::DiesBefore);
        fault
    }

    async fn unless_dead(&self) {
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }
}
