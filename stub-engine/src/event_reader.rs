//! One reader of `GET /events`: which events it asked for, and how far it has read.

use chrono::{DateTime, Utc};

use crate::{
    answer_bodies::Answer,
    call_log::now,
    container::Container,
    event::{Event, Message},
    event_log::EventLog,
    filters_parameter::{self, LabelFilter},
    parse_call::Request,
};

/// A reader of events. A filter that the stub does not know is refused, not ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventReader {
    since: Option<DateTime<Utc>>,
    pub(crate) until: Option<DateTime<Utc>>,
    /// Whether all that it asked for has happened already.
    pub(crate) is_of_past: bool,
    /// Ids and names, or their beginnings.
    containers: Vec<String>,
    labels: Vec<LabelFilter>,
    kinds: Vec<String>,
    actions: Vec<String>,
    /// The number of the next event to read.
    next: usize,
}

impl EventReader {
    /// Reads the query; a response if it cannot be served.
    pub(crate) fn read(request: &Request<'_>) -> Result<Self, Answer> {
        let (since, until) = (moment(request, "since")?, moment(request, "until")?);
        if let (Some(after), Some(before)) = (since, until)
            && before < after
        {
            let [after, before] = ["since", "until"].map(|name| request.parameter(name));
            let message = format!("`since` time ({after}) cannot be after `until` time ({before})");
            return Err(Answer::error(400, &message));
        }
        let mut reader = Self {
            since,
            until,
            // Decided once, when the request arrives: the engine closes the stream of such a reader
            // at once.
            is_of_past: until.is_some_and(|until| until < now()),
            containers: Vec::new(),
            labels: Vec::new(),
            kinds: Vec::new(),
            actions: Vec::new(),
            next: 0,
        };
        for (name, values) in filters_parameter::read(request)? {
            match name.as_str() {
                "container" => reader.containers.extend(values),
                "label" => {
                    reader.labels.extend(values.iter().map(|value| LabelFilter::read(value)));
                }
                "type" => reader.kinds.extend(values),
                "event" => reader.actions.extend(values),
                _ => return Err(filters_parameter::unknown(&name)),
            }
        }
        Ok(reader)
    }

    /// Begins to read; returns the past events that it asked for, as lines.
    ///
    /// A reader that names neither beginning nor end gets new events only.
    pub(crate) fn begin(&mut self, log: &EventLog, containers: &[Container]) -> Vec<u8> {
        self.next = if self.since.or(self.until).is_some() { log.past() } else { log.end() };
        let (since, until) = (self.since, self.until);
        self.go_on(log, containers, |event| {
            since.is_none_or(|since| event.at >= since)
                && until.is_none_or(|until| event.at <= until)
        })
    }

    /// Reads the events that are new since the last time, as lines.
    pub(crate) fn new_lines(&mut self, log: &EventLog, containers: &[Container]) -> Vec<u8> {
        self.go_on(log, containers, |_| true)
    }

    fn go_on(
        &mut self,
        log: &EventLog,
        containers: &[Container],
        is_in_time: impl Fn(Event) -> bool,
    ) -> Vec<u8> {
        let mut lines = Vec::new();
        for (place, event) in log.since(self.next).filter(|(_, event)| is_in_time(*event)) {
            if let Some(container) = containers.get(place) {
                self.push(event, container, &mut lines);
            }
        }
        // Also past events that the filter left out: they are not looked at again.
        self.next = log.end();
        lines
    }

    fn push(&self, event: Event, container: &Container, lines: &mut Vec<u8>) {
        let has =
            |wanted: &[String], value| wanted.is_empty() || wanted.iter().any(|it| it == value);
        let is_of_container = self.containers.is_empty()
            || self.containers.iter().any(|wanted| {
                container.id.starts_with(&**wanted) || container.name.starts_with(&**wanted)
            });
        if !is_of_container
            || !has(&self.kinds, "container")
            || !has(&self.actions, event.action.word())
        {
            return;
        }
        let attributes = event.attributes(container);
        if self.labels.iter().all(|label| label.matches(&attributes)) {
            Message::new(event, container, &attributes).push_line(lines);
        }
    }
}

/// A parameter that is a moment, in seconds since 1970, with or without a fraction.
fn moment(request: &Request<'_>, name: &str) -> Result<Option<DateTime<Utc>>, Answer> {
    let text = request.parameter(name);
    if text.is_empty() {
        return Ok(None);
    }
    let (seconds, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    // A fraction of fewer digits means tenths, hundredths and so on.
    let nanos = format!("{fraction:0<9}");
    let read = seconds.parse().ok().zip(nanos.get(..9).and_then(|nanos| nanos.parse().ok()));
    let moment = read.and_then(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos));
    let words = || format!("strconv.ParseInt: parsing \"{text}\": invalid syntax");
    // The engine takes it for a fault of its own.
    moment.map(Some).ok_or_else(|| Answer::error(500, &words()))
}
