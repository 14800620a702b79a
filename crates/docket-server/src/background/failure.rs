//! The failure of an activation.

/// Why an activation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(super) message: String,
    /// True if the task has logged the failure itself.
    pub(super) is_logged: bool,
}

impl Failure {
    pub(crate) fn new(message: String) -> Self {
        Self { message, is_logged: false }
    }

    pub(crate) fn logged(message: String) -> Self {
        Self { message, is_logged: true }
    }
}
