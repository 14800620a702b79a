//! The store in one SQLite file. Here it is put together; each part has its own file.
//!
//! 1. What is acknowledged is on disk: the writer answers after the commit.
//! 2. How allocations stand is read from memory, records of runs from the file.
//! 3. Nothing here blocks the threads on which the server's tasks run.

mod attempts;
mod copy;
mod decisions;
mod desk;
mod fault;
mod file_check;
mod files;
mod header;
mod history;
mod home;
mod journal;
mod lives;
mod load;
mod lock;
mod open;
mod outputs;
mod raw_meta;
mod readers;
mod record;
mod settle;
mod specification;
#[cfg(test)]
mod tests;
mod values;
mod wal;
mod work;
mod writer;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::{
    AllocationName, Life, Origin, Run, RunId, Zone,
    journal::{Cause, Entry, Event, Pause, Suspension},
    output::Excerpt,
    run::Instant,
};
use parking_lot::{Mutex, RwLock};
use tokio::{sync::Semaphore, task::spawn_blocking};
use tracing::warn;
use uuid::Uuid;

use self::{
    file_check::FileCheck, files::OpenFiles, home::Home, lives::Lives, lock::LockFile,
    open::Opened, readers::Readers, record::Owner, writer::Writer,
};
use super::{
    About, AllocationStatus, AllocationStore, ChangeContext, Changes, ClaimOutcome, Control,
    Effect, End, EntryFilter, InstantKind, JournalStore, KnownLife, LifeStore, NotedEngine,
    Progress, Provenance, Push, Restoration, RunFilter, RunStore, ServerControl, Settlement,
    Snapshot, Store, StoreError, UnderWay, ZoneChange, catalogue::Catalogue,
};

pub use self::{copy::backup_of, home::Opener, open::OpenError};
use crate::observer::Events;

/// The key of the newest pause of the whole server, among the values that there are once.
const PAUSE: &str = "pause";

/// The key of the zone of allocations that name none, among the values that there are once.
const TIME_ZONE: &str = "time_zone";

/// Keeps everything in one file, which one server at a time has open.
#[derive(Debug)]
pub struct SqliteStore {
    id: Uuid,
    path: PathBuf,
    is_new: bool,
    last_alive: Option<DateTime<Utc>>,
    time_zone: Option<String>,
    provenance: Provenance,
    home: Mutex<Home>,
    lives: Lives,
    catalogue: Arc<RwLock<Catalogue>>,
    // Dropped in this order: the writer closes the file, and only then another server may open it.
    readers: Arc<Readers>,
    /// One reads an output at a time: SQLite may hold a whole row of the table to find another.
    reading_outputs: Semaphore,
    writer: Writer,
    lock: Arc<LockFile>,
}

impl SqliteStore {
    /// Opens the store in this file, or makes it. This blocks.
    ///
    /// # Errors
    /// [`OpenError`] says in words why the file cannot be used, and how to mend it.
    pub fn open(path: &Path, opener: &Opener) -> Result<Self, OpenError> {
        Self::load(open::open(path, &open::STEPS, opener)?)
    }

    fn load(opened: Opened) -> Result<Self, OpenError> {
        let Opened { provenance, home, connection, path, given, lock, is_new } = opened;
        let io = |source| OpenError::Io { path: path.clone(), source };
        let unusable = |error| OpenError::Unusable(fault::words(&error, &path));
        let catalogue = load::catalogue(&connection, &path).map_err(unusable)?;
        let last_alive = load::last_alive(&connection, &catalogue).map_err(unusable)?;
        let ran_until = lock.outages().last().map(|outage| outage.1);
        let last_alive = last_alive.into_iter().chain(ran_until).max();
        let time_zone = load::meta(&connection, TIME_ZONE).map_err(unusable)?;
        let id = load::id(&connection).map_err(unusable)?;
        let lives = Lives::load(&connection).map_err(unusable)?;
        let catalogue = Arc::new(RwLock::new(catalogue));
        let lock = Arc::new(lock);
        let files = Arc::new(OpenFiles::of(&path, &given, Arc::clone(&lock)).map_err(io)?);
        let readers = Arc::new(Readers::open(Arc::clone(&files)).map_err(unusable)?);
        let check = FileCheck::new(files, &connection).map_err(unusable)?;
        let writer = Writer::start(connection, path.clone(), Arc::clone(&catalogue), check);
        let writer = writer.map_err(io)?;
        Ok(Self {
            id,
            path,
            is_new,
            last_alive,
            time_zone,
            provenance,
            home: Mutex::new(home),
            lives,
            catalogue,
            readers,
            reading_outputs: Semaphore::new(1),
            writer,
            lock,
        })
    }

