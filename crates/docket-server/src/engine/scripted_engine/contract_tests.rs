//! The scripted engine keeps the contract that real engines keep, with each means of starting.

#[path = "../../../tests/engines/contract/mod.rs"]
mod contract;

use std::sync::Arc;

use async_trait::async_trait;
use docket_model::output::Stream;
use serde_json::{Value, json};

use self::contract::{Program, Request, Subject, TestBed, long_output};
use super::{
    super::{Handle, Starts, Stop},
    ScriptedEngine,
};
use crate::clock::TestClock;

fn subject(starts: Starts) -> Subject {
    let clock = Arc::new(TestClock::at("2026-11-21T09:00:00Z"));
    let engine = ScriptedEngine::new(clock).that_starts(starts);
    Subject::new(Arc::new(engine.clone()), Arc::new(engine))
}

macro_rules! keeps {
    ($($behaviour:ident,)*) => {
        $(#[tokio::test(start_paused = true)]
        async fn $behaviour() {
            super::contract::$behaviour(&super::subject(STARTS)).await;
        })*
    };
}

mod by_id {
    use super::*;

    const STARTS: Starts = Starts::ById;
    super::contract::any_engine!(keeps);
    super::contract::one_host!(keeps);
    super::contract::separate_start!(keeps);
    super::contract::start_at_once!(keeps);
    super::contract::late_requests!(keeps);
    super::contract::late_launches!(keeps);
    keeps! { an_engine_that_is_away_is_unreachable_and_found_again, }
}

mod conditionally {
    use super::*;

    const STARTS: Starts = Starts::Conditionally;
    super::contract::any_engine!(keeps);
    super::contract::one_host!(keeps);
    super::contract::separate_start!(keeps);
    super::contract::start_at_once!(keeps);
    super::contract::late_requests!(keeps);
    super::contract::late_launches!(keeps);
    keeps! { an_engine_that_is_away_is_unreachable_and_found_again, }
}

mod with_prepare {
    use super::*;

    const STARTS: Starts = Starts::WithPrepare;
    super::contract::any_engine!(keeps);
    super::contract::one_host!(keeps);
    // Not all of `late_requests`: once a container is removed its name is free, as it is on a cluster once no
    // request can be late any more.
    keeps! {
        a_late_start_of_a_container_that_was_given_up_starts_nothing,
        a_late_start_before_the_next_look_is_found,
        an_engine_that_is_away_is_unreachable_and_found_again,
    }
}

mod with_nodes {
    use std::sync::Arc;

    use super::{ScriptedEngine, Starts, Subject, TestClock};

    macro_rules! keeps {
        ($($behaviour:ident,)*) => {
            $(#[tokio::test(start_paused = true)]
            async fn $behaviour() {
                let clock = Arc::new(TestClock::at("2026-11-21T09:00:00Z"));
                let engine = ScriptedEngine::new(clock).that_starts(Starts::Conditionally);
                let engine = engine.with_nodes(&["n1", "n2"]);
                let subject = Subject::new(Arc::new(engine.clone()), Arc::new(engine));
                super::contract::$behaviour(&subject).await;
            })*
        };
    }

    super::contract::several_nodes!(keeps);
}

#[async_trait]
impl TestBed for ScriptedEngine {
    fn container(&self, program: Program) -> Value {
        let image = if matches!(program, Program::HasNoImage) { "nothing" } else { "script" };
        let steps: Vec<String> = match program {
            Program::Ends(code) => vec![format!("exit {code}")],
            Program::Prints(lines, code) => {
                let print = |(stream, line): &(Stream, &str)| match stream {
                    Stream::Out => format!("out {line}"),
                    Stream::Error => format!("error {line}"),
                };
                lines.iter().map(print).chain([format!("exit {code}")]).collect()
            }
            Program::PrintsLong => vec![format!("print {}", long_output()), "exit 0".to_owned()],
            Program::EndsWhenAsked => ["out up", "asked ends"].map(str::to_owned).into(),
            Program::IgnoresRequestToEnd => ["out up", "asked ignores"].map(str::to_owned).into(),
            Program::HasNoFile => vec!["fail exec: /no/such: no such file".to_owned()],
            Program::HasNoImage => Vec::new(),
        };
        json!({"Config": {"Image": image, "Cmd": steps}})
    }

    fn kill(&self, handle: &Handle) {
        self.with(&handle.id, |container, now| container.stop(Stop::AtOnce, now)).unwrap();
        self.tell();
    }

    fn remove_by_force(&self, handle: &Handle) {
        self.remove_by_force_where(|id, _| *id == handle.id);
    }

    fn crash(&self) {
        self.set_away(true);
    }

    async fn restart(&self) {
        self.set_away(false);
    }

    fn hold(&self, request: Request) {
        Self::hold(
            self,
            match request {
                Request::Prepare => "prepare",
                Request::Launch => "launch",
            },
        );
    }

    async fn deliver(&self) -> usize {
        self.release()
    }
}
