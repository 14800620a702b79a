//! Whether a server on another machine may still use the store with the same engine.

use super::ServerError;
use crate::{
    engine::{Engine, EngineStatus},
    store::{NotedEngine, Store},
};

/// Refuses a store that a server on another machine may still use with the same engine.
pub(super) async fn check_machine(store: &Store, engine: &dyn Engine) -> Result<(), ServerError> {
    let Some(elsewhere) = store.provenance().engine_elsewhere else { return Ok(()) };
    let kind = store.about().kind;
    match engine.status().await {
        Err(error) => Err(ServerError::UnknownEngine(kind, error)),
        Ok(EngineStatus { id, .. }) => match (elsewhere, id) {
            // Two engines without ids may be the same one, so this is rejected like the same id.
            (NotedEngine::Unidentified, _) | (_, None) => {
                Err(ServerError::UnidentifiedEngine(kind))
            }
            (NotedEngine::Identified(before), Some(now)) if before == *now => {
                Err(ServerError::OtherMachine(kind))
            }
            (NotedEngine::Identified(_), Some(_)) => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::TestClock,
        engine::scripted_engine::ScriptedEngine,
        store::{Opener, SqliteBackend},
    };

    fn on_machine(machine: &str) -> Opener {
        Opener { machine: Some(machine.to_owned()), ..Opener::for_tests() }
    }

    /// Starts with a store that a server on another machine served with the engine `before`; the
    /// engine is `now`. An engine without a lasting id has no name.
    async fn start(before: &str, now: &str) -> Result<(), ServerError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("docket.db");
        let clock = Arc::new(TestClock::at("2026-11-21T09:00:00Z"));
        let open = async |machine| {
            let backend = SqliteBackend::open(&path, &on_machine(machine)).unwrap();
            Store::open(Arc::new(backend)).await.unwrap()
        };
        let store = open("m1").await;
        store.begin_life(store.new_life(chrono::DateTime::UNIX_EPOCH)).await.unwrap();
        store.note_engine(before.to_owned().into()).await.unwrap();
        store.close().await;
        drop(store);
        let store = open("m2").await;
        check_machine(&store, &ScriptedEngine::called(now, clock)).await
    }

    #[tokio::test]
    async fn a_store_of_another_machine_is_refused_unless_its_engine_is_surely_another_one() {
        assert!(start("E", "F").await.is_ok());
        assert!(matches!(start("E", "E").await, Err(ServerError::OtherMachine(_))));
        for (before, now) in [("", ""), ("", "E"), ("E", "")] {
            let started = start(before, now).await;

            assert!(matches!(started, Err(ServerError::UnidentifiedEngine(_))), "{before} {now}");
        }
    }
}
