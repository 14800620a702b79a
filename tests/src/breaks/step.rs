//! One break: a call in the life of a run, what goes wrong with it, and the right end of the run.

use chrono::{DateTime, Utc};
use docket_stub_engine::{Call, Fault};
use serde_json::{Value, json};

use crate::allocation::{of_image, once, with_host_option};

/// An image whose containers run until somebody ends them.
pub(super) const ENDLESS: &str = "endless";
/// An image whose containers run long enough for somebody to follow their output.
pub(super) const SLOW: &str = "slow";

/// A call in the life of a run.
///
/// Of [`Call::ALL`] these are about no one run: ping, version, info and list. A rehearsal alone asks
/// for networks and volumes. The server never pauses, unpauses or looks at one network, and it reads
/// events only after a start without an answer: see `system/late_starts.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The image is pulled.
    Pull,
    /// It is looked whether the image is there.
    InspectImage,
    /// The container is created.
    Create,
    /// It is started.
    Start,
    /// Its end is waited for.
    Wait,
    /// It is looked at.
    Inspect,
    /// Its output is read.
    Logs,
    /// Its output is followed while it runs.
    Follow,
    /// It is stopped.
    Stop,
    /// It is killed.
    Kill,
    /// It is removed.
    Remove,
}

impl Step {
    /// Every one of them.
    pub(super) const ALL: [Self; 11] = [
        Self::Pull,
        Self::InspectImage,
        Self::Create,
        Self::Start,
        Self::Wait,
        Self::Inspect,
        Self::Logs,
        Self::Follow,
        Self::Stop,
        Self::Kill,
        Self::Remove,
    ];

    fn call(self) -> Call {
        match self {
            Self::Pull => Call::Pull,
            Self::InspectImage => Call::InspectImage,
            Self::Create => Call::Create,
            Self::Start => Call::Start,
            Self::Wait => Call::Wait,
            Self::Inspect => Call::Inspect,
            Self::Logs | Self::Follow => Call::Logs,
            Self::Stop => Call::Stop,
            Self::Kill => Call::Kill,
            Self::Remove => Call::Remove,
        }
    }
}

/// What goes wrong with the first such call in the life of one run.
#[derive(Debug, Clone)]
pub(super) struct Break {
    pub(super) step: Step,
    pub(super) fault: Fault,
}

impl Break {
    /// Every call with every one of these faults.
    pub(super) fn all(faults: &[Fault]) -> Vec<Self> {
        let of_step = |step| faults.iter().map(move |fault| Self { step, fault: fault.clone() });
        Step::ALL.into_iter().flat_map(of_step).collect()
    }

    /// The allocation whose run it meets, such as `create-drop-after`.
    pub(super) fn name(&self) -> String {
        in_kebab_case(&format!("{:?}{}", self.step, word(&self.fault)))
    }

    /// Whether it meets this call.
    pub(super) fn is_of(&self, call: Call) -> bool {
        self.step.call() == call
    }

    /// The allocation, due once, whose run makes the call and leaves no container.
    pub(super) fn allocation(&self, at: DateTime<Utc>) -> Value {
        let name = self.name();
        let mut allocation =
            with_host_option(once(&name, at, &["true"]), "AutoRemove", json!(true));
        match self.step {
            // Runs that want one image at one moment share one pull.
            Step::Pull => return of_image(allocation, &name),
            Step::InspectImage => {
                allocation["Pull"] = json!("Missing");
                return of_image(allocation, &name);
            }
            Step::Stop => allocation["Timeout"] = json!("1s"),
            _ => {}
        }
        match self.step {
            Step::Follow => of_image(allocation, SLOW),
            Step::Stop | Step::Kill => of_image(allocation, ENDLESS),
            _ => allocation,
        }
    }

    /// The right end: the state of the run, and how often its container is started.
    pub(super) fn end(&self) -> (&'static str, usize) {
        let says_so = matches!(self.fault, Fault::FailBefore { .. } | Fault::FailAfter { .. });
        match self.step {
            // An engine that refuses is believed, although it may have created what it refused.
            Step::InspectImage | Step::Create if says_so => ("failed", 0),
            Step::Start if matches!(self.fault, Fault::FailBefore { .. }) => ("failed", 0),
            Step::Stop => ("timed-out", 1),
            Step::Kill => ("cancelled", 1),
            _ => ("succeeded", 1),
        }
    }
}

/// The fault without what it carries, such as `DropAfter`.
fn word(fault: &Fault) -> String {
    let letters = |text: String| text.chars().take_while(char::is_ascii_alphabetic).collect();
    letters(format!("{fault:?}"))
}

fn in_kebab_case(text: &str) -> String {
    let mut kebab = String::new();
    for letter in text.chars() {
        if letter.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{super::faults, *};

    #[test]
    fn every_break_has_a_name_of_its_own() {
        let breaks = Break::all(&faults::all());

        let names: BTreeSet<_> = breaks.iter().map(Break::name).collect();

        assert_eq!(names.len(), Step::ALL.len() * 10);
        assert!(names.contains("inspect-image-fail-before"), "{names:?}");
    }
}
