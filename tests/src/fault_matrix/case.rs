//! One case of the fault matrix: an engine call of a run, its fault, and the expected end of the run.

use chrono::{DateTime, Utc};
use docket_stub_engine::{Call, Fault};
use serde_json::{Value, json};

use crate::allocation::{of_image, once, with_host_option};

/// An image whose containers run until they are stopped.
pub(super) const ENDLESS: &str = "endless";
/// An image whose containers run long enough to follow their output.
pub(super) const SLOW: &str = "slow";

/// An engine call of a run.
///
/// Of [`Call::ALL`], ping, version, info and list belong to no run, and only an engine check asks for
/// networks and volumes. The server never pauses, unpauses or inspects one network, and it reads events
/// only after a start without a response: see `system/delayed_requests.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Pulls the image.
    Pull,
    /// Checks whether the image exists.
    InspectImage,
    /// Creates the container.
    Create,
    /// Starts it.
    Start,
    /// Waits for its end.
    Wait,
    /// Inspects it.
    Inspect,
    /// Reads its output after its end.
    Logs,
    /// Follows its output while it runs.
    Follow,
    /// Stops it.
    Stop,
    /// Kills it.
    Kill,
    /// Removes it.
    Remove,
}

impl Step {
    /// All steps.
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

/// A fault in the first matching call of one run.
#[derive(Debug, Clone)]
pub(super) struct FaultCase {
    pub(super) step: Step,
    pub(super) fault: Fault,
}

impl FaultCase {
    /// Each step with each of these faults.
    pub(super) fn all(faults: &[Fault]) -> Vec<Self> {
        let of_step = |step| faults.iter().map(move |fault| Self { step, fault: fault.clone() });
        Step::ALL.into_iter().flat_map(of_step).collect()
    }

    /// The name of its allocation, such as `create-drop-after`.
    pub(super) fn name(&self) -> String {
        in_kebab_case(&format!("{:?}{}", self.step, word(&self.fault)))
    }

    /// Whether the fault applies to this call.
    pub(super) fn matches(&self, call: Call) -> bool {
        self.step.call() == call
    }

    /// An allocation, due once, whose run makes the call and leaves no container.
    pub(super) fn allocation(&self, at: DateTime<Utc>) -> Value {
        let name = self.name();
        let mut allocation =
            with_host_option(once(&name, at, &["true"]), "AutoRemove", json!(true));
        match self.step {
            // Runs that need the same image at the same time share one pull.
            Step::Pull => return of_image(allocation, &name),
            Step::InspectImage => {
                allocation["Pull"] = json!("Missing");
                return of_image(allocation, &name);
            }
            // A run that times out is the way to a stop without a request.
            Step::Stop => allocation["Timeout"] = json!("1s"),
            _ => {}
        }
        match self.step {
            Step::Follow => of_image(allocation, SLOW),
            Step::Stop | Step::Kill => of_image(allocation, ENDLESS),
            _ => allocation,
        }
    }

    /// The expected state of the run, and how often its container is started.
    pub(super) fn end(&self) -> (&'static str, usize) {
        let says_so = matches!(self.fault, Fault::FailBefore { .. } | Fault::FailAfter { .. });
        match self.step {
            // docket trusts an error response, although the engine may have created the container.
            Step::InspectImage | Step::Create if says_so => ("failed", 0),
            // After the effect the container has run, which its inspection shows.
            Step::Start if matches!(self.fault, Fault::FailBefore { .. }) => ("failed", 0),
            Step::Stop => ("timed-out", 1),
            Step::Kill => ("cancelled", 1),
            _ => ("succeeded", 1),
        }
    }
}

/// The name of the fault without its values, such as `DropAfter`.
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
    fn each_case_has_a_unique_name() {
        let cases = FaultCase::all(&faults::all());

        let names: BTreeSet<_> = cases.iter().map(FaultCase::name).collect();

        assert_eq!(names.len(), Step::ALL.len() * 10);
        assert!(names.contains("inspect-image-fail-before"), "{names:?}");
    }
}
