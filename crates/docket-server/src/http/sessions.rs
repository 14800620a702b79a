//! The sessions of signed-in browsers.
//!
//! 1. A session is in memory only: it ends with the server, when its user signs out, or when it is unused
//!    for too long.
//! 2. The server keeps a digest of each secret, so nothing in its memory can be used as a cookie.

use std::{collections::HashMap, fmt::Write as _, time::Duration};

use parking_lot::Mutex;
use ring::{
    digest,
    rand::{SecureRandom, SystemRandom},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::ApiError;

/// How long an unused session lasts.
const IDLE_TIMEOUT: Duration = Duration::from_secs(12 * 60 * 60);
/// The maximum number of sessions. One more ends the session that was unused for longest.
const MAX_SESSIONS: usize = 1000;

/// The sessions that have not ended.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// By the digest of their secret.
    // A lookup by digest takes a time that says nothing about the secret.
    active: Mutex<HashMap<[u8; digest::SHA256_OUTPUT_LEN], Active>>,
}

/// A session that has not ended.
#[derive(Debug)]
struct Active {
    last_used: Instant,
    /// Ends the streams of the session.
    end: CancellationToken,
}

impl Drop for Active {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

fn digest_of(secret: &str) -> [u8; digest::SHA256_OUTPUT_LEN] {
    let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
    bytes
}

impl Sessions {
    /// Begins a session and returns its secret. The session ends with the server at the latest.
    pub(super) fn begin(&self, stopping: &CancellationToken) -> Result<String, ApiError> {
        let mut random = [0; 32];
        let filled = SystemRandom::new().fill(&mut random);
        filled.map_err(|_| ApiError::Internal("the system has no random numbers".to_owned()))?;
        let mut secret = String::with_capacity(2 * random.len());
        for byte in random {
            // Writing to a String cannot fail.
            let _: Result<(), _> = write!(secret, "{byte:02x}");
        }
        let mut active = self.active.lock();
        // Here and not by a timer: nothing else makes the map grow.
        active.retain(|_, session| session.last_used.elapsed() < IDLE_TIMEOUT);
        if active.len() >= MAX_SESSIONS {
            let oldest = active.iter().min_by_key(|(_, session)| session.last_used);
            let oldest = oldest.map(|(key, _)| *key);
            oldest.and_then(|oldest| active.remove(&oldest));
        }
        // A child, so that the end of the server ends all streams, and that of a session only its
        // own.
        let end = stopping.child_token();
        active.insert(digest_of(&secret), Active { last_used: Instant::now(), end });
        Ok(secret)
    }

    /// True if the session of this secret has not ended. Restarts its idle timeout.
    pub(super) fn admits(&self, secret: &str) -> bool {
        let mut active = self.active.lock();
        let Some(session) = active.get_mut(&digest_of(secret)) else { return false };
        let is_active = session.last_used.elapsed() < IDLE_TIMEOUT;
        if is_active {
            session.last_used = Instant::now();
        }
        is_active
    }

    /// A token that is cancelled when the session of this secret ends.
    pub(super) fn end_of(&self, secret: &str) -> Option<CancellationToken> {
        self.active.lock().get(&digest_of(secret)).map(|session| session.end.clone())
    }

    pub(super) fn end(&self, secret: &str) {
        self.active.lock().remove(&digest_of(secret));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_session_lasts_while_it_is_used() {
        let (sessions, stopping) = (Sessions::default(), CancellationToken::new());
        let (used, unused) =
            (sessions.begin(&stopping).unwrap(), sessions.begin(&stopping).unwrap());

        tokio::time::advance(IDLE_TIMEOUT / 2).await;
        assert!(sessions.admits(&used));
        tokio::time::advance(IDLE_TIMEOUT / 2).await;

        assert_eq!(used.len(), 64);
        assert!(sessions.admits(&used) && !sessions.admits(&unused) && !sessions.admits(""));
        sessions.end(&used);
        assert!(!sessions.admits(&used));
    }

    #[tokio::test(start_paused = true)]
    async fn one_session_too_many_ends_the_one_that_was_unused_for_longest() {
        let (sessions, stopping) = (Sessions::default(), CancellationToken::new());
        let first = sessions.begin(&stopping).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        let second = sessions.begin(&stopping).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;

        for _ in 2..=MAX_SESSIONS {
            sessions.begin(&stopping).unwrap();
        }

        assert!(!sessions.admits(&first) && sessions.admits(&second));
    }
}
