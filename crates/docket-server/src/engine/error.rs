//! The errors of engines, in words for users who look at a run.

use std::fmt::Write as _;

use thiserror::Error;

/// The longest text of an engine or a registry in a record, an event or a log line, in bytes: enough
/// for every error that a person reads, and little beside a record.
pub(crate) const LONGEST_MESSAGE: usize = 4096;

/// What is left free of it for the words that say what was cut off.
// The words around the number have 28 bytes, and the number at most 20 digits.
const MARK: usize = 64;

/// A text from outside, cut where it is too long; the cut says how much it left out.
#[must_use]
pub fn bounded(message: impl Into<String>) -> String {
    bounded_beginning(message.into(), 0)
}

/// The same for the beginning of a text of which so many bytes more are not here.
pub(crate) fn bounded_beginning(mut message: String, missing: usize) -> String {
    let whole = message.len() + missing;
    if whole <= LONGEST_MESSAGE {
        return message;
    }
    let longest = LONGEST_MESSAGE - MARK;
    // `truncate` panics within a character.
    let end = (0..=longest.min(message.len())).rev().find(|end| message.is_char_boundary(*end));
    message.truncate(end.unwrap_or_default());
    // Messages are kept in records, which must not hold the memory of the whole text.
    message.shrink_to_fit();
    // Writing to a text cannot fail.
    let _ = write!(message, "… [docket: {} bytes cut off]", whole - message.len());
    message
}

/// Several texts from outside, which together are no longer than one; the last says how many are
/// left out.
pub(crate) fn bounded_list(messages: Vec<String>) -> Vec<String> {
    let count = messages.len();
    let mut room = LONGEST_MESSAGE;
    let mut kept = Vec::new();
    for message in messages.into_iter().map(bounded) {
        // An empty text counts as one byte, so that the number of texts is bounded as well.
        let Some(rest) = room.checked_sub(message.len().max(1)) else { break };
        room = rest;
        kept.push(message);
    }
    if kept.len() < count {
        kept.push(format!("[docket: {} more left out]", count - kept.len()));
    }
    kept
}

/// Says how much output is missing.
fn missing_output(bytes: u64, is_exact: bool) -> String {
    let many = match bytes {
        1 => "1 byte".to_owned(),
        bytes => format!("{bytes} bytes"),
    };
    let at_least = if is_exact { "" } else { "at least " };
    format!(
        "output is missing here, {at_least}{many}: the engine's log driver dropped it before docket \
         read it"
    )
}

/// What can go wrong at an engine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EngineError {
    /// The engine does not answer: nothing was refused, and it may be back.
    #[error("the engine cannot be reached: {0}")]
    Unreachable(String),
    /// The engine is there, and left a call without an answer each time that it was made.
    #[error("{call} got no answer {tries} times in a row, though the engine is there: {reason}")]
    NoAnswer {
        /// The call, in words.
        call: &'static str,
        /// How often it was made.
        tries: u32,
        /// What became of it the last time.
        reason: String,
    },
    /// The registry, or the engine at the creation of a container, says that there is no such image.
    #[error("image {image} not found")]
    NoSuchImage {
        /// As it was written.
        image: String,
        /// What the registry or the engine said.
        reason: String,
    },
    /// The image could not be pulled for another reason, and the engine does not have it.
    #[error("cannot pull image {image}: {reason}")]
    NotPulled {
        /// As it was written.
        image: String,
        /// What failed, in the registry's or the network's own words, and the remedy.
        reason: String,
    },
    /// The image on the engine is for another platform than the container.
    #[error("image {image} on the engine is for another platform: {reason}")]
    OtherPlatform {
        /// As it was written.
        image: String,
        /// What the engine said.
        reason: String,
    },
    /// The engine does not have the image, and may not pull it.
    #[error("image {image} is not on the engine, and `Pull: Never` forbids pulling it")]
    MayNotPull {
        /// As it was written.
        image: String,
    },
    /// Another container has the name for the moment: it is being removed, or cannot be inspected yet.
    #[error("{0}")]
    NameBusy(String),
    /// Another container has the name.
    #[error("the name is held by {holder}")]
    NameHeld {
        /// The holder, by id and what it is.
        holder: String,
    },
    /// The container is not there any more, and docket did not remove it.
    #[error("the container was removed by someone else")]
    Gone,
    /// The container is not there any more, and it surely never ran: it may be created anew.
    #[error("the container was removed by someone else before it was started")]
    NeverStarted,
    /// The container's node is gone, and with it what became of the container; why, in words.
    #[error("{0}")]
    NodeLost(String),
    /// The container's node, of this name, is out of reach, and with it what is asked for.
    #[error("its node `{0}` is out of reach")]
    NodeAway(Box<str>),
    /// The container runs on although the engine was to end it, by a kill at last; why, in words.
    #[error("it cannot be ended: {0}")]
    WillNotDie(String),
    /// The container was created, and the engine says that it cannot run.
    #[error("{0}")]
    NotStartable(String),
    /// The engine does not have some of the output any more: its log driver dropped it.
    #[error("{}", missing_output(*bytes, *is_exact))]
    OutputMissing {
        /// How many bytes; at least so many where that is not known exactly.
        bytes: u64,
        /// Whether that is known exactly.
        is_exact: bool,
    },
    /// The engine refused, in its own words.
    #[error("{message}")]
    Refused {
        /// Why, as far as the engine classifies it.
        kind: Refusal,
        /// The engine's message.
        message: String,
    },
}

/// Why an engine refuses a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The request is not valid.
    Invalid,
    /// The caller is not allowed to make it.
    Denied,
    /// What it is about does not exist.
    NotFound,
    /// It contradicts the state of what it is about, or another request under way.
    Conflict,
    /// The engine cannot do that at all, such as reading the log of the log driver `none`.
    Unsupported,
    /// A proxy or an engine that starts or stops answered in the engine's place.
    Unavailable,
    /// The engine failed at it.
    Failed,
}

impl Refusal {
    /// Whether the engine failed, so that the same call may succeed later.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Unsupported | Self::Unavailable | Self::Failed)
    }
}

impl EngineError {
    /// True where a log cannot be read at all, because its driver keeps none, such as `none`.
    #[must_use]
    pub fn is_unreadable_log(&self) -> bool {
        matches!(self, Self::Refused { kind: Refusal::Unsupported, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_between_characters_and_says_how_much_is_missing() {
        let fits = "é".repeat(LONGEST_MESSAGE / 2);
        assert_eq!(bounded(fits.as_str()), fits);
        for length in [LONGEST_MESSAGE / 2 + 1, 1_000_000] {
            let long = "é".repeat(length);
            let cut = bounded(long.as_str());
            let (kept, mark) = cut.split_once('…').unwrap();
            assert!(cut.len() <= LONGEST_MESSAGE && long.starts_with(kept), "{}", cut.len());
            assert_eq!(mark, format!(" [docket: {} bytes cut off]", long.len() - kept.len()));
        }
    }

    #[test]
    fn many_messages_are_no_longer_together_than_one() {
        let few = vec!["no swap".to_owned(), String::new()];
        assert_eq!(bounded_list(few.clone()), few);
        let many = bounded_list(vec!["x".repeat(1000); 50]);
        assert_eq!(many.len(), 5);
        assert_eq!(many[4], "[docket: 46 more left out]");
        assert!(bounded_list(vec![String::new(); 1_000_000]).len() <= LONGEST_MESSAGE + 1);
    }
}
