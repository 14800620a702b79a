//! What ends a container, or begins it: start, stop, kill, pause, and the wait for its end.

use std::time::Duration;

use crate::{
    answer_bodies::{Answer, exited},
    container::{Container, Phase},
    container_program::WhenStopped,
    event::{Action, Event},
    parse_call::Request,
    program_run::{KILL, Run},
};

/// The default time between a stop's signal and the kill.
const GRACE: i64 = 10;

const TERM: i64 = 15;

const NO_EXIT_EVENT: &str = "tried to kill container, but did not receive an exit event";

/// What a signal does to a live program.
enum Effect {
    Ends {
        exit_code: i64,
    },
    Nothing,
    /// The engine gives up on it.
    Fails,
}

pub(crate) fn start(container: &mut Container) -> Answer {
    match container.phase() {
        // As Docker responds to what is already so.
        Phase::Running => Answer::done(304),
        Phase::Paused => Answer::error(409, "cannot start a paused container, try unpause instead"),
        Phase::Created | Phase::Exited => {
            // The end of the run before may not have been noticed yet.
            container.note_end();
            let run = Run::begin(&container.program);
            container.news.push(Event { action: Action::Start, at: run.started });
            container.runs.push(run);
            Answer::done(204)
        }
    }
}

/// The answer to `wait`, for the container in place `place`.
pub(crate) fn wait(container: &Container, place: usize, request: &Request<'_>) -> Answer {
    let runs = container.runs.len();
    match (request.parameter("condition").as_ref(), container.exit()) {
        ("" | "not-running", exit) if !container.is_live() => {
            Answer::json(200, exited(exit.unwrap_or_default()))
        }
        // The wait is for a run that has not begun.
        ("next-exit", exit) if runs == 0 || exit.is_some() => Answer::Wait { place, run: runs },
        ("" | "not-running" | "next-exit", _) => Answer::Wait { place, run: runs.max(1) - 1 },
        (unknown, _) => Answer::error(400, &format!("invalid condition: \"{unknown}\"")),
    }
}

/// A stop is answered when the container has ended.
pub(crate) fn stop(container: &mut Container, place: usize, request: &Request<'_>) -> Answer {
    if !container.is_live() {
        return Answer::done(304);
    }
    let asked = request.parameter("signal");
    // The request comes before the image's or the container's own stop signal.
    let name = if asked.is_empty() { container.stop_signal.as_deref() } else { Some(&*asked) };
    let Some(signal) = name.map_or(Some(TERM), signal) else {
        return invalid(name.unwrap_or_default());
    };
    let grace = request.parameter("t").parse().ok().or(container.stop_timeout).unwrap_or(GRACE);
    container.note(Action::Kill { signal });
    if let Some(run) = container.live() {
        // Set before the end is decided: the event `stop` follows whatever ends the run.
        run.is_stopped = true;
    }
    // A negative one waits for ever.
    let grace = u64::try_from(grace).ok().map(Duration::from_secs);
    let ended = Answer::Ended { place, run: container.runs.len().max(1) - 1 };
    // What nothing ends outlives the kill after the grace, too.
    let undying = container.program.when_stopped == WhenStopped::Undying;
    let effect = if undying { Effect::Fails } else { effect(container, signal) };
    match (effect, grace) {
        (Effect::Ends { exit_code }, _) => {
            end(container, Duration::ZERO, exit_code);
            Answer::done(204)
        }
        (Effect::Nothing, Some(grace)) => {
            // The end is set for the end of the grace; until then the program may still end by
            // itself.
            end(container, grace, 128 + KILL);
            ended
        }
        (Effect::Fails, Some(after)) => {
            let reference = &request.subject;
            let message = format!("cannot stop container: {reference}: {NO_EXIT_EVENT}");
            Answer::Late { after, answer: Box::new(Answer::error(500, &message)) }
        }
        (Effect::Nothing | Effect::Fails, None) => ended,
    }
}

