//! A value that tasks wait for, as `tokio::sync::watch`, for the simulation: those that wait wake up in
//! the order in which they began to wait. Tokio's wakes them in a random order.

use std::{fmt, sync::Arc};

use parking_lot::{RwLock, RwLockReadGuard};
use tokio::sync::Notify;

/// The sender is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed;

#[derive(Debug)]
struct Shared<T> {
    state: RwLock<State<T>>,
    changed: Notify,
}

#[derive(Debug)]
struct State<T> {
    value: T,
    version: u64,
    is_closed: bool,
}

/// A shared value with a way to look at it, as a guard that derefs to it.
pub(crate) type Ref<'a, T> = parking_lot::MappedRwLockReadGuard<'a, T>;

impl<T> Shared<T> {
    fn read(&self) -> Ref<'_, T> {
        RwLockReadGuard::map(self.state.read(), |state| &state.value)
    }
}

/// Closes the value when the last sender goes.
#[derive(Debug)]
struct Open<T>(Arc<Shared<T>>);

impl<T> Drop for Open<T> {
    fn drop(&mut self) {
        self.0.state.write().is_closed = true;
        self.0.changed.notify_waiters();
    }
}

/// Changes the value.
pub(crate) struct Sender<T>(Arc<Open<T>>);

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> Sender<T> {
    pub(crate) fn new(value: T) -> Self {
        let state = RwLock::new(State { value, version: 0, is_closed: false });
        Self(Arc::new(Open(Arc::new(Shared { state, changed: Notify::new() }))))
    }

    pub(crate) fn subscribe(&self) -> Receiver<T> {
        let shared = Arc::clone(&self.0.0);
        let seen = shared.state.read().version;
        Receiver { shared, seen }
    }

    pub(crate) fn borrow(&self) -> Ref<'_, T> {
        self.0.0.read()
    }

    pub(crate) fn send_if_modified(&self, modify: impl FnOnce(&mut T) -> bool) -> bool {
        let shared = &self.0.0;
        let mut state = shared.state.write();
        let is_modified = modify(&mut state.value);
        if is_modified {
            state.version += 1;
            // The tasks that wake up read the state at once.
            drop(state);
            shared.changed.notify_waiters();
        }
        is_modified
    }

    pub(crate) fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    pub(crate) fn send_replace(&self, value: T) -> T {
        let mut before = None;
        self.send_modify(|held| before = Some(std::mem::replace(held, value)));
        before.unwrap_or_else(|| unreachable!("the value is always modified"))
    }
}

/// A sender with a receiver.
pub(crate) fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

/// Waits for changes of the value.
#[derive(Debug, Clone)]
pub(crate) struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

impl<T> Receiver<T> {
    pub(crate) fn borrow(&self) -> Ref<'_, T> {
        self.shared.read()
    }

    pub(crate) fn borrow_and_update(&mut self) -> Ref<'_, T> {
        self.mark_unchanged();
        self.shared.read()
    }

    pub(crate) fn mark_unchanged(&mut self) {
        self.seen = self.shared.state.read().version;
    }

    pub(crate) async fn changed(&mut self) -> Result<(), Closed> {
        loop {
            // It is notified of changes from here on.
            let changed = self.shared.changed.notified();
            {
                let state = self.shared.state.read();
                if state.version != self.seen {
                    self.seen = state.version;
                    return Ok(());
                }
                if state.is_closed {
                    return Err(Closed);
                }
            }
            changed.await;
        }
    }

    pub(crate) async fn wait_for(
        &mut self,
        mut condition: impl FnMut(&T) -> bool,
    ) -> Result<Ref<'_, T>, Closed> {
        loop {
            // Before the look, so that a change after it ends the wait.
            self.mark_unchanged();
            if condition(&self.shared.read()) {
                return Ok(self.shared.read());
            }
            self.changed().await?;
        }
    }
}
