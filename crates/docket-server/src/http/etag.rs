//! The entity tag of a specification.

/// The entity tag of a revision.
pub(super) fn etag(revision: u64) -> String {
    format!("\"{revision}\"")
}
