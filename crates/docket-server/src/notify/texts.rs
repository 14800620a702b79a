//! What messages say.

use chrono::{DateTime, Timelike as _, Utc};
use docket_model::{
    Zone,
    allocation::NotifyEvent,
    measured_duration::length,
    run::{Instant, TimeStyle},
};

use crate::store::OutboxMessage;

/// Times in the zone of an allocation.
#[derive(Debug, Clone, Copy)]
pub(super) struct InZone(pub(super) Zone);

impl InZone {
    /// A time with its zone: `2026-11-21 10:00 (Europe/Berlin)`.
    fn full(self, at: DateTime<Utc>) -> String {
        format!("{} ({})", self.moment(at), self.0.name())
    }
}

impl TimeStyle for InZone {
    fn moment(&self, at: DateTime<Utc>) -> String {
        let at = at.with_timezone(&self.0);
        let time = if at.second() == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" };
        at.format(time).to_string()
    }

    fn run(&self, instant: Instant) -> String {
        format!("the run of {}", self.moment(instant.moment()))
    }
}

/// What happened, as one sentence without its end.
pub(super) fn headline(message: &OutboxMessage, zone: InZone) -> String {
    let OutboxMessage { allocation, event, failing, .. } = message;
    let reason = message.reason.as_ref().map(|reason| format!(": {}", reason.words(&zone)));
    let reason = reason.unwrap_or_default();
    match (event, failing) {
        (NotifyEvent::Failed, Some(failing)) if failing.count > 1 => {
            let since = zone.moment(failing.since);
            format!("{allocation} still fails, {} runs since {since}{reason}", failing.count)
        }
        (NotifyEvent::Failed, _) => format!("{allocation} failed{reason}"),
        (NotifyEvent::Recovered, Some(failing)) => {
            let lasted = length(message.at - failing.since);
            let runs = match failing.count {
                1 => "1 failed run".to_owned(),
                count => format!("{count} failed runs"),
            };
            format!("{allocation} succeeded again after {runs} in {lasted}")
        }
        (NotifyEvent::Recovered, None) => format!("{allocation} succeeded again"),
        (NotifyEvent::Missed, _) => match message.span {
            Some((last, count)) => {
                let last = zone.moment(last.moment());
                format!("{allocation} missed {count} runs up to {last}{reason}")
            }
            None => format!("{allocation} missed a run{reason}"),
        },
        (NotifyEvent::Skipped, _) => format!("{allocation} skipped a run{reason}"),
    }
}

/// A message on one line, as one of several.
pub(super) fn line(message: &OutboxMessage, zone: InZone) -> String {
    format!("{} - {}", zone.moment(message.instant.moment()), headline(message, zone))
}

/// A whole message, one fact a line.
pub(super) fn text(message: &OutboxMessage, zone: InZone, link: Option<&str>) -> String {
    let mut lines = vec![format!("{}.", headline(message, zone))];
    lines.push(format!("Instant: {}", zone.full(message.instant.moment())));
    if matches!(message.event, NotifyEvent::Failed | NotifyEvent::Missed) {
        let succeeded = message.succeeded.map(|instant| zone.full(instant.moment()));
        lines.push(format!("Last success: {}", succeeded.unwrap_or_else(|| "none".to_owned())));
    }
    lines.extend(link.map(|link| format!("Details: {link}")));
    lines.join("\n")
}
