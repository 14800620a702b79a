//! Requests that are held on their way to the engine, until a test lets them arrive.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What the sender of a held request sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Nothing until the request arrives, and then the engine's answer.
    Waits,
    /// Its connection is closed without an answer.
    IsCutOff,
    /// This status, from something between it and the engine, such as 504 of a proxy.
    Gets(u16),
}

/// Lets one request arrive; returns the status that the engine answers with.
type Delivery = Box<dyn FnOnce() -> u16 + Send>;

/// Requests on their way. They arrive when they are released, also where their sender is dead.
///
/// Requests that are never released never arrive.
#[derive(Clone, Default)]
pub struct Hold(Arc<Mutex<Vec<Delivery>>>);

impl Hold {
    /// A hold without requests.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many requests are held.
    #[must_use]
    pub fn count(&self) -> usize {
        self.requests().len()
    }

    /// Takes a request in; `delivery` lets it arrive and returns the status of the answer.
    pub fn add(&self, delivery: impl FnOnce() -> u16 + Send + 'static) {
        self.requests().push(Box::new(delivery));
    }

    /// Lets all requests arrive, in their order; returns the statuses that the engine answers with.
    #[must_use]
    pub fn release(&self) -> Vec<u16> {
        // A delivery takes its time, and more requests may come meanwhile.
        let requests = std::mem::take(&mut *self.requests());
        requests.into_iter().map(|deliver| deliver()).collect()
    }

    fn requests(&self) -> MutexGuard<'_, Vec<Delivery>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two are equal that hold the same requests.
impl PartialEq for Hold {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Hold {}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").field("count", &self.count()).finish()
    }
}