    /// Whose runs a name has; nothing where there is no such name, or it has no records.
    fn owner(&self, name: &str) -> Option<Owner> {
        let catalogue = self.catalogue.read();
        let (position, entry) = catalogue.entry(name)?;
        (entry.records > 0).then(|| decisions::owner(position, entry))
    }
}

impl SqliteStore {
    /// Does something with the lock's file, on a thread that may block.
    async fn in_lock<T: Send + 'static>(
        &self,
        act: impl FnOnce(&LockFile) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let lock = Arc::clone(&self.lock);
        spawn_blocking(move || act(&lock)).await.map_err(io::Error::other)?
    }
}

/// How an allocation stands, and whose runs are to be read for its snapshot, if it has any.
type Sketch = (AllocationStatus, Option<Owner>);

fn sketch((position, entry): (u64, &super::catalogue::Entry)) -> Sketch {
    let owner = (entry.records > 0).then(|| decisions::owner(position, entry));
    (entry.status(position), owner)
}

impl SqliteStore {
    /// Adds the newest runs to how allocations stand.
    async fn snapshots(&self, sketches: Vec<Sketch>) -> Result<Vec<Snapshot>, StoreError> {
        if sketches.iter().all(|(_, owner)| owner.is_none()) {
            let alone = |(standing, _)| Snapshot { standing, recent: Vec::new() };
            return Ok(sketches.into_iter().map(alone).collect());
        }
        self.writer.settled().await;
        let snapshots = self.readers.read(move |sql| {
            let snapshot = |(standing, owner): Sketch| {
                let recent = owner.map(|owner| history::recent(sql, &owner)).transpose()?;
                Ok(Snapshot { standing, recent: recent.unwrap_or_default() })
            };
            sketches.into_iter().map(snapshot).collect()
        });
        snapshots.await
    }
}

#[async_trait]
impl AllocationStore for SqliteStore {
    async fn push(&self, push: Push) -> Result<Vec<Effect>, StoreError> {
        self.writer.ask(move |work| work.push(&push)).await
    }

    async fn delete(
        &self,
        name: &str,
        origin: &Origin,
        context: ChangeContext,
    ) -> Result<bool, StoreError> {
        let (name, origin) = (name.to_owned(), origin.clone());
        self.writer.ask(move |work| work.delete(&name, &origin, &context)).await
    }

