//! The file or directory of `docket server --file`: loads it, and reloads it on SIGHUP.
//!
//! A load replaces all allocations of the file or none of them.

mod read;

use std::{path::PathBuf, sync::Arc};

use docket_model::{container::UnknownOptions, error_causes::with_causes, journal::Event};
use parking_lot::Mutex;
use tracing::{error, info};

pub(crate) use self::read::FileError;
use crate::{
    config::NotifySettings,
    push_specifications::{PushError, SpecificationPush},
    runner::{Runner, StoreAccess},
    store::Condition,
};

/// The maximum length of an error in the journal, in characters. The log has the whole text.
const LONGEST_REASON: usize = 1000;

/// Where the specifications are, and how they are read.
#[derive(Debug)]
pub(crate) struct FileSettings {
    pub(crate) path: PathBuf,
    pub(crate) unknown_options: UnknownOptions,
    /// True if the server has a directory for `EnvFiles`.
    pub(crate) has_env_dir: bool,
    /// Where notifications can go.
    pub(crate) notify: Arc<NotifySettings>,
}

/// Whether the last reload failed. Clones share the value.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileStatus(Arc<Mutex<Option<String>>>);

impl FileStatus {
    /// Why the file, as it is now, is not in force.
    pub(crate) fn error(&self) -> Option<String> {
        self.0.lock().clone()
    }

    pub(crate) fn set(&self, error: Option<String>) {
        *self.0.lock() = error;
    }
}

/// The file whose allocations only the file can change.
#[derive(Debug)]
pub(crate) struct FileSource {
    pub(crate) settings: FileSettings,
    pub(crate) store: Arc<StoreAccess>,
    pub(crate) status: FileStatus,
}

impl FileSource {
    /// Loads the file and returns the number of allocations in it.
    ///
    /// # Errors
    /// If the file has errors, or the store rejects its allocations. Then nothing is changed.
    pub(crate) async fn load(&self, runner: &Arc<Runner>) -> Result<usize, FileError> {
        let FileSettings { path, unknown_options, has_env_dir, notify } = &self.settings;
        let (file, options) = (path.clone(), *unknown_options);
        // A directory may be on a network, and reading it must not block other tasks.
        let read = tokio::task::spawn_blocking(move || read::read(&file, options)).await;
        let read::Read { specifications: read, definitions, origin, by } =
            read.map_err(|error| FileError::Unreadable {
                path: path.clone(),
                source: std::io::Error::other(error),
            })??;
        let names: Vec<_> = read.iter().map(|read| read.specification.name.clone()).collect();
        let push = SpecificationPush {
            read,
            origin,
            // What the file no longer has is deleted.
            complete: true,
            by,
            // The file is the only author of its allocations, so there is no other change to lose.
            only_if: Condition::Nothing,
            has_env_dir: *has_env_dir,
            notify: Arc::clone(notify),
        };
        push.store(runner, &self.store).await.map_err(|error| match error {
            PushError::Unsupported(errors) => {
                let rest = errors.rest();
                let each = errors.shown.iter().filter_map(|(index, finding)| {
                    let name = names.get(*index)?;
                    Some(format!("{}: `{name}`: {finding}", definitions.place(name)?))
                });
                FileError::Invalid(each.chain(rest).collect::<Vec<_>>().join("\n"))
            }
            PushError::Store(error) => FileError::Store(error),
        })?;
        let count = names.len();
        info!(file = %path.display(), "{count} {} loaded", if count == 1 { "allocation" } else { "allocations" });
        Ok(count)
    }

    /// Loads the file again. If that fails, the allocations of the last successful load stay in force.
    ///
    /// # Errors
    /// Why the file is not in force; it is logged and in the journal.
    pub(crate) async fn reload(&self, runner: &Arc<Runner>) -> Result<(), String> {
        let file = self.settings.path.display().to_string();
        let (status, event) = match self.load(runner).await {
            Ok(allocations) => (None, Event::FileLoaded { file, allocations }),
            Err(error) => {
                let error = with_causes(&error);
                error!(error, "the file has errors; keeping the previous configuration");
                let reason = one_line(&error);
                (
                    Some(format!("{file} is not in force: {error}")),
                    Event::FileRejected { file, reason },
                )
            }
        };
        // Before the journal, which may have to wait for the store: readiness reports it at once.
        self.status.set(status.clone());
        self.store.record_event(event).await;
        status.map_or(Ok(()), Err)
    }
}

/// Joins the lines of a text, and cuts it to the length that the journal accepts.
fn one_line(text: &str) -> String {
    let line = text.lines().map(str::trim).collect::<Vec<_>>().join("; ");
    let Some((end, _)) = line.char_indices().nth(LONGEST_REASON) else { return line };
    format!("{}…", line.get(..end).unwrap_or_default())
}
