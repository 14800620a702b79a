//! What the program of a scripted container does, as the name of its image or its `Cmd` says.

use std::time::Duration;

use bytes::Bytes;
use docket_model::output::Stream;

use crate::engine::Plan;

/// The image whose `Cmd` lists what the program does.
const SCRIPT: &str = "script";
/// The image of a container that runs on a node that is removed.
pub(super) const NODE_REMOVED: &str = "node-removed";
/// The image of containers whose exit code is not reported.
pub(super) const UNREPORTED: &str = "unreported";
/// The image of containers of whose output no times are reported.
pub(super) const UNTIMED: &str = "untimed";

/// What a program does.
#[derive(Debug, Clone)]
pub(super) struct Script {
    /// What it prints, and how long after its start.
    pub(super) lines: Vec<(Duration, Stream, Bytes)>,
    /// How long it runs if nothing stops it; `None` where it never ends.
    pub(super) lifetime: Option<Duration>,
    pub(super) code: i64,
    pub(super) when_asked: WhenAsked,
    /// Why it cannot be started.
    pub(super) start_error: Option<String>,
    /// True where its node does not find its image when it starts it.
    pub(super) lacks_image: bool,
    /// True where it waits for a node that takes it.
    pub(super) waits: bool,
}

/// What a program does once it is asked to end.
#[derive(Debug, Clone)]
pub(super) enum WhenAsked {
    /// It ends so much later with this exit code, and prints a line then.
    Ends { after: Duration, code: i64, line: Option<&'static str> },
    /// It runs until it is killed.
    Ignores,
    /// It cannot be killed either.
    CannotBeKilled,
}

impl Script {
    /// What the container of a plan does.
    pub(super) fn of(plan: &Plan) -> Self {
        let image = plan.container.image();
        // `exit-3-in-part-2` does nothing but succeed in the other parts.
        let image = match image.split_once("-in-part-") {
            Some((program, part)) if part == plan.identity.attempt.part.to_string() => {
                program.to_owned()
            }
            Some(_) => "busybox".to_owned(),
            None => image,
        };
        let seconds = |start| number(&image, start).map(Duration::from_secs);
        let after = seconds("grace-").unwrap_or_default();
        let mut script = Self {
            lines: vec![(Duration::ZERO, Stream::Out, image.clone().into())],
            lifetime: seconds("sleep-").or(seconds("stubborn-")).or(Some(Duration::ZERO)),
            code: number(&image, "exit-").map_or(0, u64::cast_signed),
            when_asked: WhenAsked::Ends { after, code: 143, line: None },
            start_error: None,
            lacks_image: false,
            waits: image.starts_with("waits"),
        };
        match image.as_str() {
            SCRIPT => script.read(plan),
            "undying" | "waits-endless" | NODE_REMOVED => script.lifetime = None,
            "long" => script.lifetime = Some(Duration::from_secs(3600)),
            image if image.starts_with("grace-") => script.lifetime = None,
            _ => {}
        }
        if image == "undying" || image.starts_with("stubborn-") {
            script.when_asked = WhenAsked::CannotBeKilled;
        }
        if let Some(good) = number(&image, "fail-until-") {
            script.code = i64::from(u64::from(plan.identity.attempt.number) < good);
        }
        if let Some(there) = number(&image, "unknown-until-") {
            script.lacks_image = u64::from(plan.identity.attempt.number) < there;
        }
        script
    }

    /// Reads the steps in `Cmd`: `out LINE`, `error LINE` and `print TEXT`, each a second after the one before,
    /// `exit CODE`, `run` until it is asked to end, `ignore` that, and `fail REASON` at its start.
    fn read(&mut self, plan: &Plan) {
        self.lines.clear();
        let config = plan.container.parts().config;
        let steps = config.get("Cmd").and_then(|steps| steps.as_array()).cloned();
        for step in steps.unwrap_or_default() {
            let (word, value) =
                step.as_str().and_then(|step| step.split_once(' ')).unwrap_or_default();
            let at = Duration::from_secs(self.lines.len() as u64);
            let line = Bytes::from(format!("{value}\n"));
            match word {
                "out" => self.lines.push((at, Stream::Out, line)),
                "error" => self.lines.push((at, Stream::Error, line)),
                "print" => {
                    let text = Bytes::copy_from_slice(value.as_bytes());
                    self.lines.push((at, Stream::Out, text));
                }
                "exit" => {
                    self.lifetime = Some(at);
                    self.code = value.parse().unwrap_or_default();
                }
                "asked" => {
                    self.lifetime = None;
                    self.when_asked = match value {
                        "ignores" => WhenAsked::Ignores,
                        _ => WhenAsked::Ends {
                            after: Duration::ZERO,
                            code: 7,
                            line: Some("asked\n"),
                        },
                    };
                }
                _ => self.start_error = Some(value.to_owned()),
            }
        }
    }
}

/// The number behind the first part of an image's name.
pub(super) fn number(image: &str, start: &str) -> Option<u64> {
    image.strip_prefix(start)?.parse().ok()
}
