//! The words for the state of a run and for what started it: the same in the API, the client, `top` and
//! the page. Words of older versions are read, too.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How far a run is, or how it ended, in one word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum StateWord {
    /// In the queue, until an older run of the allocation ends.
    Waiting,
    /// Claimed; its container does not run yet.
    Starting,
    /// Its container runs.
    Running,
    /// Between two attempts.
    Retrying,
    /// Under way, and cancelled.
    Cancelling,
    /// Its container cannot be killed.
    Stuck,
    /// Its container ended with exit code 0.
    Succeeded,
    /// Its container failed, or could not be started.
    Failed,
    /// It ran longer than its `Timeout`.
    TimedOut,
    /// Cancelled before its container ended by itself.
    Cancelled,
    /// A policy, or a limit of the server, did not let it start.
    Skipped,
    /// It was not started in time.
    Missed,
    /// How its container ended is not known.
    Lost,
    /// A word of a later version.
    Other(Box<str>),
}

/// The states in the order in which they are listed, with their words.
const STATES: [(StateWord, &str); 13] = [
    (StateWord::Waiting, "waiting"),
    (StateWord::Starting, "starting"),
    (StateWord::Running, "running"),
    (StateWord::Retrying, "retrying"),
    (StateWord::Cancelling, "cancelling"),
    (StateWord::Stuck, "stuck"),
    (StateWord::Succeeded, "succeeded"),
    (StateWord::Failed, "failed"),
    (StateWord::TimedOut, "timed-out"),
    (StateWord::Cancelled, "cancelled"),
    (StateWord::Skipped, "skipped"),
    (StateWord::Missed, "missed"),
    (StateWord::Lost, "lost"),
];

/// What people read for `timed-out`.
const TIMED_OUT: &str = "timed out";

/// Words of older versions.
const OLD_STATES: [(&str, StateWord); 4] = [
    ("claimed", StateWord::Starting),
    ("between-attempts", StateWord::Retrying),
    ("will-not-die", StateWord::Stuck),
    (TIMED_OUT, StateWord::TimedOut),
];

impl StateWord {
    /// All words of this version.
    pub const WORDS: [&str; 13] = words(&STATES);

    /// The state that a text names: a word of this version, of an older one, or one for people.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let known = STATES.into_iter().find(|(_, word)| *word == text).map(|(state, _)| state);
        known.or_else(|| OLD_STATES.into_iter().find(|(old, _)| *old == text).map(|(_, it)| it))
    }

    /// The word of the API.
    #[must_use]
    pub fn as_str(&self) -> &str {
        if let Self::Other(word) = self {
            return word;
        }
        STATES.iter().find(|(state, _)| state == self).map_or("", |(_, word)| word)
    }

    /// The word for people: that of the API, but `timed out`.
    #[must_use]
    pub fn shown(&self) -> &str {
        if *self == Self::TimedOut { TIMED_OUT } else { self.as_str() }
    }

    /// The state as the rest of a clause: `is starting`, `has failed`.
    #[must_use]
    pub fn clause(&self) -> String {
        let verb = match self {
            Self::Succeeded | Self::Failed | Self::TimedOut => "has",
            Self::Cancelled | Self::Skipped | Self::Missed => "was",
            _ => "is",
        };
        format!("{verb} {}", self.shown())
    }

    /// True of a run that ended without success, and not because someone or a policy stopped it.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut | Self::Missed | Self::Lost)
    }
}

/// What started a run, in one word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum TriggerWord {
    /// Its schedule.
    Schedule,
    /// Its schedule, at an instant that was over when docket decided.
    CatchUp,
    /// A request for a run now.
    Manual,
    /// A request for a run of a past instant.
    Backfill,
    /// The success of all allocations that it runs after.
    Dependency,
    /// A word of a later version.
    Other(Box<str>),
}

