//! The rules of the store that do not depend on its backend, as functions of values.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Allocation, AllocationName, Origin, Run, RunId, Specification,
    journal::{Entry, Event, Suspension},
    missed_instants::Suspensions,
    run::{Attempt, AttemptKey, Instant, RunState, Trigger},
    run_history_lines,
};

use super::{
    AllocationStatus, ChangeContext, ChangedZone, ClaimOutcome, Control, Doubt, Effect,
    EntryFilter, InstantKind, PartProgress, Progress, ServerControl, StoreError, ZoneChange,
    backend::ScannedRun,
};
use crate::{
    mutation_testing::{self, Mutation},
    random_ids::new_id,
};

/// How long a deleted name's latest instant is remembered, so that a name created anew by mistake or
/// by a script does not repeat what was done.
pub const REMEMBERED: TimeDelta = TimeDelta::days(7);

/// How many entries of the journal are kept: the newest.
// All of them are in memory, and are loaded at each start.
pub const MOST_ENTRIES: usize = 10_000;

/// What storing one specification did.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) effect: Effect,
    /// The allocation as it was before.
    pub(super) before: Option<Arc<Allocation>>,
}

/// True where what one origin owns is the other's: a server has one file, wherever it was moved to.
pub(super) fn is_same_owner(one: &Origin, other: &Origin) -> bool {
    matches!((one, other), (Origin::Api, Origin::Api) | (Origin::File(_), Origin::File(_)))
}

/// Refuses to let one origin change what belongs to another.
pub(super) fn check_owner(held: &Allocation, wanted: &Origin) -> Result<(), StoreError> {
    let name = held.name().clone();
    match (&held.origin, wanted) {
        (held, wanted) if is_same_owner(held, wanted) => Ok(()),
        (Origin::File(file), _) => Err(StoreError::ReadOnly { name, file: file.clone() }),
        (Origin::Api, _) => Err(StoreError::Taken { name }),
    }
}

/// Refuses to let one origin delete what belongs to a file.
pub(super) fn check_deletion(held: &Allocation, wanted: &Origin) -> Result<(), StoreError> {
    match &held.origin {
        Origin::Api => Ok(()),
        Origin::File(_) => check_owner(held, wanted),
    }
}

/// A name that is new, as it is stored.
pub(super) fn created(
    specification: Specification,
    origin: &Origin,
    revision: u64,
    at: DateTime<Utc>,
) -> Allocation {
    Allocation {
        specification,
        uid: new_id(),
        revision,
        origin: origin.clone(),
        created_at: at,
        scheduled_at: at,
    }
}

/// An allocation with another specification. Only what changes its instants makes it wait anew.
pub(super) fn updated(
    before: &Allocation,
    specification: Specification,
    origin: &Origin,
    revision: u64,
    at: DateTime<Utc>,
) -> Allocation {
    let same_instants = before.specification.has_same_instants(&specification)
        || mutation_testing::is_active(Mutation::CatchUpBeforeEdit);
    Allocation {
        specification,
        revision,
        scheduled_at: if same_instants { before.scheduled_at } else { at },
        // Still the same allocation: its runs under way remain its own.
        uid: before.uid,
        origin: origin.clone(),
        created_at: before.created_at,
    }
}

/// The state of the newest record once it spans these missed instants too, if it can.
pub(super) fn folded(newest: &Run, run: &Run) -> Option<RunState> {
    let (
        RunState::Missed { reason, count, .. },
        RunState::Missed { reason: added, last, count: more },
    ) = (&newest.state, &run.state)
    else {
        return None;
    };
    let (reason, count) = (reason.clone(), count + more);
    // After a reset the newest record may be of later instants.
    let follows = newest.latest() < run.id.instant;
    (follows && reason.is_same_as(added)).then_some(RunState::Missed { reason, last: *last, count })
}

/// Makes a manual run continue where an earlier record of its instant ended without a container, or
/// with one that was never started.
pub(super) fn take_up(run: &mut Run, held: &Run) {
    // The record is one of missed instants that began earlier: its attempts are not of this one.
    if run.id != held.id {
        return;
    }
    // A container of an earlier attempt may still have that name, so numbers go on.
    let made = held.attempts.iter().map(|attempt| attempt.key.number).max().unwrap_or(0);
    let added = std::mem::take(&mut run.attempts).into_iter().map(|attempt| {
        let AttemptKey { part, number } = attempt.key;
        Attempt { key: AttemptKey { part, number: made + number }, ..attempt }
    });
    run.attempts = held.attempts.iter().cloned().chain(added).collect();
}

