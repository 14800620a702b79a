//! Which requests are to be held on their way to an engine.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use docket_stub_engine::{Call, Fault, Faults, Hold, Passage, Proxy, Sender};

use crate::Engine;

/// The requests that are to be held, each of them once.
#[derive(Clone, Default)]
pub struct Holds(Arc<Mutex<VecDeque<(Call, Hold, Sender)>>>);

impl Holds {
    /// Holds the next this number of these calls.
    pub fn hold_next(&self, count: usize, call: Call, sender: Sender) -> Hold {
        let hold = Hold::new();
        self.0.lock().unwrap().extend(vec![(call, hold.clone(), sender); count]);
        hold
    }

    /// A proxy before a real engine that holds these requests.
    pub(crate) fn proxy(&self, engine: &Engine) -> Proxy {
        let holds = self.clone();
        let rule = move |line: &str| {
            let held = holds.take(Call::read(line).0);
            held.map_or(Passage::AtOnce, |(hold, sender)| Passage::Held { hold, sender })
        };
        Proxy::open(engine.socket(), rule).unwrap()
    }

    /// What holds such a call, if anything does; only once.
    fn take(&self, call: Call) -> Option<(Hold, Sender)> {
        let mut holds = self.0.lock().unwrap();
        // The first of several for one call, so that they apply in the order of the test.
        let place = holds.iter().position(|(held, ..)| *held == call)?;
        holds.remove(place).map(|(_, hold, sender)| (hold, sender))
    }

    /// These faults of a stub, and the holds for what they let pass.
    pub(crate) fn beside(&self, faults: Faults) -> Faults {
        let holds = self.clone();
        faults.by(move |call, _| {
            let (hold, sender) = holds.take(call)?;
            Some(Fault::Hold { hold, sender })
        })
    }
}
