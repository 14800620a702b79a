//! The routes, whole bodies at a time, on a clock that stands still.

mod allocations;
mod by_hand;
mod conditions;
mod events;
mod lists;
mod openapi;
mod output;
mod sessions;

use std::{fmt::Write as _, net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{
    App, HttpResponse,
    http::{Method, header},
    middleware::{NormalizePath, TrailingSlash, from_fn},
    test,
    web::Data,
};
use docket_model::{Zone, container::UnknownOptions};
use tokio_util::sync::CancellationToken;

use super::{Api, Limits, Sessions, WrongTokens, access, forecast::Forecasts, held, routes};
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
        engine,
        clock: clock.clone(),
        health: health.clone(),
        zone: "Europe/Berlin".parse::<Zone>().unwrap(),
        namespace: "docket".parse().unwrap(),
        env_dir: None,
        max_starting: None,
        max_running: 10,
        queue: 10,
        life: docket_model::Life::new(1, clock.now()),
    }));
    Data::new(Api {
        store,
        runner,
        health,
        file: None,
        has_env_dir: false,
        ticks: Arc::new(Ticks::default()),
        zone: "Europe/Berlin".parse::<Zone>().unwrap(),
        access,
        is_local_socket: false,
        max_body: 1000,
        unknown_options: UnknownOptions::Refuse,
        started: clock.now(),
        forecasts: Forecasts::default(),
        sessions: Sessions::default(),
        wrong_tokens: WrongTokens::default(),
        stopping: CancellationToken::new(),
        limits: Limits::new(1000),
        clock,
    })
}

/// Lets the server know its engine.
pub(super) async fn meet_engine(api: &Data<Api>) {
    let watched = api.clone();
    tokio::spawn(async move {
        let never = CancellationToken::new();
        watched.health.watch_over(watched.runner.engine(), &*watched.clock, never).await;
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// The same server with the same store, for readers of another time.
fn another(api: &Api) -> Api {
    Api {
        store: api.store.clone(),
        runner: api.runner.clone(),
        health: api.health.clone(),
        clock: api.clock.clone(),
        ticks: api.ticks.clone(),
        access: api.access.clone(),
        file: api.file.clone(),
        sessions: Sessions::default(),
        wrong_tokens: WrongTokens::default(),
        stopping: CancellationToken::new(),
        limits: Limits::new(1000),
        forecasts: Forecasts::default(),
        ..*api
    }
}

/// A request as it is sent; the answer's status, the headers that matter, and its body.
pub(super) struct Asking {
    api: Data<Api>,
    headers: Vec<(&'static str, String)>,
    peer: Option<SocketAddr>,
}

impl Asking {
    pub(super) fn of(api: &Data<Api>) -> Self {
        let headers = vec![("host", "localhost:3000".to_owned())];
        Self { api: api.clone(), headers, peer: None }
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(held, _)| *held != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    fn from(self, peer: &str) -> Self {
        Self { peer: Some(peer.parse().unwrap()), ..self }
    }

    /// The answer as it is.
    async fn answer(self, method: Method, path: &str, body: impl AsRef<[u8]>) -> HttpResponse {
        let app = App::new()
            .app_data(self.api)
            .configure(routes)
            .wrap(from_fn(held::hold))
            .wrap(from_fn(access::guard))
            .wrap(NormalizePath::new(TrailingSlash::Trim));
        let app = test::init_service(app).await;
        let request = test::TestRequest::with_uri(path).method(method);
        let request = self.headers.into_iter().fold(request, test::TestRequest::insert_header);
        let request = match self.peer {
            Some(peer) => request.peer_addr(peer),
            None => request,
        };
        let request = request.set_payload(body.as_ref().to_vec()).to_request();
        match test::try_call_service(&app, request).await {
            Ok(answer) => answer.map_into_boxed_body().into_parts().1,
            Err(error) => error.error_response(),
        }
    }

    /// The status and one header, or nothing where it is not there.
    async fn header(self, method: Method, path: &str, body: &str, name: &str) -> (u16, String) {
        let answer = self.answer(method, path, body).await;
        let value = answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), value.unwrap_or_default())
    }

    pub(super) async fn send(self, method: Method, path: &str, body: impl AsRef<[u8]>) -> String {
        let answer = self.answer(method, path, body).await;
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

pub(super) async fn post_to(api: &Data<Api>, path: &str, body: &str) -> String {
    let asking = Asking::of(api).with("content-type", "application/json");
    asking.send(Method::POST, path, body).await
}

const FOO: &str = r#"{"name":"foo","cron":"0 9 * * 1-5","container":{"config":{"image":"busybox",
    "cmd":["echo","hi"],"labels":{"Team":"a"}},"hostconfig":{"nanocpus":500000000}}}"#;
