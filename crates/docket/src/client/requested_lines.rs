//! Which lines of an output to request.

use docket_model::output::Stream;

/// Which lines of an output to request, and how; by default all, as they were written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    /// The number of the last lines.
    pub(crate) tail: Option<u32>,
    /// Those that were written since this time, in the words of the user.
    pub(crate) since: Option<String>,
    /// Whether each line begins with its time.
    pub(crate) timestamps: bool,
    /// Those of this stream.
    pub(crate) stream: Option<Stream>,
}

impl Lines {
    /// The parameters of a request.
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        let stream = self.stream.map(|stream| match stream {
            Stream::Out => "stdout",
            Stream::Error => "stderr",
        });
        let parameters = [
            ("tail", self.tail.map(|lines| lines.to_string())),
            ("since", self.since.clone()),
            ("timestamps", self.timestamps.then(|| true.to_string())),
            ("stream", stream.map(str::to_owned)),
        ];
        parameters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Notes that the server has sent something: what it sends next follows the last lines.
    pub(super) fn are_begun(&mut self) {
        self.tail = None;
    }

    /// Notes that a line has arrived: later ones are younger, also if `since` is a duration that ends later now.
    pub(super) fn have_arrived(&mut self) {
        self.since = None;
    }
}
