//! The keys of the Engine API: their canonical case, and where a misplaced one belongs.

use serde_json::{Map, Value};

use super::{
    engine_api_options::{CONTAINER, Fields},
    findings::Findings,
};
use crate::{
    allocation::KEYS,
    finding::{Place, nearest, shortened, unknown_key},
};

/// Rewrites the keys of an object in the case of the known ones; notes unknown and duplicate ones.
pub(super) fn make_canonical(
    object: &mut Map<String, Value>,
    known: &Fields,
    at: Place<'_>,
    findings: &mut Findings<'_>,
) {
    // Most objects have the canonical case already, and are not rebuilt.
    if object.keys().all(|key| known.contains_key(key.as_str())) {
        return;
    }
    for (key, value) in std::mem::take(object) {
        let Some(canonical) = known.keys().find(|known| known.eq_ignore_ascii_case(&key)) else {
            findings.unknown_key(at, &key, unknown_option(&key, known, at));
            // It stays for `--allow-unknown-options`, which sends it to the engine.
            object.insert(key, value);
            continue;
        };
        if object.contains_key(*canonical) {
            let message = format!("duplicate key `{canonical}`");
            findings.wrong_key(at, &key, message);
        } else {
            object.insert((*canonical).to_owned(), value);
        }
    }
}

/// The message for an unknown option, with where it belongs or the most similar known one.
fn unknown_option(key: &str, known: &Fields, at: Place<'_>) -> String {
    // Directly below `Container` or one of its parts a key is more likely misplaced than misspelt.
    let deep = !matches!(at, Place::Key(Place::Start(_) | Place::Key(Place::Start(_), _), _));
    match home_of(key) {
        Some(home) if !deep || nearest(key, known.keys().copied()).is_none() => {
            format!("unknown key `{}`: it belongs {home}", shortened(key))
        }
        _ => unknown_key(key, known.keys().copied()),
    }
}

/// Where in a specification a key, in any case, belongs: `under` or `beside` a part of it.
pub(crate) fn home_of(key: &str) -> Option<&'static str> {
    let is_it = |known: &&str| known.eq_ignore_ascii_case(key);
    // docket's own keys come first: `Labels` is both, and is more often meant for the allocation.
    if KEYS.iter().any(is_it) {
        return Some("beside `Container`");
    }
    let parts = CONTAINER.fields()?;
    if parts.keys().any(is_it) {
        return Some("under `Container`");
    }
    let homes = [
        ("Config", "under `Container.Config`"),
        ("HostConfig", "under `Container.HostConfig`"),
        ("NetworkingConfig", "under `Container.NetworkingConfig`"),
        ("Swarm", "under `Container.Swarm`"),
    ];
    let has_it = |part: &str| parts.get(part)?.fields().filter(|keys| keys.keys().any(is_it));
    homes.into_iter().find(|(part, _)| has_it(part).is_some()).map(|(_, home)| home)
}
