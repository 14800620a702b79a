//! How the stub behaves where it should not simply answer. What a call means is not known here.

use std::{fmt, sync::Arc, time::Duration};

use super::Call;

/// What becomes of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// It is answered at once.
    Answer,
    /// It takes effect at once and is answered after so long.
    Delay(Duration),
    /// It changes nothing and is answered with an error.
    Fail {
        /// The HTTP status.
        status: u16,
        /// The engine's words.
        message: String,
    },
    /// It changes nothing and is never answered.
    Hang,
    /// It changes nothing, and the connection is cut.
    Cut,
    /// It takes effect, and the connection is cut before the answer.
    Lose,
}

/// Decides how each request is met, by its call and what it is about.
///
/// The subject is an image for [`Call::Pull`] and [`Call::InspectImage`], the container's name for
/// calls about a container, and empty for all others.
#[derive(Clone)]
pub struct Script(Arc<Rule>);

type Rule = dyn Fn(Call, &str) -> Behaviour + Send + Sync;

impl Script {
    /// A script that asks `rule` about each request.
    pub fn new(rule: impl Fn(Call, &str) -> Behaviour + Send + Sync + 'static) -> Self {
        Self(Arc::new(rule))
    }

    pub(crate) fn behaviour(&self, call: Call, subject: &str) -> Behaviour {
        (self.0)(call, subject)
    }
}

impl Default for Script {
    /// Answers everything at once.
    fn default() -> Self {
        Self::new(|_, _| Behaviour::Answer)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}