    async fn control(
        &self,
        name: &str,
        control: Control,
        context: ChangeContext,
    ) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.writer.ask(move |work| work.control(&name, &control, &context)).await
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        self.writer.ask(move |work| work.settle_all(&settlement)).await
    }

    async fn note_zone(&self, zone: Zone) -> Result<(), StoreError> {
        self.writer.ask(move |work| Ok(work.set(TIME_ZONE, zone.name())?)).await
    }

    async fn change_zone(&self, change: ZoneChange) -> Result<(), StoreError> {
        self.writer.ask(move |work| work.change_zone(&change)).await
    }

    async fn status(&self, name: &str) -> Result<Option<AllocationStatus>, StoreError> {
        Ok(self.catalogue.read().status(name))
    }

    async fn get(&self, name: &str) -> Result<Option<Snapshot>, StoreError> {
        let sketch = self.catalogue.read().entry(name).map(sketch);
        Ok(self.snapshots(sketch.into_iter().collect()).await?.pop())
    }

    async fn list(&self, after: Option<u64>, limit: usize) -> Result<Vec<Snapshot>, StoreError> {
        let sketches = self.catalogue.read().page(after, limit).map(sketch).collect();
        self.snapshots(sketches).await
    }

    async fn statuses(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AllocationStatus>, StoreError> {
        let catalogue = self.catalogue.read();
        let page = catalogue.page(after, limit);
        Ok(page.map(|(position, entry)| entry.status(position)).collect())
    }

    async fn children(&self, name: &str) -> Result<Vec<AllocationName>, StoreError> {
        Ok(self.catalogue.read().children(name))
    }

    async fn nearest(&self, name: &str) -> Result<Option<AllocationName>, StoreError> {
        Ok(self.catalogue.read().nearest(name))
    }
}

#[async_trait]
impl RunStore for SqliteStore {
    async fn claim(&self, run: Run) -> Result<ClaimOutcome, StoreError> {
        let run = Arc::new(run);
        self.writer.ask(move |work| work.decide(&run)).await
    }

    async fn claim_manual(
        &self,
        run: Run,
        wanted: InstantKind,
    ) -> Result<ClaimOutcome, StoreError> {
        self.writer.ask(move |work| work.demand(&run, wanted)).await
    }

    async fn note(
        &self,
        id: &RunId,
        uid: Uuid,
        progress: Progress,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let is_under_way = |catalogue: &Catalogue| {
            let held = catalogue.entry(id.allocation.as_str());
            held.is_some_and(|(_, entry)| {
                entry.allocation.uid == uid && entry.running(id.instant).is_some()
            })
        };
        let may_follow = !progress.is_momentous() && is_under_way(&self.catalogue.read());
        let id = id.clone();
        if may_follow {
            self.writer.tell(move |work| work.note(&id, uid, &progress, at));
            return Ok(());
        }
        self.writer.ask(move |work| work.note(&id, uid, &progress, at)).await
    }

    async fn finish(&self, id: &RunId, uid: Uuid, end: End) -> Result<(), StoreError> {
        let id = id.clone();
        self.writer.ask(move |work| work.finish(&id, uid, &end)).await
    }

    async fn run(&self, name: &str, instant: Instant) -> Result<Option<Arc<Run>>, StoreError> {
        let Some(owner) = self.owner(name) else { return Ok(None) };
        self.writer.settled().await;
        let run = self.readers.read(move |sql| record::find(sql, &owner, instant)).await?;
        Ok(run.map(Arc::new))
    }

    async fn output(
        &self,
        name: &str,
        instant: Instant,
        attempt: u32,
        from: u64,
    ) -> Result<Option<Excerpt>, StoreError> {
        let Some(owner) = self.owner(name) else { return Ok(None) };
        self.writer.settled().await;
        // It is never closed.
        let _turn = self.reading_outputs.acquire().await;
        self.readers.read(move |sql| outputs::read(sql, &owner, instant, attempt, from)).await
    }

    async fn runs(&self, name: &str, filter: &RunFilter) -> Result<Vec<Arc<Run>>, StoreError> {
        let Some(owner) = self.owner(name) else { return Ok(Vec::new()) };
        self.writer.settled().await;
        let filter = filter.clone();
        self.readers.read(move |sql| history::runs(sql, &owner, &filter)).await
    }

    async fn under_way(&self) -> Result<Vec<UnderWay>, StoreError> {
        self.writer.settled().await;
        Ok(self.catalogue.read().under_way())
    }
}

#[async_trait]
impl JournalStore for SqliteStore {
    async fn record(&self, entry: Entry) -> Result<(), StoreError> {
        let event = entry.event.clone();
        self.writer.ask(move |work| Ok(work.note_down(vec![entry.clone()])?)).await?;
        if let Event::Paused(Pause { cause: Cause::StoreUnwritable, from, .. }) = event {
            // The entry is what counts: a note that stays is recorded once more by the next server.
            self.in_lock(move |lock| lock.forget(from)).await.unwrap_or_else(|error| {
                warn!(%error, "could not clear the outage in the lock file");
            });
        }
        Ok(())
    }

