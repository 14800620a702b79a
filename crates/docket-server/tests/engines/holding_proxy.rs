//! A proxy to an engine that tests can cut, and on which they can hold requests.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use docket_stub_engine::{Hold, Passage, Proxy, Sender};

use crate::contract::Request;

/// A way that leads through a proxy.
pub(crate) struct Way {
    pub(crate) proxy: Proxy,
    /// The request that is to be held next.
    next: Arc<Mutex<Option<Request>>>,
    hold: Hold,
}

impl Way {
    /// A way to the engine that listens at this address, a Unix socket.
    pub(crate) fn to(address: &str) -> Self {
        let engine = Path::new(address.strip_prefix("unix://").unwrap());
        let (next, hold) = (Arc::new(Mutex::new(None)), Hold::new());
        let rule = {
            let (next, hold) = (Arc::clone(&next), hold.clone());
            move |line: &str| {
                let mut next = next.lock().unwrap();
                match next.take_if(|request| is(*request, line)) {
                    Some(_) => Passage::Held { hold: hold.clone(), sender: Sender::IsCutOff },
                    None => Passage::AtOnce,
                }
            }
        };
        Self { proxy: Proxy::open(engine, rule).unwrap(), next, hold }
    }

    /// Holds the next such request.
    pub(crate) fn hold(&self, request: Request) {
        *self.next.lock().unwrap() = Some(request);
    }

    /// Lets what is held arrive; returns how many requests that were.
    pub(crate) fn deliver(&self) -> usize {
        self.hold.release().len()
    }
}

/// Whether a request line is such a request, of Docker's API, of a Swarm's or of Kubernetes'.
fn is(request: Request, line: &str) -> bool {
    let target = line.strip_prefix("POST ").unwrap_or_default();
    let path = target.split(['?', ' ']).next().unwrap_or_default();
    let ends: &[_] = match request {
        Request::Prepare => &["/containers/create", "/services/create", "/pods"],
        Request::Launch => &["/start", "/update"],
    };
    ends.iter().any(|end| path.ends_with(end))
}
