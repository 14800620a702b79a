//! The words for the state of a run and for what started it: the same in the API, the client, `top` and
//! the page. Words of older versions are read, too.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Defines an enum whose values are words: each with its word, and after `|` those of older versions.
macro_rules! words {
    (
        $(#[$meta:meta])* $name:ident: $count:literal;
        $($(#[$doc:meta])* $variant:ident = $word:literal $(| $old:literal)*,)+
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$doc])* $variant,)+
            /// A word of a later version.
            // A client of an older version must show the runs of a newer server.
            Other(Box<str>),
        }

        impl $name {
            /// All words of this version, in the order in which they are listed.
            pub const WORDS: [&str; $count] = [$($word),+];

            /// The words of older versions, each with the word that replaces it.
            pub const OLD_WORDS: &[(&str, &str)] = &[$($(($old, $word),)*)+];

            /// The value of a word of this version, or of an older one.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Some(match word {
                    $($word $(| $old)* => Self::$variant,)+
                    _ => return None,
                })
            }

            /// The word of the API.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                // Reading never fails: one unknown word would make a whole list of runs unreadable.
                Self::parse(&word).unwrap_or_else(|| Self::Other(word.into()))
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.as_str().to_owned()
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, word: &&str) -> bool {
                self.as_str() == *word
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// How far a run is, or how it ended, in one word.
    StateWord: 13;
    /// In the queue, until an older run of the allocation ends.
    Waiting = "waiting",
    /// Claimed; its container does not run yet.
    Starting = "starting" | "claimed",
    /// Its container runs.
    Running = "running",
    /// Between two attempts.
    Retrying = "retrying" | "between-attempts",
    /// Under way, and cancelled.
    Cancelling = "cancelling",
    /// Its container cannot be killed.
    Stuck = "stuck" | "will-not-die",
    /// Its container ended with exit code 0.
    Succeeded = "succeeded",
    /// Its container failed, or could not be started.
    Failed = "failed",
    /// It ran longer than its `Timeout`.
    TimedOut = "timed-out" | "timed out",
    /// Cancelled before its container ended by itself.
    Cancelled = "cancelled",
    /// A policy, or a limit of the server, did not let it start.
    Skipped = "skipped",
    /// It was not started in time.
    Missed = "missed",
    /// How its container ended is not known.
    Lost = "lost",
}

impl StateWord {
    /// The word for people: that of the API, but `timed out`.
    #[must_use]
    pub fn shown(&self) -> &str {
        if *self == Self::TimedOut { "timed out" } else { self.as_str() }
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

    /// True of a run that is not over.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        matches!(
            self,
            Self::Waiting
                | Self::Starting
                | Self::Running
                | Self::Retrying
                | Self::Cancelling
                | Self::Stuck
        )
    }

    /// True of a run that ended without success, and not because someone or a policy stopped it.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut | Self::Missed | Self::Lost)
    }
}

words! {
    /// What started a run, in one word.
    TriggerWord: 5;
    /// Its schedule.
    Schedule = "schedule" | "Schedule",
    /// Its schedule, at an instant that was over when docket decided.
    CatchUp = "catch-up" | "CatchUp",
    /// A request for a run now.
    Manual = "manual" | "ByHand",
    /// A request for a run of a past instant.
    Backfill = "backfill",
    /// The success of all allocations that it runs after.
    Dependency = "dependency" | "AfterParent",
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
