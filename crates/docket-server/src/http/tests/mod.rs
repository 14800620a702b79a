//! The routes, whole bodies at a time, on a clock that stands still.

mod all_runs;
mod allocations;
mod conditions;
mod events;
mod lists;
mod manual;
mod metrics;
mod openapi;
mod output;
mod sessions;
mod yaml;

use std::{fmt::Write as _, net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{
    App, HttpResponse,
    http::{Method, header},
    middleware::{NormalizePath, TrailingSlash, from_fn},
    test,
    web::Data,
};
use docket_model::{Zone, container::UnknownOptions};
use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::{
    Allocations, Api, Authentication, Forecasts, Limits, MetricsSettings, NotifyTester,
    ServerStatus, Sessions, SpecificationSettings, WrongTokens, check_request_access,
    response_memory, routes::routes,
};
use crate::{
    background::Background,
    clock::{Clock, TestClock},
    config::{Access, Token},
    engine::{engine_registry::EngineRegistry, scripted_engine::ScriptedEngine},
    notify::HttpClient,
    observer::metrics::Metrics,
    runner::{Runner, RunnerPort, StoreAccess, Surroundings},
    scheduler::Ticks,
    store::{MemoryBackend, Store},
    term_tasks::Term,
};

pub(super) fn api(access: Access) -> Api {
    api_over_store(access, 0)
}

/// The API over a store that counts events from a number.
fn api_over_store(access: Access, events: u64) -> Api {
    let clock = Arc::new(TestClock::at("2026-11-21T09:00:00Z"));
    let metrics = Arc::new(Metrics::default());
    let backend = Arc::new(MemoryBackend::new(usize::MAX).counting_from(events));
    // Memory never lets wait.
    let store = Store::open_observed(backend, metrics.clone()).now_or_never().unwrap().unwrap();
    let store = StoreAccess::new(Arc::new(store), clock.clone());
    let engine = Arc::new(ScriptedEngine::new(clock.clone()));
    let zone = "Europe/Berlin".parse::<Zone>().unwrap();
    let runner = Arc::new(Runner::new(Surroundings {
        term: Term::new(1),
        store: store.clone(),
        engines: Arc::new(EngineRegistry::for_tests(engine)),
        zone,
        namespace: "docket".parse().unwrap(),
        env_dir: None,
        life: docket_model::Life::new(1, clock.now()),
        is_first_life: true,
    }));
    let port = RunnerPort::new();
    port.open(runner);
    let api = api_over(Allocations { store, port, clock, zone }, access);
    Api { metrics: Data::new(MetricsSettings { metrics, allocations: 2 }), ..api }
}

/// The API over a store, and over the runner of whichever term there is.
pub(crate) fn api_over(allocations: Allocations, access: Access) -> Api {
    let clock = allocations.clock.clone();
    let started = clock.now();
    let background = Background::new(clock.clone());
    Api {
        allocations: Data::new(allocations),
        specifications: Data::new(SpecificationSettings {
            max_body: 1000,
            unknown_options: UnknownOptions::Refuse,
            has_env_dir: false,
            notify: Arc::default(),
        }),
        authentication: authentication(access),
        status: Data::new(ServerStatus {
            started,
            background,
            ticks: Arc::new(Ticks::default()),
            file: None,
        }),
        forecasts: Data::new(Forecasts::default()),
        limits: Data::new(Limits::new(1000)),
        metrics: Data::new(MetricsSettings { metrics: Arc::default(), allocations: 2 }),
        notify_tester: Data::new(NotifyTester(Arc::new(HttpClient::default()))),
    }
}

fn authentication(access: Access) -> Data<Authentication> {
    Data::new(Authentication {
        access,
        is_local_socket: false,
        sessions: Sessions::default(),
        wrong_tokens: WrongTokens::default(),
        stopping: CancellationToken::new(),
    })
}

/// Waits until the server knows its engine.
pub(super) async fn meet_engine(api: &Api) {
    let (allocations, status) = (&api.allocations, &api.status);
    let runner = allocations.runner().unwrap();
    let engine = runner.engine();
    engine.health.watch_over(
        engine.engine.clone(),
        allocations.clock.clone(),
        Arc::default(),
        &status.background,
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// A request as it is sent; the answer's status, the headers that matter, and its body.
pub(crate) struct Asking {
    api: Api,
    headers: Vec<(&'static str, String)>,
    peer: Option<SocketAddr>,
}

impl Asking {
    pub(crate) fn of(api: &Api) -> Self {
        let headers = vec![("host", "localhost:3000".to_owned())];
        Self { api: api.clone(), headers, peer: None }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
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
            .configure(|app| self.api.add_to(app))
            .configure(routes)
            .wrap(from_fn(response_memory::hold))
            .wrap(from_fn(check_request_access::guard))
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

    pub(crate) async fn send(self, method: Method, path: &str, body: impl AsRef<[u8]>) -> String {
        let answer = self.answer(method, path, body).await;
        let mut response = answer.status().to_string();
        for name in [header::CONTENT_TYPE, header::ALLOW, header::LINK, header::WWW_AUTHENTICATE] {
            if let Some(value) = answer.headers().get(&name) {
                write!(response, "\n{name}: {}", value.to_str().unwrap()).unwrap();
            }
        }
        let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap();
        response + "\n\n" + std::str::from_utf8(&body).unwrap()
    }
}

pub(crate) async fn get(api: &Api, path: &str) -> String {
    Asking::of(api).send(Method::GET, path, "").await
}

pub(crate) async fn post(api: &Api, body: &str) -> String {
    post_to(api, "/", body).await
}

pub(super) async fn post_to(api: &Api, path: &str, body: &str) -> String {
    let asking = Asking::of(api).with("content-type", "application/json");
    asking.send(Method::POST, path, body).await
}

const FOO: &str = r#"{"name":"foo","cron":"0 9 * * 1-5","container":{"config":{"image":"busybox",
    "cmd":["echo","hi"],"labels":{"Team":"a"}},"hostconfig":{"nanocpus":500000000}}}"#;
