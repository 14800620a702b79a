//! Starts servers with two Docker engines, `web1` and `web2`, for the tests of several modules.

use std::{process::Command, sync::LazyLock};

use docket_tests::{Engine, Home, Registry, Server, engine_events::Events};
use serde_json::Value;

/// The second engine, for the tests that break none.
pub(crate) fn second() -> &'static Engine {
    static SECOND: LazyLock<Engine> = LazyLock::new(|| Engine::start(Registry::shared()));
    &SECOND
}

/// A home whose servers have their engines from options, and not from a variable.
pub(crate) fn home() -> Home {
    Home::durable("unix:///not-read.sock")
}

/// Adds an engine to the options of a server.
pub(crate) fn add(command: &mut Command, name: &str, engine: &Engine) {
    command.args(["--engine", &format!("{name}={}", engine.address())]);
}

/// A server of the home with both engines; `web1` is the default.
pub(crate) fn server(home: &Home, web1: &Engine, web2: &Engine) -> Server {
    server_with(home, [("web1", web1), ("web2", web2)])
}

/// A server of the home with these engines; the first is the default.
pub(crate) fn server_with(home: &Home, engines: [(&str, &Engine); 2]) -> Server {
    let server = home.server_with(|command| {
        for (name, engine) in engines {
            add(command, name, engine);
        }
        command.args(["--engine-label", "web2:zone=b"]);
    });
    server.await_engines(&["up", "up"]);
    server
}

/// How many containers were started.
pub(crate) fn starts(events: &Events) -> usize {
    events.starts_of_attempts().into_values().map(|at| at.len()).sum()
}

/// The allocation with this `Placement`.
pub(crate) fn placed(mut allocation: Value, placement: Value) -> Value {
    allocation["Placement"] = placement;
    allocation
}