/// What is left of a record of missed instants when one of them is backfilled; nothing where that was
/// the only one.
///
/// Where that was the first, the rest moves to the following one, or else to the next moment. Another
/// record may have that; then the rest moves on by [`next_moment`].
pub(super) fn without(span: &Run, instant: Instant, kind: InstantKind) -> Option<Run> {
    let RunState::Missed { reason, last, count } = &span.state else { return None };
    let (last, count) = (*last, count.saturating_sub(1));
    if count == 0 {
        return None;
    }
    let mut rest = span.clone();
    rest.state = RunState::Missed { reason: reason.clone(), last, count };
    if span.id.instant == instant {
        let is_within = |following: &Instant| instant < *following && *following <= last;
        let following = match kind {
            InstantKind::Instant(following) => following.filter(is_within),
            InstantKind::Now | InstantKind::Moment => None,
        };
        rest.id.instant = following.unwrap_or_else(|| next_moment(instant));
        // They belong to the instant that is backfilled.
        rest.attempts.clear();
    }
    Some(rest)
}

/// The first moment after an instant that can be an instant.
pub(super) fn next_moment(instant: Instant) -> Instant {
    Instant::new(instant.moment() + TimeDelta::milliseconds(1))
}

/// True where a run would start by itself though its allocation is suspended or the whole server is
/// paused: it was decided about before that was known.
///
/// What runs after others is suspended by the time at which it would start, all else by its instant.
pub(super) fn is_suspended(run: &Run, suspensions: Suspensions<'_>) -> bool {
    let at = match run.trigger {
        Trigger::Dependency => run.decided_at,
        _ => run.id.instant.moment(),
    };
    let Suspensions { allocation, server } = suspensions;
    let mut all = [allocation, server].into_iter().flatten();
    all.any(|held| held.covers(at)) && !run.state.is_over()
}

/// Where a record of the instant of a manual run blocks it.
pub(super) fn taken(held: &Arc<Run>, run: &Run, kind: InstantKind) -> Option<ClaimOutcome> {
    let is_taken = match held.state {
        RunState::Missed { .. } => kind == InstantKind::Now,
        // A run that is skipped has nothing to add to a record of attempts.
        RunState::Failed(_) | RunState::TimedOut(_) | RunState::Cancelled(_)
            if matches!(run.state, RunState::Skipped(_)) =>
        {
            true
        }
        _ => !held.state.is_over() || held.had_container(),
    };
    is_taken.then(|| ClaimOutcome::Taken(Arc::clone(held)))
}

/// How many of the newest runs a snapshot has, and how many steps these have: enough to fill
/// `Logs`, and to know the newest run that is over.
pub(super) fn recent(newest_first: Vec<ScannedRun>) -> Vec<Arc<Run>> {
    let (mut steps, mut is_any_over) = (0, false);
    let mut recent = Vec::new();
    for (_, run) in newest_first {
        steps += run.attempts.iter().map(|attempt| attempt.steps.len()).sum::<usize>();
        is_any_over |= run.state.is_over();
        recent.push(run);
        if recent.len() == RECENT || (steps >= run_history_lines::MAX_ENTRIES && is_any_over) {
            break;
        }
    }
    recent
}

/// How many runs a snapshot has at most: as many as can fill `Logs`, with a step each.
pub(super) const RECENT: usize = run_history_lines::MAX_ENTRIES;

/// The latest instant of a name that was deleted, while it is remembered.
pub(super) fn remembered(
    decided: DateTime<Utc>,
    deleted_at: DateTime<Utc>,
    at: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    (at - deleted_at < REMEMBERED).then_some(decided)
}

/// Refuses to add to a run that is not there or over.
pub(super) fn check_under_way(id: &RunId, run: Option<&Run>) -> Result<(), StoreError> {
    match run {
        None => Err(StoreError::NoSuchRun(id.clone())),
        Some(run) if run.state.is_over() => {
            Err(StoreError::RunIsOver { id: id.clone(), state: run.state.word() })
        }
        Some(_) => Ok(()),
    }
}

/// Refuses to add to a part that is over, while other parts of its run are under way.
pub(super) fn check_part_under_way(run: &Run, noted: &PartProgress) -> Result<(), StoreError> {
    // A cancellation is of the run, whichever part it names.
    let is_of_run = matches!(noted.progress, Progress::Cancelling(_));
    let state = run.part_state(noted.part);
    if state.is_over() && !is_of_run {
        return Err(StoreError::RunIsOver { id: run.id.clone(), state: state.word() });
    }
    Ok(())
}

/// Refuses to end a run, or a part of it, that is over, unless it was lost and is found again.
pub(super) fn check_finishable(run: &Run, part: Option<u32>) -> Result<(), StoreError> {
    let state = part.map_or(&run.state, |part| run.part_state(part));
    if state.is_over() && !matches!(state, RunState::Lost(_)) {
        return Err(StoreError::RunIsOver { id: run.id.clone(), state: state.word() });
    }
    Ok(())
}

/// What a push did about one name, for the journal; nothing where all stays as it was.
pub(super) fn event(put: &Put, now: &Allocation) -> Option<Event> {
    match (put.effect, &put.before) {
        (Effect::Created, _) => Some(Event::Created),
        (Effect::Updated, Some(before)) => {
            let keys = before.specification.differences(&now.specification);
            Some(Event::Updated { keys: keys.into_iter().map(str::to_owned).collect() })
        }
        _ => None,
    }
}

