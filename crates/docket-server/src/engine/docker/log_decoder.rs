//! Decodes a log into pieces of standard output and standard error, with times if its messages are read with them.

use chrono::{DateTime, Utc};
use docket_model::output::Stream;

use super::{
    container_log_cache::LogForm,
    log_timestamps::{Next, Stamped, moment_of},
};
use crate::engine::{
    EngineError,
    docker_api::log_frames::{Frames, stream_of},
};

/// The error for a log that is not in the form that the engine promises; it may be by the next read.
pub(super) fn broken(reason: &str) -> EngineError {
    EngineError::Unreachable(format!("the log cannot be read: {reason}"))
}

/// A log that is being read from its beginning.
#[derive(Debug)]
pub(super) enum Messages {
    /// Without times.
    Plain(Frames),
    /// With the times of messages.
    Timed {
        /// The log.
        stamped: Stamped,
        /// The stream of the message under way.
        stream: Stream,
        /// When that was written.
        at: Option<DateTime<Utc>>,
    },
}

impl Messages {
    pub(super) fn new(form: &LogForm) -> Self {
        if form.has_stamps {
            let stamped = Stamped::new(form.has_terminal);
            return Self::Timed { stamped, stream: Stream::Out, at: None };
        }
        Self::Plain(Frames::new(form.has_terminal))
    }

    /// What to add to the query for the log.
    pub(super) fn query(&self) -> &'static str {
        match self {
            Self::Plain(_) => "",
            Self::Timed { .. } => "&timestamps=1",
        }
    }

    /// Hands to `output` what the container wrote.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        output: &mut impl FnMut(Stream, Option<DateTime<Utc>>, &[u8]),
    ) -> Result<(), EngineError> {
        match self {
            Self::Plain(frames) => frames
                .push(bytes, &mut |stream, bytes| output(stream, None, bytes))
                .map_err(|_| broken("it is not in frames")),
            Self::Timed { stamped, stream, at } => {
                let pushed = stamped.push(bytes, |next| {
                    match next {
                        Next::Message(number, stamp) => {
                            (*stream, *at) = (stream_of(number), moment_of(&stamp));
                        }
                        Next::Bytes(bytes) => output(*stream, *at, bytes),
                    }
                    true
                });
                pushed.map_err(|_| broken("its messages have no time stamps"))
            }
        }
    }

    /// True where nothing is missing.
    pub(super) fn are_complete(&self) -> bool {
        match self {
            Self::Plain(frames) => frames.are_complete(),
            Self::Timed { stamped, .. } => stamped.is_complete(),
        }
    }

    /// Why the engine could not read the log to its end.
    pub(super) fn message(&self) -> Option<String> {
        match self {
            Self::Plain(frames) => frames.message(),
            Self::Timed { stamped, .. } => stamped.message(),
        }
    }
}
