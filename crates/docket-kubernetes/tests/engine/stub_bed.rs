//! The stub of an API server as an engine for the contract.

use std::sync::Arc;

use async_trait::async_trait;
use docket_kubernetes::{ClusterAddress, connect_with};
use docket_model::output::Stream;
use docket_server::engine::Handle;
use serde_json::{Value, json};

use crate::{
    cluster_bed::name,
    contract::{Program, Request, Subject, TestBed, long_output},
    stub_api::{Objects, Requests, StubApi},
};

impl StubApi {
    /// The engine, ready for the contract.
    pub(crate) async fn subject(&self) -> Subject {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = ClusterAddress::default();
        let engine = connect_with(&self.kubeconfig(), &address).await.unwrap();
        engine.status().await.unwrap();
        Subject::new(engine, Arc::new(self.clone()))
    }

    /// A pod that was started and whose node waits for its image, so that the test says what becomes of it.
    pub(crate) async fn started_without_program(&self, subject: &Subject, of: &str) -> Handle {
        let plan = subject.plan(of, Program::HasNoImage);
        let handle = subject.engine.prepare(&plan).await.unwrap().handle;
        subject.engine.launch(&handle).await.unwrap();
        self.until(|objects| {
            let pod = objects.pod(name(&handle)).unwrap();
            pod["status"]["containerStatuses"].is_array().then_some(())
        })
        .await;
        handle
    }
}

#[async_trait]
impl TestBed for StubApi {
    fn container(&self, program: Program) -> Value {
        let image = if matches!(program, Program::HasNoImage) { "nothing" } else { "script" };
        let steps: Vec<String> = match program {
            Program::Ends(code) => vec![format!("exit {code}")],
            Program::Prints(lines, code) => {
                let print = |(_, line): &(Stream, &str)| format!("out {line}");
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
        self.change(|objects| objects.end(name(handle), 137));
    }

    fn remove_by_force(&self, handle: &Handle) {
        self.change(|objects| objects.remove(name(handle)));
    }

    fn crash(&self) {
        self.set_away(true);
    }

    async fn restart(&self) {
        self.set_away(false);
    }

    fn hold(&self, request: Request) {
        self.objects.lock().holds = Some(match request {
            Request::Prepare => Requests::Creates,
            Request::Launch => Requests::Starts,
        });
    }

    async fn deliver(&self) -> usize {
        self.change(Objects::deliver_late).len()
    }
}