pub(crate) fn kill(container: &mut Container, request: &Request<'_>) -> Answer {
    let asked = request.parameter("signal");
    let Some(signal) = (if asked.is_empty() { Some(KILL) } else { signal(&asked) }) else {
        return invalid(&asked);
    };
    let (id, reference) = (&container.id, &request.subject);
    if !container.is_live() {
        let message = format!("Cannot kill container: {reference}: Container {id} is not running");
        return Answer::error(409, &message);
    }
    let effect = effect(container, signal);
    container.note(Action::Kill { signal });
    match effect {
        Effect::Ends { exit_code } => end(container, Duration::ZERO, exit_code),
        Effect::Nothing => {}
        Effect::Fails => {
            let message = format!("Cannot kill container: {reference}: {NO_EXIT_EVENT}");
            return Answer::error(500, &message);
        }
    }
    Answer::done(204)
}

pub(crate) fn pause(container: &mut Container) -> Answer {
    let id = &container.id;
    match container.phase() {
        Phase::Paused => Answer::error(409, &format!("Container {id} is already paused")),
        Phase::Running => {
            if let Some(run) = container.live() {
                run.pause();
            }
            container.note(Action::Pause);
            Answer::done(204)
        }
        Phase::Created | Phase::Exited => {
            Answer::error(409, &format!("Container {id} is not running"))
        }
    }
}

pub(crate) fn unpause(container: &mut Container) -> Answer {
    match container.live() {
        Some(run) if run.is_paused() => {
            run.resume();
            container.note(Action::Unpause);
            Answer::done(204)
        }
        // As with the real engine, which takes this for a mistake of its own.
        _ => Answer::error(500, &format!("Container {} is not paused", container.id)),
    }
}

/// Makes a container ready to be removed; a response if it cannot be.
pub(crate) fn remove(container: &mut Container, request: &Request<'_>) -> Result<(), Answer> {
    if !container.is_live() {
        return Ok(());
    }
    let reference = &request.subject;
    if !request.flag("force") {
        let message = format!(
            "You cannot remove a running container {}. Stop the container before attempting \
             removal or force remove",
            container.id
        );
        return Err(Answer::error(409, &message));
    }
    match effect(container, KILL) {
        Effect::Ends { .. } => {
            end_by_force(container);
            Ok(())
        }
        Effect::Nothing | Effect::Fails => {
            let message = format!(
                "Could not kill running container {reference}, cannot remove - {NO_EXIT_EVENT}"
            );
            Err(Answer::error(500, &message))
        }
    }
}

/// Ends what runs, whatever its program would do about it.
pub(crate) fn end_by_force(container: &mut Container) {
    if container.is_live() {
        container.note(Action::Kill { signal: KILL });
        end(container, Duration::ZERO, 128 + KILL);
    }
}

fn end(container: &mut Container, grace: Duration, exit_code: i64) {
    if let Some(run) = container.live() {
        run.end_within(grace, exit_code);
    }
}

fn effect(container: &Container, signal: i64) -> Effect {
    match container.program.when_stopped {
        WhenStopped::Undying if signal == KILL => Effect::Fails,
        WhenStopped::Ignores if signal == KILL => Effect::Ends { exit_code: 128 + KILL },
        WhenStopped::Ignores | WhenStopped::Undying => Effect::Nothing,
        // The exit code that a shell and Docker give to a program that a signal ended.
        WhenStopped::Ends => Effect::Ends { exit_code: 128 + signal },
    }
}

fn signal(name: &str) -> Option<i64> {
    let name = name.to_ascii_uppercase();
    match name.strip_prefix("SIG").unwrap_or(&name) {
        "HUP" => Some(1),
        "INT" => Some(2),
        "QUIT" => Some(3),
        "KILL" => Some(KILL),
        "USR1" => Some(10),
        "USR2" => Some(12),
        "TERM" => Some(TERM),
        // Linux has 64 signals.
        number => number.parse().ok().filter(|number| (1..=64).contains(number)),
    }
}

fn invalid(signal: &str) -> Answer {
    Answer::error(400, &format!("Invalid signal: {signal}"))
}
