//! The file in which a node has the newest part of a log, and where it begins in what was written.
//!
//! 1. Positions in a log count from the beginning of the container. A node hands out only the newest file, so a
//!    position in that is behind its base.

/// What the beginning of a log shows, as its node has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogStart {
    /// It has no line.
    Empty,
    /// The stamp of its first line.
    At(String),
    /// That is not known, such as where the log is gone.
    Unknown,
}

/// The file that was followed last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LogFile {
    /// The container at its runtime.
    container: Option<String>,
    /// The stamp of its first line, once it has one.
    start: Option<String>,
    /// How many bytes were written before it.
    pub(crate) base: u64,
}

impl LogFile {
    /// The file of a container that was never followed before.
    pub(crate) fn first(container: Option<String>, start: &LogStart) -> Self {
        Self { container, start: start.stamp(), base: 0 }
    }

    /// The file as it is now, after so many bytes were followed, and whether the node has rotated the log.
    pub(crate) fn now(
        self,
        container: Option<String>,
        start: &LogStart,
        written: u64,
    ) -> (Self, bool) {
        let is_another = self.container != container;
        let is_rotated = !is_another
            && match start {
                LogStart::Empty => self.start.is_some(),
                LogStart::At(stamp) => self.start.as_ref().is_some_and(|before| before != stamp),
                LogStart::Unknown => false,
            };
        if is_another || is_rotated {
            return (Self { container, start: start.stamp(), base: written }, is_rotated);
        }
        (Self { start: self.start.or(start.stamp()), ..self }, false)
    }

    /// Whether it is known how it begins.
    pub(crate) fn has_start(&self) -> bool {
        self.start.is_some()
    }

    /// Whether it begins with this line.
    pub(crate) fn begins_at(&self, stamp: &str) -> bool {
        self.start.as_deref() == Some(stamp)
    }

    /// Notes how it begins.
    pub(crate) fn note_start(&mut self, start: &LogStart) {
        self.start = self.start.take().or(start.stamp());
    }

    /// Notes that its log was rotated while it was followed: the newest file begins so, behind so many bytes.
    pub(crate) fn note_rotation(&mut self, stamp: &str, base: u64) {
        (self.start, self.base) = (Some(stamp.to_owned()), base);
    }
}

impl LogStart {
    fn stamp(&self) -> Option<String> {
        match self {
            Self::At(stamp) => Some(stamp.clone()),
            Self::Empty | Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(stamp: &str) -> LogStart {
        LogStart::At(stamp.to_owned())
    }

    #[test]
    fn a_file_is_another_one_if_it_begins_elsewhere_or_is_of_another_container() {
        let of = |container: &str| Some(container.to_owned());
        let file = LogFile::first(of("c1"), &at("1"));
        for (container, start, base, is_rotated) in [
            ("c1", at("1"), 0, false),
            ("c1", LogStart::Unknown, 0, false),
            ("c1", at("2"), 7, true),
            ("c1", LogStart::Empty, 7, true),
            ("c2", at("1"), 7, false),
        ] {
            let (now, rotated) = file.clone().now(of(container), &start, 7);
            assert_eq!((now.base, rotated), (base, is_rotated), "{container} {start:?}");
        }
        let empty = LogFile::first(of("c1"), &LogStart::Empty);
        let (now, is_rotated) = empty.now(of("c1"), &at("1"), 0);
        assert!(now.begins_at("1") && !is_rotated);
    }
}
