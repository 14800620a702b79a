//! The stub's containers: what each call does to them. How answers look is `answer_bodies`' part.
//!
//! 1. A name is held by one container until that is removed.
//! 2. Code that changes when a run ends notifies those that wait for it.
//! 3. Whoever looks at containers finds all events up to that moment in the log.

use std::{
    cmp::Reverse,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{sync::Notify, time::sleep_until};

use crate::{
    EngineId, Options,
    answer_bodies::Answer,
    container::{Container, Creation},
    container_history::{self, Line},
    container_program::Programs,
    container_table::Held,
    event_reader::EventReader,
    lifecycle,
    list_filters::Listing,
    logs::logs,
    networks_and_volumes::Resources,
    parse_call::{Call, Request},
    program_run::End,
    pull_report::PullReport,
};

/// All containers of a stub.
#[derive(Debug)]
pub(crate) struct Containers {
    /// The number of generated ids, if each response has a new one.
    id: EngineId,
    /// How often the id was asked for.
    ids: AtomicU64,
    programs: Programs,
    pull: PullReport,
    warnings: Vec<String>,
    resources: Resources,
    held: Mutex<Held>,
    // Apart from `happened`: a creation, or an end by itself, wakes only the readers of events.
    changed: Notify,
    happened: Notify,
}

/// Which container a call is about.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) id: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) instant: Option<DateTime<Utc>>,
}

