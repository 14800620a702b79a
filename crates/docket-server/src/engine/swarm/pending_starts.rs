//! Services whose task may still be asked for, and starts under a version.
//!
//! 1. A service has one start in its life: its number of tasks goes from 0 to 1 once, and never back.
//! 2. A start under an old version is refused by the Swarm, however late it arrives.
//! 3. Disarming removes nothing: what a record says will be started is there until the record is over.

use std::time::Duration;

use docket_model::run::ContainerId;
use tokio::time::{Instant, sleep};

use super::{
    managers::Managers,
    observe::{Sight, look_at},
    service::{Changed, Service},
    service_cache::Notes,
    stop_task,
};
use crate::engine::{
    Condition, Disarmed, EngineError, Guard, Handle, Launch, Observation, Past, Refusal, TakeOver,
};

/// How often a service is disarmed that another program changes each time, and the pause before the next time.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// Starts a service under the version of the handle; see [`crate::engine::Engine::launch`].
pub(super) async fn launch(
    managers: &Managers,
    notes: &Notes,
    handle: &Handle,
) -> Result<Launch, EngineError> {
    let asked_at = Instant::now();
    match start(managers, notes, handle).await {
        Ok(Launch::Accepted) => {
            // A short program may have ended by the first look at its task.
            notes.note_waiting(&handle.id, asked_at);
            Ok(Launch::Accepted)
        }
        Err(EngineError::Unreachable(reason)) => Ok(Launch::Unknown(reason)),
        // A manager that does not learn what became of the change, because the leader changes, says that it
        // failed.
        Err(EngineError::Refused { kind, message }) if kind.is_failure() => {
            Ok(Launch::Unknown(message))
        }
        Err(EngineError::Gone) => Ok(Launch::NeverRan),
        Err(EngineError::Refused { message, .. }) => Err(EngineError::NotStartable(message)),
        launched => launched,
    }
}

async fn start(managers: &Managers, notes: &Notes, handle: &Handle) -> Result<Launch, EngineError> {
    let service = match notes.take_created(handle) {
        Some(created) => created,
        None => managers.service(&handle.id.0).await?,
    };
    let present = service.handle();
    if present.version != handle.version {
        return Ok(Launch::OutOfDate(present));
    }
    if service.was_started() || service.was_scaled_down() {
        return Ok(Launch::AlreadyRan);
    }
    match managers.start_task(&service).await? {
        Changed::Done => Ok(Launch::Accepted),
        Changed::OutOfDate => Ok(Launch::OutOfDate(managers.service(&handle.id.0).await?.handle())),
    }
}

/// Reports how far a service is; see [`crate::engine::Takeover::take_over`].
pub(super) async fn take_over(
    managers: &Managers,
    notes: &Notes,
    id: &ContainerId,
) -> Result<TakeOver, EngineError> {
    let service = match managers.service(&id.0).await {
        Err(EngineError::Gone) => return Ok(TakeOver::Gone(Past::Unknown)),
        service => service?,
    };
    let guard = Guard::new(service.handle(), ());
    Ok(match look_at(managers, notes, &service).await? {
        Sight::NotStarted => TakeOver::Replaceable(guard),
        Sight::Waiting(reason) => TakeOver::Waiting { guard, reason },
        Sight::Gone | Sight::Orphaned(_) => TakeOver::Gone(Past::Unknown),
        started => TakeOver::Found(started.observation()),
    })
}

/// Makes sure that a service's task cannot be started any more; see
/// [`crate::engine::Takeover::disarm`].
pub(super) async fn disarm(
    managers: &Managers,
    notes: &Notes,
    guarded: &Handle,
) -> Result<Disarmed, EngineError> {
    let id = &guarded.id;
    for _ in 0..TRIES {
        let service = match managers.service(&id.0).await {
            Err(EngineError::Gone) => return Ok(Disarmed::Gone(Past::Unknown)),
            service => service?,
        };
        match look_at(managers, notes, &service).await? {
            Sight::NotStarted => {
                // From here on a start that is still on its way is refused, so nothing has run.
                if let Changed::Done = managers.move_version_on(&service).await? {
                    return Ok(Disarmed::Unstarted);
                }
                sleep(PAUSE).await;
            }
            // Started since it was taken over, so its run goes on with it.
            Sight::Waiting(reason) if service.handle() != *guarded => {
                return Ok(Disarmed::Found(Observation::Waiting(reason)));
            }
            // The first look after it shows whether the task ran after all.
            Sight::Waiting(_) => stop_task::stop(managers, notes, id).await?,
            Sight::CannotStart(_) => return Ok(Disarmed::Unstarted),
            Sight::Gone | Sight::Orphaned(_) => return Ok(Disarmed::Gone(Past::Unknown)),
            started => return Ok(Disarmed::Found(started.observation())),
        }
    }
    // The caller asks again, with growing pauses.
    Err(EngineError::Unreachable("another program changes the service all the time".to_owned()))
}

/// Removes a service whose task does not run; see [`crate::engine::Engine::remove`].
pub(super) async fn remove(
    managers: &Managers,
    notes: &Notes,
    handle: &Handle,
    condition: Condition,
) -> Result<(), EngineError> {
    if condition == Condition::NotRunning && notes.has_ended(&handle.id) {
        return managers.delete_service(&handle.id).await;
    }
    let service = match managers.service(&handle.id.0).await {
        Err(EngineError::Gone) => return Ok(()),
        service => service?,
    };
    let has_changed = handle.version.is_some() && service.handle().version != handle.version;
    if condition == Condition::Unchanged && has_changed {
        return Err(refused("the service has changed since it was seen"));
    }
    match look_at(managers, notes, &service).await? {
        // A task whose node was removed is not reported on any more.
        Sight::Orphaned(_) | Sight::Gone => managers.delete_service(&handle.id).await,
        _ if condition == Condition::EndUnknown => {
            Err(refused("the end of the service's task is reported, or will be"))
        }
        Sight::Waiting(_) | Sight::Running { .. } | Sight::NodeAway { .. } => {
            Err(refused("the task of the service has not ended"))
        }
        Sight::NotStarted => remove_unstarted(managers, &service).await,
        _ => managers.delete_service(&handle.id).await,
    }
}

/// A removal would end a task that is started in this moment, so the start is made impossible first.
async fn remove_unstarted(managers: &Managers, service: &Service) -> Result<(), EngineError> {
    match managers.move_version_on(service).await? {
        Changed::Done => managers.delete_service(&service.handle().id).await,
        Changed::OutOfDate => Err(refused("the service has changed since it was seen")),
    }
}

fn refused(message: &str) -> EngineError {
    EngineError::Refused { kind: Refusal::Conflict, message: message.to_owned() }
}
