//! The REST API. No engine is named here, and status codes of errors stand in one file.

mod access;
mod allocations;
mod backup;
mod body;
mod by_hand;
mod check;
mod condition;
mod error;
mod events;
mod forecast;
mod held;
mod instants;
mod journal;
mod limits;
mod list;
mod moment;
mod openapi;
mod operations;
mod output;
mod page;
mod pause;
mod pieces;
mod query;
mod rehearsal;
mod runs;
mod serve;
mod session;
mod sse;
#[cfg(test)]
mod tests;
mod tls;
mod view;
mod why;
mod write_timeout;

use std::{fmt::Display, ops::RangeInclusive, str::FromStr, sync::Arc};

use actix_web::{
    HttpRequest, Route, guard,
    web::{self, ServiceConfig},
};
use chrono::{DateTime, Utc};
use docket_model::{Zone, container::UnknownOptions};
use tokio_util::sync::CancellationToken;

pub(crate) use self::forecast::Forecasts;
pub(crate) use self::limits::Limits;
pub(crate) use self::serve::ServeError;
pub(crate) use self::serve::serve;
pub(crate) use self::session::{Sessions, WrongTokens};
use self::{error::ApiError, view::View};
use crate::{
    clock::Clock,
    config::Access,
    file_source::FileStatus,
    runner::{EngineHealth, Runner},
    scheduler::Ticks,
    store::{Snapshot, Store},
};

/// What the handlers work with.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) runner: Arc<Runner>,
    pub(crate) health: Arc<EngineHealth>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ticks: Arc<Ticks>,
    /// The zone of allocations that name none.
    pub(crate) zone: Zone,
    pub(crate) access: Access,
    /// True where only the owner of a socket file can connect.
    pub(crate) is_local_socket: bool,
    pub(crate) max_body: usize,
    pub(crate) unknown_options: UnknownOptions,
    /// The status of the file of allocations, if the server has one.
    pub(crate) file: Option<FileStatus>,
    /// True where the server has a folder for `EnvFiles`.
    pub(crate) has_env_dir: bool,
    pub(crate) started: DateTime<Utc>,
    /// What the coming minutes will bring, as it was last counted.
    pub(crate) forecasts: Forecasts,
    /// Those who signed in.
    pub(crate) sessions: Sessions,
    /// Where wrong tokens came from.
    pub(crate) wrong_tokens: WrongTokens,
    /// Ends the answers that would go on for ever, when the server stops.
    pub(crate) stopping: CancellationToken,
    /// What all requests together may take of the server's memory.
    pub(crate) limits: Limits,
}

impl Api {
    fn view<'a>(&self, snapshot: &'a Snapshot) -> View<'a> {
        View {
            snapshot,
            zone: self.zone,
            now: self.clock.now(),
            pause: self.store.pause(),
            has_logs: true,
        }
    }

    async fn snapshot(&self, name: &str) -> Result<Snapshot, ApiError> {
        match self.store.get(name).await? {
            Some(snapshot) => Ok(snapshot),
            None => Err(self.no_such_allocation(name).await),
        }
    }

    async fn no_such_allocation(&self, name: &str) -> ApiError {
        match self.store.nearest(name).await {
            Ok(near) => ApiError::NoSuchAllocation(name.to_owned(), near),
            Err(error) => error.into(),
        }
    }
}

fn routes(app: &mut ServiceConfig) {
    app.service(
        web::resource("/")
            .route(read(page::get).guard(guard::fn_guard(page::is_for_browser)))
            .route(read(list::list))
            .route(web::post().to(allocations::push))
            .default_service(only("GET, HEAD, POST")),
    )
    .service(only_read("/-/page/{file}", read(page::file)))
    .service(only_read("/-/forecast", read(forecast::get)))
    .service(only_post("/-/check", web::post().to(check::check)))
    .service(only_read("/-/health", read(operations::health)))
    .service(only_read("/-/openapi.json", read(openapi::get)))
    .service(only_read("/-/ready", read(operations::ready)))
    .service(
        web::resource("/-/session")
            .route(read(session::get))
            .route(web::post().to(session::sign_in))
            .route(web::delete().to(session::sign_out))
            .default_service(only("GET, HEAD, POST, DELETE")),
    )
    .service(only_read("/-/version", read(operations::version)))
    .service(
        web::resource("/{name}/runs")
            .route(read(runs::list))
            .route(web::post().to(by_hand::run))
            .default_service(only("GET, HEAD, POST")),
    )
    .service(only_post("/{name}/runs/{run}/cancel", web::post().to(by_hand::cancel)))
    .service(only_post("/{name}/suspend", web::post().to(by_hand::suspend)))
    .service(only_post("/{name}/resume", web::post().to(by_hand::resume)))
    .service(only_post("/{name}/reset", web::post().to(by_hand::reset)))
    .service(only_post("/-/pause", web::post().to(pause::pause)))
    .service(only_post("/-/unpause", web::post().to(pause::unpause)))
    .service(only_post("/-/rehearsal", web::post().to(rehearsal::rehearse)))
    .service(only_read("/-/backup", read(backup::backup)))
    .service(only_read("/-/journal", read(journal::list)))
    .service(only_read("/-/events", read(events::follow)))
    .service(only_read("/{name}/why", read(why::get)))
    .service(only_read("/{name}/instants", read(instants::list)))
    .service(only_read("/{name}/runs/{run}", read(runs::get)))
    .service(only_read("/{name}/runs/{run}/output", read(output::get)))
    .service(
        web::resource("/{name}")
            .route(read(allocations::get))
            .route(web::delete().to(allocations::delete))
            .default_service(only("GET, HEAD, DELETE")),
    )
    .default_service(web::to(|request: HttpRequest| async move {
        Err::<String, _>(ApiError::NoSuchRoute(request.path().to_owned()))
    }));
}

/// Reads a number of a query, and names it where it is none of the range.
fn number<N>(name: &str, text: &str, range: RangeInclusive<N>) -> Result<N, ApiError>
where
    N: FromStr + PartialOrd + Display,
{
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let (least, most) = range.into_inner();
        ApiError::BadQuery(format!("{name}: `{text}` is no number from {least} to {most}"))
    })
}

/// A route for GET, and for HEAD with the same head.
fn read<F, Args>(handler: F) -> Route
where
    F: actix_web::Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: actix_web::Responder + 'static,
{
    web::route().guard(guard::Any(guard::Get()).or(guard::Head())).to(handler)
}

fn only_read(path: &str, route: Route) -> actix_web::Resource {
    web::resource(path).route(route).default_service(only("GET, HEAD"))
}

fn only_post(path: &str, route: Route) -> actix_web::Resource {
    web::resource(path).route(route).default_service(only("POST"))
}

fn only(allowed: &'static str) -> Route {
    web::to(move || async move { Err::<String, _>(ApiError::MethodNotAllowed(allowed)) })
}