impl Containers {
    pub(crate) fn new(options: Options) -> Self {
        let Options { program, images, pull, warnings, networks, volumes, id, .. } = options;
        Self {
            id,
            ids: AtomicU64::default(),
            programs: Programs::new(program, images),
            pull,
            warnings,
            resources: Resources::new(networks, volumes),
            held: Mutex::default(),
            changed: Notify::new(),
            happened: Notify::new(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.held().by_id.len()
    }

    pub(crate) fn ledger(&self) -> Vec<Line> {
        container_history::lines(&self.held().all)
    }

    /// The container that a call is about, if it is there.
    pub(crate) fn known(&self, reference: &str) -> Option<Known> {
        let held = self.held();
        let container = held.all.get(held.place(reference)?)?;
        let (id, name) = (Arc::clone(&container.id), Arc::clone(&container.name));
        Some(Known { id, name, instant: container.instant })
    }

    /// The id in the next answer to `GET /info`.
    fn id(&self) -> String {
        match &self.id {
            EngineId::Lasting(id) => id.clone(),
            // Relaxed: only the number matters, nothing else is published with it.
            EngineId::NewEachTime => format!("STUB:{}", self.ids.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Carries out a request.
    pub(crate) fn answer(&self, request: &Request<'_>, creation: Option<&Creation<'_>>) -> Answer {
        let subject = request.subject.as_ref();
        match request.call {
            Call::Ping => Answer::ping(),
            Call::Version => Answer::version(),
            Call::Info => Answer::info(&self.id()),
            Call::Events => EventReader::read(request)
                .map_or_else(|refused| refused, |reader| Answer::Events(Box::new(reader))),
            Call::Pull => self.pull.answer(),
            Call::InspectImage => Answer::image(subject),
            Call::Networks => self.resources.networks(),
            Call::InspectNetwork => self.resources.network(subject),
            Call::InspectVolume => self.resources.volume(subject),
            Call::Create => self.create(subject, creation),
            Call::List => self.list(request),
            Call::Other => Answer::error(404, "page not found"),
            _ => self.answer_about(request),
        }
    }

    fn answer_about(&self, request: &Request<'_>) -> Answer {
        let mut held = self.held();
        let found = held.place(&request.subject);
        let Some((place, container)) = found.and_then(|at| Some((at, held.all.get_mut(at)?)))
        else {
            return Answer::error(404, &format!("No such container: {}", request.subject));
        };
        let answer = match request.call {
            // These two change nothing, so there is nothing to log.
            Call::Logs => return logs(container, place, request),
            Call::Wait => return lifecycle::wait(container, place, request),
            Call::Start => lifecycle::start(container),
            Call::Stop => lifecycle::stop(container, place, request),
            Call::Kill => lifecycle::kill(container, request),
            Call::Pause => lifecycle::pause(container),
            Call::Unpause => lifecycle::unpause(container),
            Call::Remove => match lifecycle::remove(container, request) {
                Ok(()) => {
                    held.remove(place);
                    Answer::done(204)
                }
                Err(refused) => refused,
            },
            _ => return Answer::inspected(container),
        };
        self.settle(&mut held, place);
        answer
    }

    fn list(&self, request: &Request<'_>) -> Answer {
        let listing = match Listing::read(request) {
            Ok(listing) => listing,
            Err(refused) => return refused,
        };
        let held = self.held();
        // The engine lists the newest first.
        let there = held.all.iter().rev().filter(|container| container.removed.is_none());
        Answer::listed(there.filter(|container| listing.shows(container)))
    }

    fn create(&self, name: &str, creation: Option<&Creation<'_>>) -> Answer {
        if !is_name(name) {
            return Answer::error(400, &format!("Invalid container name ({name})"));
        }
        let Some(creation) = creation else {
            return Answer::error(400, "invalid JSON");
        };
        let mut held = self.held();
        if let Some(holder) = held.by_name.get(name).and_then(|place| held.all.get(*place)) {
            let message = format!(
                "Conflict. The container name \"/{name}\" is already in use by container \
                 \"{}\". You have to remove (or rename) that container to be able to reuse that \
                 name.",
                holder.id
            );
            return Answer::error(409, &message);
        }
        // Under the lock that was taken for the name: two requests for one name cannot both find it
        // free.
        let id = held.next_id();
        let answer = Answer::created(&id, &self.warnings);
        let program = self.programs.of(&creation.image);
        let place = held.insert(Container::new(id, name, program, creation));
        held.log_news(place);
        self.happened.notify_waiters();
        answer
    }

    /// Removes containers that do not run, like `docker container prune`; returns their number.
    pub(crate) fn prune(&self) -> usize {
        let mut held = self.held();
        let places = held.all.iter().enumerate();
        let idle = places.filter(|(_, it)| it.removed.is_none() && !it.is_live());
        // Collected first, because a removal changes the table.
        let idle: Vec<_> = idle.map(|(place, _)| place).collect();
        for place in &idle {
            held.remove(*place);
            self.settle(&mut held, *place);
        }
        idle.len()
    }

    /// Does something to a container from outside; false if there is none.
    pub(crate) fn interfere(&self, reference: &str, act: impl FnOnce(&mut Container)) -> bool {
        let mut held = self.held();
        let Some(place) = held.place(reference) else {
            return false;
        };
        held.all.get_mut(place).map(act);
        self.settle(&mut held, place);
        true
    }

    /// Makes all containers older by this duration.
    pub(crate) fn make_older(&self, by: TimeDelta) {
        for container in &mut self.held().all {
            container.created -= by;
            for run in &mut container.runs {
                run.started -= by;
                run.ended -= by;
            }
        }
    }

    /// Ends a container and removes it; false if there is none.
    pub(crate) fn remove_by_force(&self, reference: &str) -> bool {
        let mut held = self.held();
        let Some(place) = held.place(reference) else {
            return false;
        };
        held.all.get_mut(place).into_iter().for_each(lifecycle::end_by_force);
        held.remove(place);
        self.settle(&mut held, place);
        true
    }

    /// Ends all that runs, whatever its program would do about it.
    pub(crate) fn end_all(&self) {
        let mut held = self.held();
        held.all.iter_mut().for_each(lifecycle::end_by_force);
        // All ends are logged before any reader is woken.
        (0..held.all.len()).for_each(|place| held.log_news(place));
        self.changed.notify_waiters();
        self.happened.notify_waiters();
    }

    /// Forgets all events, as an engine that is restarted does.
    pub(crate) fn forget_events(&self) {
        self.held().log.forget();
    }

    /// Begins to read events: returns the past ones that `reader` asked for, as lines.
    pub(crate) fn past_events(&self, reader: &mut EventReader) -> Vec<u8> {
        let held = self.held();
        reader.begin(&held.log, &held.all)
    }

    /// Waits for events that `reader` has not read, and returns them as lines.
    pub(crate) async fn new_events(&self, reader: &mut EventReader) -> Vec<u8> {
        loop {
            let mut happened = pin!(self.happened.notified());
            // From here on no event is missed.
            happened.as_mut().enable();
            let (lines, next_end) = {
                let held = self.held();
                // An end is caused by time and not by a request: the reader has to wake up by
                // itself when the next run ends.
                let next_end = held.ends.peek().map(|Reverse((ends, _))| *ends);
                (reader.new_lines(&held.log, &held.all), next_end)
            };
            match next_end {
                _ if !lines.is_empty() => return lines,
                None => happened.await,
                Some(ends) => {
                    tokio::select! {
                        () = sleep_until(ends.into()) => {}
                        () = happened => {}
                    }
                }
            }
        }
    }

    /// Waits until a run has ended; returns its exit code.
    pub(crate) async fn ended(&self, place: usize, run: usize) -> i64 {
        loop {
            let mut changed = pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            let end = self.held().end(place, run);
            match end {
                End::Was(exit_code) => return exit_code,
                End::Open => changed.await,
                // The end may still change: a stop ends the run earlier, and a pause later.
                End::At(ends) => {
                    tokio::select! {
                        () = sleep_until(ends.into()) => {}
                        () = changed => {}
                    }
                }
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Ends happen with time alone, so each look at the containers first logs those that are
        // due.
        if held.log_ends() {
            self.happened.notify_waiters();
        }
        held
    }

    /// Logs what was done to a container, and tells those who wait for its end or for events.
    fn settle(&self, held: &mut Held, place: usize) {
        held.log_news(place);
        held.log_ends();
        self.changed.notify_waiters();
        self.happened.notify_waiters();
    }
}

fn is_name(name: &str) -> bool {
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    letters && name.starts_with(|first: char| first.is_ascii_alphanumeric())
}