/// The triggers, with their words.
const TRIGGERS: [(TriggerWord, &str); 5] = [
    (TriggerWord::Schedule, "schedule"),
    (TriggerWord::CatchUp, "catch-up"),
    (TriggerWord::Manual, "manual"),
    (TriggerWord::Backfill, "backfill"),
    (TriggerWord::Dependency, "dependency"),
];

/// Words of older versions, which say `Backfill` beside the trigger.
const OLD_TRIGGERS: [(&str, TriggerWord); 4] = [
    ("Schedule", TriggerWord::Schedule),
    ("CatchUp", TriggerWord::CatchUp),
    ("ByHand", TriggerWord::Manual),
    ("AfterParent", TriggerWord::Dependency),
];

impl TriggerWord {
    /// All words of this version.
    pub const WORDS: [&str; 5] = words(&TRIGGERS);

    /// The trigger that a text names: a word of this version, or of an older one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let known = TRIGGERS.into_iter().find(|(_, word)| *word == text).map(|(it, _)| it);
        known.or_else(|| OLD_TRIGGERS.into_iter().find(|(old, _)| *old == text).map(|(_, it)| it))
    }

    /// The word of the API, which people read, too.
    #[must_use]
    pub fn as_str(&self) -> &str {
        if let Self::Other(word) = self {
            return word;
        }
        TRIGGERS.iter().find(|(trigger, _)| trigger == self).map_or("", |(_, word)| word)
    }
}

const fn words<T, const N: usize>(all: &[(T, &'static str); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut at = 0;
    while at < N {
        words[at] = all[at].1;
        at += 1;
    }
    words
}

impl From<String> for StateWord {
    fn from(word: String) -> Self {
        Self::parse(&word).unwrap_or_else(|| Self::Other(word.into()))
    }
}

impl From<StateWord> for String {
    fn from(state: StateWord) -> Self {
        state.as_str().to_owned()
    }
}

impl PartialEq<&str> for StateWord {
    fn eq(&self, word: &&str) -> bool {
        self.as_str() == *word
    }
}

impl PartialEq<&str> for TriggerWord {
    fn eq(&self, word: &&str) -> bool {
        self.as_str() == *word
    }
}

impl fmt::Display for StateWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<String> for TriggerWord {
    fn from(word: String) -> Self {
        Self::parse(&word).unwrap_or_else(|| Self::Other(word.into()))
    }
}

impl From<TriggerWord> for String {
    fn from(trigger: TriggerWord) -> Self {
        trigger.as_str().to_owned()
    }
}

impl fmt::Display for TriggerWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_read_back_and_so_are_those_of_older_versions() {
        for word in StateWord::WORDS {
            assert_eq!(StateWord::parse(word).unwrap().as_str(), word);
        }
        for word in TriggerWord::WORDS {
            assert_eq!(TriggerWord::parse(word).unwrap().as_str(), word);
        }
        let states = ["claimed", "between-attempts", "will-not-die", "timed out"];
        let read = states.map(|old| StateWord::parse(old).unwrap().to_string());
        assert_eq!(read, ["starting", "retrying", "stuck", "timed-out"]);
        let triggers = ["Schedule", "CatchUp", "ByHand", "AfterParent"];
        let read = triggers.map(|old| TriggerWord::parse(old).unwrap().to_string());
        assert_eq!(read, ["schedule", "catch-up", "manual", "dependency"]);
        assert_eq!(StateWord::parse("suspended"), None);
    }

    #[test]
    fn words_of_a_later_version_stay_as_they_are() {
        let read: StateWord = serde_json::from_str("\"hovering\"").unwrap();
        assert_eq!(read, StateWord::Other("hovering".into()));
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"hovering\"");
        assert_eq!((read.shown(), read.clause().as_str()), ("hovering", "is hovering"));
    }

    #[test]
    fn people_read_the_words_of_the_api_but_for_timed_out() {
        let clauses =
            [StateWord::TimedOut, StateWord::Missed, StateWord::Stuck].map(|it| it.clause());
        assert_eq!(clauses, ["has timed out", "was missed", "is stuck"]);
    }
}