    async fn entries(&self, filter: &EntryFilter) -> Result<Vec<Entry>, StoreError> {
        let filter = filter.clone();
        self.readers.read(move |sql| journal::entries(sql, &filter)).await
    }

    async fn alive(&self, at: DateTime<Utc>) -> Result<(), StoreError> {
        let set = move |work: &mut work::Work<'_>| Ok(work.set("last_alive", &values::text(at))?);
        self.writer.ask_repeatably(set).await
    }

    async fn note_outage(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<(), StoreError> {
        let noted = self.in_lock(move |lock| lock.note((from, to))).await;
        noted.map_err(|error| StoreError::Unwritable(error.to_string()))
    }
}

#[async_trait]
impl LifeStore for SqliteStore {
    fn provenance(&self) -> Provenance {
        self.provenance.clone()
    }

    fn new_life(&self, at: DateTime<Utc>) -> Life {
        self.lives.next(at)
    }

    async fn begin_life(&self, life: Life) -> Result<(), StoreError> {
        // The namespace before stays noted until it is settled what was done in it.
        let is_settled = self.provenance.namespace_before.is_none();
        let home = is_settled.then(|| self.home.lock().clone());
        self.writer.ask(move |work| Ok(work.begin_life(&life, home.as_ref())?)).await?;
        self.lives.list(life, None);
        Ok(())
    }

    fn known_life(&self, life: &Life) -> KnownLife {
        self.lives.known(life)
    }

    async fn note_engine(&self, engine: NotedEngine) -> Result<(), StoreError> {
        let mut home = self.home.lock().clone();
        if home.engine.as_ref() == Some(&engine) {
            return Ok(());
        }
        home.engine = Some(engine);
        let noted = home.clone();
        self.writer.ask(move |work| Ok(work.note_home(&noted)?)).await?;
        *self.home.lock() = home;
        Ok(())
    }

    async fn restore(&self, restoration: Restoration) -> Result<(), StoreError> {
        let (at, lives) = (restoration.at, restoration.lives.clone());
        let home = self.home.lock().clone();
        self.writer.ask(move |work| work.restore(&restoration, &home)).await?;
        for life in lives {
            self.lives.list(life, Some(at));
        }
        Ok(())
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn id(&self) -> Uuid {
        self.id
    }

    fn about(&self) -> About {
        About {
            kind: format!("sqlite:{}", self.path.display()),
            is_volatile: false,
            is_new: self.is_new,
            file: Some(self.path.clone()),
            last_alive: self.last_alive,
            time_zone: self.time_zone.clone(),
            outages: self.lock.outages(),
        }
    }

    fn changes(&self) -> Arc<Changes> {
        self.catalogue.read().changes()
    }

    fn events(&self) -> Arc<Events> {
        Arc::clone(&self.catalogue.read().events)
    }

    fn pause(&self) -> Option<Arc<Suspension>> {
        self.catalogue.read().pause.clone()
    }

    async fn control_server(
        &self,
        control: ServerControl,
        context: ChangeContext,
    ) -> Result<bool, StoreError> {
        self.writer.ask(move |work| work.control_server(&control, &context)).await
    }

    async fn backup(&self, to: &Path, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.writer.settled().await;
        let (readers, target) = (Arc::clone(&self.readers), to.to_owned());
        let copied = spawn_blocking(move || {
            let sql = readers.take().map_err(|error| error.to_string())?;
            copy::copy(&sql, &target, at).map_err(|error| error.words(&target))
        });
        let copied = copied.await.unwrap_or_else(|error| Err(error.to_string()));
        copied.map_err(|reason| StoreError::NotCopied { path: to.to_owned(), reason })
    }
}
