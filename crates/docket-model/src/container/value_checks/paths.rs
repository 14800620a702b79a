//! Paths on the host and in the container: an engine has no current directory.

use serde_json::{Map, Value};

use crate::container::findings::Findings;
use crate::finding::{Place, shortened};

pub(super) fn working_directory(
    config: &Map<String, Value>,
    at: Place<'_>,
    found: &mut Findings<'_>,
) {
    let path = config.get("WorkingDir").and_then(Value::as_str).unwrap_or_default();
    if !path.is_empty() && !is_absolute(path) {
        let message =
            format!("{}: write it from the root, such as `/{}`", relative(path), bare(path));
        found.wrong(Place::Key(&at, "WorkingDir"), message);
    }
}

/// Binds as `SOURCE:TARGET` or `SOURCE:TARGET:OPTIONS`; a source without a slash is a volume's name.
pub(super) fn binds(host: &Map<String, Value>, at: Place<'_>, found: &mut Findings<'_>) {
    let binds = host.get("Binds").and_then(Value::as_array);
    // Other drivers accept any name for their volumes.
    let driver = host.get("VolumeDriver").and_then(Value::as_str).unwrap_or_default();
    let at = Place::Key(&at, "Binds");
    for (index, bind) in binds.into_iter().flatten().enumerate() {
        // A drive letter has a colon of its own, so the split below would be wrong.
        let Some(bind) = bind.as_str().filter(|bind| !is_of_windows(bind)) else { continue };
        if let Some(problem) = problem_of_bind(bind, matches!(driver, "" | "local")) {
            found.wrong(Place::Index(&at, index), problem);
        }
    }
}

fn problem_of_bind(bind: &str, is_local: bool) -> Option<String> {
    let parts: Vec<_> = bind.split(':').collect();
    let form = "write SOURCE:TARGET or SOURCE:TARGET:OPTIONS, such as `/srv/data:/data:ro`";
    let (source, target) = match &parts[..] {
        [target] => ("", *target),
        ["", ..] => return Some(format!("no source before `:`: {form}")),
        [source, target] | [source, target, _] => (*source, *target),
        _ => return Some(format!("more than two `:`: {form}")),
    };
    // A source such as `data` is the name of a volume.
    let is_path = source.contains('/') || source.starts_with(['.', '~', '$']);
    if is_local && is_path && !source.starts_with('/') {
        let rest = shortened(bind.get(source.len()..).unwrap_or_default());
        return Some(format!(
            "{}, and the engine knows no current directory: write the path from the root of its host, \
             such as `/srv/{}{rest}`",
            relative(source),
            bare(source)
        ));
    }
    match target {
        "/" => {
            Some("the root of the container cannot be replaced: write another target".to_owned())
        }
        target if target.starts_with('/') => None,
        target => Some(format!("{}: {form}", relative(target))),
    }
}

/// The paths of a mount: the source of a bind is a path, that of a volume a name.
pub(super) fn mount(mount: &Map<String, Value>, at: Place<'_>, found: &mut Findings<'_>) {
    let text = |key| mount.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(target) = text("Target").filter(|path| !is_absolute(path)) {
        let message =
            format!("{}: write it from the root, such as `/{}`", relative(target), bare(target));
        found.wrong(Place::Key(&at, "Target"), message);
    }
    let source = text("Source").filter(|_| text("Type") == Some("bind"));
    if let Some(source) = source.filter(|path| !is_absolute(path)) {
        let message = format!(
            "{}, and the engine knows no current directory: write the path from the root of its host, \
             or `Type: volume` for a volume of that name",
            relative(source)
        );
        found.wrong(Place::Key(&at, "Source"), message);
    }
}

fn relative(path: &str) -> String {
    format!("`{}` is not an absolute path", shortened(path))
}

/// A path without its relative beginning.
fn bare(path: &str) -> String {
    // No shell or Compose expands `~` and `${DIR}` here, so the suggestion leaves them out.
    let path = path.trim_start_matches(['.', '~', '/']);
    shortened(path.rsplit_once("}/").map_or(path, |(_, rest)| rest).trim_start_matches('$'))
}

fn is_absolute(path: &str) -> bool {
    path.starts_with('/') || is_of_windows(path)
}

/// True for Windows paths, which are left to the engine to check.
fn is_of_windows(path: &str) -> bool {
    let has_drive = path.chars().next().is_some_and(|c| c.is_ascii_alphabetic())
        && path.get(1..).is_some_and(|rest| rest.starts_with(":\\") || rest.starts_with(":/"));
    path.contains('\\') || has_drive
}
