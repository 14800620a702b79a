//! The routes, whole bodies at a time, on a clock that stands still.

mod allocations;
mod by_hand;

use std::{fmt::Write as _, sync::Arc};

use actix_web::{
    App,
    http::{Method, header},
    middleware::{NormalizePath, TrailingSlash, from_fn},
    test,
    web::Data,
};
use chrono_tz::Tz;
use docket_model::container::UnknownOptions;

use super::{Api, access, routes};
use crate::{
    clock::{Clock, TestClock},
    config::{Access, Token},
    engine::scripted::ScriptedEngine,
    runner::{EngineHealth, Runner, Surroundings},
    scheduler::Ticks,
    store::MemoryStore,
};

pub(super) fn api(access: Access) -> Data<Api> {
    let clock = Arc::new(TestClock::at("2026-11-21T09:00:00Z"));
    let store = Arc::new(MemoryStore::new(usize::MAX));
    let engine = Arc::new(ScriptedEngine::new(clock.clone()));
    let health = Arc::new(EngineHealth::new());
    let runner = Arc::new(Runner::new(Surroundings {
        store: store.clone(),
        engine: engine.clone(),
        clock: clock.clone(),
        health: health.clone(),
        zone: Tz::Europe__Berlin,
        namespace: "docket".parse().unwrap(),
        env_dir: None,
        max_starting: None,
        max_running: 10,
        queue: 10,
    }));
    Data::new(Api {
        store,
        engine,
        runner,
        health,
        has_file: false,
        has_env_dir: false,
        ticks: Arc::new(Ticks::default()),
        zone: Tz::Europe__Berlin,
        access,
        is_local_socket: false,
        max_body: 1000,
        unknown_options: UnknownOptions::Refuse,
        started: clock.now(),
        file_mistake: Arc::default(),
        backups: Arc::new(tokio::sync::Semaphore::new(1)),
        clock,
    })
}

/// A request as it is sent; the answer's status, the headers that matter, and its body.
pub(super) struct Asking {
    api: Data<Api>,
    headers: Vec<(&'static str, &'static str)>,
}

impl Asking {
    pub(super) fn of(api: &Data<Api>) -> Self {
        Self { api: api.clone(), headers: vec![("host", "localhost:3000")] }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.retain(|(held, _)| *held != name);
        self.headers.push((name, value));
        self
    }

    pub(super) async fn send(self, method: Method, path: &str, body: &str) -> String {
        let app = App::new()
            .app_data(self.api)
            .configure(routes)
            .wrap(from_fn(access::guard))
            .wrap(NormalizePath::new(TrailingSlash::Trim));
        let app = test::init_service(app).await;
        let request = test::TestRequest::with_uri(path).method(method);
        let request = self.headers.into_iter().fold(request, test::TestRequest::insert_header);
        let request = request.set_payload(body.to_owned()).to_request();
        let answer = match test::try_call_service(&app, request).await {
            Ok(answer) => answer.map_into_boxed_body().into_parts().1,
            Err(error) => error.error_response(),
        };
        let mut told = answer.status().to_string();
        for name in [header::CONTENT_TYPE, header::ALLOW, header::LINK, header::WWW_AUTHENTICATE] {
            if let Some(value) = answer.headers().get(&name) {
                write!(told, "\n{name}: {}", value.to_str().unwrap()).unwrap();
            }
        }
        let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap();
        told + "\n\n" + std::str::from_utf8(&body).unwrap()
    }
}

pub(super) async fn get(api: &Data<Api>, path: &str) -> String {
    Asking::of(api).send(Method::GET, path, "").await
}

pub(super) async fn post(api: &Data<Api>, body: &str) -> String {
    post_to(api, "/", body).await
}

async fn post_to(api: &Data<Api>, path: &str, body: &str) -> String {
    let asking = Asking::of(api).with("content-type", "application/json");
    asking.send(Method::POST, path, body).await
}

const FOO: &str = r#"{"name":"foo","cron":"0 9 * * 1-5","container":{"config":{"image":"busybox",
    "cmd":["echo","hi"],"labels":{"Team":"a"}},"hostconfig":{"nanocpus":500000000}}}"#;