/// What a hand did to an allocation, for the journal; nothing where it changes nothing.
pub(super) fn controlled(
    status: &AllocationStatus,
    control: &Control,
    at: DateTime<Utc>,
) -> Option<Event> {
    match control {
        Control::Suspend(suspension) => {
            let held = status.suspension.as_deref();
            // One of all that the one by name in force outlasts is all that changes.
            let is_new = |of_all: &&Suspension| {
                held.is_some_and(|held| {
                    held.all.is_none() && held.outlasts.as_deref() != Some(*of_all)
                })
            };
            let outlasted = suspension.outlasts.as_deref().filter(is_new);
            let event = || Event::Suspended(outlasted.unwrap_or(suspension).clone());
            (held != Some(suspension)).then(event)
        }
        Control::Resume { is_of_all } => {
            let held = status.suspension.as_ref().filter(|held| held.holds_at(at));
            let resumed = held?.resumed(*is_of_all, at)?;
            // What holds still is a suspension by name.
            Some(if resumed.holds_at(at) { Event::Suspended(resumed) } else { Event::Resumed })
        }
        Control::Reset => ahead(status, at).map(|from| Event::Reset { from }),
    }
}

/// A manual change as it is carried out: a suspension in force keeps its reason unless a new one is given,
/// and stays beside one of another kind.
pub(super) fn completed(status: &AllocationStatus, control: Control, at: DateTime<Utc>) -> Control {
    let held = status.suspension.as_deref().filter(|held| held.holds_at(at));
    match control {
        Control::Suspend(wanted) => Control::Suspend(wanted.beside(held)),
        other => other,
    }
}

/// The pause of the whole server from now on, and what to note about it; nothing where it is so already.
///
/// A pause in force keeps its beginning, and its reason unless a new one is given.
pub(super) fn server_controlled(
    held: Option<&Suspension>,
    control: &ServerControl,
    at: DateTime<Utc>,
) -> Option<(Suspension, Event)> {
    let held = held.filter(|held| held.holds_at(at));
    match control {
        ServerControl::Pause(wanted) => {
            let since = held.map_or(wanted.since, |held| held.since);
            let pause = Suspension { since, ..wanted.clone().with_reason_of(held) };
            (held != Some(&pause)).then(|| (pause.clone(), Event::ServerPaused(pause)))
        }
        ServerControl::Unpause => {
            // It stays as one that is over: instants within it are still missed because of it.
            let pause = Suspension { until: Some(at), ..held?.clone() };
            Some((pause, Event::ServerUnpaused))
        }
    }
}

/// Up to when nothing is due of an allocation, where that is ahead of the clock.
pub(super) fn ahead(status: &AllocationStatus, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let AllocationStatus { allocation, decided, succeeded, .. } = status;
    let succeeded = succeeded.map(Instant::moment);
    // Each of them by itself keeps earlier instants from being due.
    let floors = [*decided, succeeded, Some(allocation.scheduled_at), Some(allocation.created_at)];
    floors.into_iter().flatten().max().filter(|floor| *floor > at)
}

/// True where a run succeeded for an instant that is still to come, because the clock was ahead.
pub(super) fn has_success_ahead(status: &AllocationStatus, at: DateTime<Utc>) -> bool {
    status.succeeded.is_some_and(|instant| instant.moment() > at)
}

/// What the journal has of another wall clock.
pub(super) fn zone_entry(change: &ZoneChange) -> Entry {
    let event = match &change.what {
        ChangedZone::OfServer { from, to, .. } => {
            Event::ServerZoneChanged { from: from.clone(), to: to.name().to_owned() }
        }
        ChangedZone::Rules { zones, from, to, .. } => {
            let zones = zones.iter().map(|zone| zone.name().to_owned()).collect();
            Event::ZoneDataChanged { zones, from: from.clone(), to: to.clone() }
        }
    };
    Entry { at: change.at, allocation: None, event, by: None }
}

/// The entry of a store that was restored.
pub(super) fn restored(doubt: &Doubt, at: DateTime<Utc>) -> Entry {
    let event = match doubt {
        Doubt::Copy(copied_at) => Event::Restored { copied_at: *copied_at },
        Doubt::Namespace(from) => Event::NamespaceChanged { from: from.clone() },
    };
    Entry { at, allocation: None, event, by: None }
}

/// An entry about an allocation.
pub(super) fn entry(name: AllocationName, event: Event, at: DateTime<Utc>, by: &str) -> Entry {
    Entry { at, allocation: Some(name), event, by: Some(by.to_owned()) }
}

/// An entry about the whole server.
pub(super) fn server_entry(event: Event, context: &ChangeContext) -> Entry {
    Entry { at: context.at, allocation: None, event, by: Some(context.by.to_string()) }
}

/// True where an entry is among those that are wanted.
pub(super) fn matches(filter: &EntryFilter, entry: &Entry) -> bool {
    let about = filter.allocation.as_ref().is_none_or(|wanted| {
        entry.allocation.as_ref().is_none_or(|allocation| allocation == wanted)
    });
    about && filter.before.is_none_or(|before| entry.at < before)
}
