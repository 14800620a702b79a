//! One request to a receiver, and what it brings.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::allocation::NotificationUrl;
use ring::hmac;
use thiserror::Error;

use crate::config::SigningKey;

/// A message as it is posted.
#[derive(Debug, Clone)]
pub(crate) struct PostRequest {
    pub(crate) url: NotificationUrl,
    /// The same whenever the message is sent again.
    pub(crate) id: String,
    /// When it is sent.
    pub(crate) at: DateTime<Utc>,
    /// JSON.
    pub(crate) body: Vec<u8>,
    pub(crate) key: Option<SigningKey>,
}

impl PostRequest {
    /// The time of the signature: seconds since 1970.
    pub(super) fn timestamp(&self) -> String {
        self.at.timestamp().to_string()
    }

    /// HMAC-SHA256 over the time, a dot and the body, in hex; nothing without a key.
    pub(super) fn signature(&self) -> Option<String> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.as_ref()?.secret());
        let mut context = hmac::Context::with_key(&key);
        context.update(self.timestamp().as_bytes());
        context.update(b".");
        context.update(&self.body);
        let signature = context.sign();
        let hex = signature.as_ref().iter().map(|byte| format!("{byte:02x}"));
        Some(format!("v1={}", hex.collect::<String>()))
    }
}

/// Why a message was not delivered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub(crate) struct PostError {
    /// In words, without the URL.
    pub(crate) reason: String,
    /// True if the same request would fail again.
    pub(crate) is_permanent: bool,
}

impl PostError {
    /// An error that may not last.
    pub(super) fn passing(reason: impl fmt::Display) -> Self {
        Self { reason: reason.to_string(), is_permanent: false }
    }

    /// An error that lasts.
    pub(super) fn lasting(reason: impl fmt::Display) -> Self {
        Self { reason: reason.to_string(), is_permanent: true }
    }
}

/// Posts messages.
#[async_trait]
pub(crate) trait Post: fmt::Debug + Send + Sync {
    /// Posts one, once; what the receiver answered, in words.
    async fn post(&self, request: &PostRequest) -> Result<String, PostError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_covers_the_time_and_the_body() {
        let request = |body: &str, key: Option<&str>| PostRequest {
            url: "https://a/b".parse().unwrap(),
            id: "1".to_owned(),
            at: DateTime::from_timestamp(1_800_000_000, 5).unwrap(),
            body: body.into(),
            key: key.map(|key| SigningKey::new(key.as_bytes())),
        };

        // printf '1800000000.{}' | openssl dgst -sha256 -hmac key
        let expected = "v1=7321475872b03ff21bdc2dfd86ea2d99ec29c479fbe4a77aa6acf4509505493f";
        assert_eq!(request("{}", Some("key")).signature().as_deref(), Some(expected));
        assert_ne!(request("{ }", Some("key")).signature().as_deref(), Some(expected));
        assert_eq!(request("{}", None).signature(), None);
    }
}
