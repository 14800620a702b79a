//! New ids. All that is random in the scheduler, the runner and the store comes from here.

use uuid::Uuid;

/// An id that nothing else has.
pub(crate) fn new_id() -> Uuid {
    #[cfg(feature = "simulation")]
    if let Some(id) = crate::simulation::next_id() {
        return id;
    }
    Uuid::new_v4()
}
