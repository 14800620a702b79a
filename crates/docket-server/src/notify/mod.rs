//! Delivers notifications: takes messages from the outbox of the store and posts them to their receivers. What
//! deserves a message is decided in the store, in the transaction of what it is about.
//!
//! 1. A message is removed after its delivery. After a crash it may come twice, with the same id.
//! 2. A receiver gets one message at a time. Others wait, and are sent as one if they are many.
//! 3. No URL and no key is logged, and a redirect is not followed.

mod compose;
mod drop_log;
mod http_client;
mod limits;
mod notifier;
mod output_excerpt;
mod post;
mod receivers;
#[cfg(test)]
mod tests;
mod texts;

#[cfg(any(test, feature = "simulation"))]
pub(crate) use self::notifier::no_notifications;
pub(crate) use self::{
    http_client::HttpClient,
    notifier::{Notifier, NotifierSettings},
    post::Post,
    receivers::test_request,
};
