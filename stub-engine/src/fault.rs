//! What can go wrong with one request. Which request it meets is `fault_rules`' part.

use std::{fmt, time::Duration};

use crate::{Hold, Sender};

/// What goes wrong with one request.
///
/// A request whose client has gone still takes effect where it says so, as with a real engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It takes effect, and is answered, only after this duration; also where the client has gone.
    Delay(Duration),
    /// It takes effect when `hold` is released; also where the client has gone.
    Hold {
        /// What holds it.
        hold: Hold,
        /// What its sender sees meanwhile.
        sender: Sender,
    },
    /// It takes effect at once and is answered after this duration.
    AnswerLate(Duration),
    /// It changes nothing and is answered with an error.
    FailBefore {
        /// The HTTP status.
        status: u16,
        /// The engine's words.
        message: String,
    },
    /// It takes effect and is answered with an error.
    FailAfter {
        /// The HTTP status.
        status: u16,
        /// The engine's words.
        message: String,
    },
    /// It changes nothing, and the connection is closed without an answer.
    DropBefore,
    /// It takes effect, and the connection is closed without an answer.
    DropAfter,
    /// It takes effect, and the connection is closed after half of the answer's head.
    CutHead,
    /// It takes effect, and the connection is closed after half of the answer's body; of its head
    /// where it has no body.
    CutBody,
    /// It changes nothing and is never answered; the connection stays open.
    HangBefore,
    /// It takes effect and is never answered; the connection stays open.
    HangAfter,
}

impl Fault {
    /// It changes nothing and is answered with 500.
    #[must_use]
    pub fn fail_before() -> Self {
        Self::FailBefore { status: 500, message: "the stub failed before the effect".to_owned() }
    }

    /// It takes effect and is answered with 500.
    #[must_use]
    pub fn fail_after() -> Self {
        Self::FailAfter { status: 500, message: "the stub failed after the effect".to_owned() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(time) => write!(f, "took effect only after {time:?}"),
            Self::Hold { sender, .. } => write!(f, "held on its way, its sender {sender:?}"),
            Self::AnswerLate(time) => write!(f, "took effect, answered after {time:?}"),
            Self::FailBefore { status, .. } => write!(f, "changed nothing, answered {status}"),
            Self::FailAfter { status, .. } => write!(f, "took effect, answered {status}"),
            Self::DropBefore => f.write_str("changed nothing, connection closed"),
            Self::DropAfter => f.write_str("took effect, connection closed"),
            Self::CutHead => f.write_str("took effect, answer cut in its head"),
            Self::CutBody => f.write_str("took effect, answer cut in its body"),
            Self::HangBefore => f.write_str("changed nothing, never answered"),
            Self::HangAfter => f.write_str("took effect, never answered"),
        }
    }
}
