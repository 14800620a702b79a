//! Whether a server on another machine may still use the store with the same engines.

use futures_util::future::try_join_all;

use super::ServerError;
use crate::{
    engine::engine_registry::EngineRegistry,
    store::{NotedEngines, Store},
};

/// Refuses a store that a server on another machine may still use with one of the same engines.
pub(super) async fn check_machine(
    store: &Store,
    engines: &EngineRegistry,
) -> Result<(), ServerError> {
    let Some(elsewhere) = store.provenance().engines_elsewhere else { return Ok(()) };
    let kind = store.about().kind;
    let statuses = try_join_all(engines.all().map(|named| named.engine.status())).await;
    let statuses = statuses.map_err(|error| ServerError::UnknownEngine(kind.clone(), error))?;
    let now = NotedEngines::of(statuses.iter().map(|status| status.id.as_deref()));
    match (elsewhere, now) {
        // Two engines without ids may be the same one, so this is rejected like the same id.
        (NotedEngines::Unidentified, _) | (_, NotedEngines::Unidentified) => {
            Err(ServerError::UnidentifiedEngine(kind))
        }
        (NotedEngines::Identified(before), NotedEngines::Identified(now)) => {
            if before.is_disjoint(&now) { Ok(()) } else { Err(ServerError::OtherMachine(kind)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::TestClock,
        engine::{Engine, engine_registry::EngineLimits, scripted_engine::ScriptedEngine},
        store::{Opener, SqliteBackend},
    };

    fn on_machine(machine: &str) -> Opener {
        Opener { machine: Some(machine.to_owned()), ..Opener::for_tests() }
    }

    /// Starts with a store that a server on another machine served with the engines `before`; the
    /// engines are `now`. An engine without a lasting id has no name.
    async fn start(before: &str, now: [&str; 2]) -> Result<(), ServerError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("docket.db");
        let clock = Arc::new(TestClock::at("2026-11-21T09:00:00Z"));
        let open = async |machine| {
            let backend = SqliteBackend::open(&path, &on_machine(machine)).unwrap();
            Store::open(Arc::new(backend)).await.unwrap()
        };
        let store = open("m1").await;
        store.begin_life(store.new_life(chrono::DateTime::UNIX_EPOCH)).await.unwrap();
        store.note_engines(before.to_owned().into()).await.unwrap();
        store.close().await;
        drop(store);
        let store = open("m2").await;
        let limits = EngineLimits { max_starting: None, max_running: 1, queue: 1 };
        let [first, second] =
            now.map(|id| Arc::new(ScriptedEngine::called(id, clock.clone())) as Arc<dyn Engine>);
        let engines = EngineRegistry::new(first, limits).with("second", second, limits);
        check_machine(&store, &engines).await
    }

    #[tokio::test]
    async fn a_store_of_another_machine_is_refused_unless_its_engines_are_surely_others() {
        assert!(start("E F", ["G", "H"]).await.is_ok());
        for now in [["E", "G"], ["G", "E"]] {
            assert!(
                matches!(start("E F", now).await, Err(ServerError::OtherMachine(_))),
                "{now:?}"
            );
        }
        for (before, now) in [("", ["", "E"]), ("", ["E", "F"]), ("E", ["F", ""])] {
            let started = start(before, now).await;

            assert!(matches!(started, Err(ServerError::UnidentifiedEngine(_))), "{before} {now:?}");
        }
    }
}
