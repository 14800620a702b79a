//! The routes, and what other methods and paths get.

use actix_web::{
    HttpRequest, Route, guard,
    web::{self, ServiceConfig},
};

use super::{
    all_runs, allocations, backup, check_documents, dashboard_files, engine_check, engines,
    error::ApiError, events, health_and_version, journal, json_schema, json_to_yaml,
    list_allocations, manual_runs, metrics, notify_test, openapi, output, pause_server, runs,
    sign_in, start_counts, suspend_resume_reset, upcoming_instants, why,
};

/// A check on the default engine, as it was called before; it is not described any more.
const FORMER_ENGINE_CHECK: &str = "/-/rehearsal";

pub(super) fn routes(app: &mut ServiceConfig) {
    let on_engine = web::post().guard(guard::fn_guard(engine_check::names_engine));
    app.service(
        web::resource("/")
            // The page comes first, because the route of the list takes every GET.
            .route(read(dashboard_files::get).guard(guard::fn_guard(dashboard_files::is_for_browser)))
            .route(read(list_allocations::list))
            .route(web::post().to(allocations::push))
            // actix's own 405 has neither `Allow` nor a problem as its body.
            .default_service(only("GET, HEAD, POST")),
    )
    // Routes are tried in order, and this one is requested most. It matches no path below a name.
    .service(
        web::resource("/{name}")
            .route(read(allocations::get))
            .route(web::delete().to(allocations::delete))
            .default_service(only("GET, HEAD, DELETE")),
    )
    .service(only_read("/-/page/{file}", read(dashboard_files::file)))
    .service(only_read("/-/forecast", read(start_counts::get)))
    .service(
        web::resource("/-/check")
            // The guarded route comes first, because the next one takes every POST.
            .route(on_engine.to(engine_check::check))
            .route(web::post().to(check_documents::check))
            .default_service(only("POST")),
    )
    .service(only_post("/-/yaml", web::post().to(json_to_yaml::to_yaml)))
    .service(only_read("/-/engines", read(engines::list)))
    .service(only_read("/-/health", read(health_and_version::health)))
    .service(only_read("/-/metrics", read(metrics::get)))
    .service(only_read("/-/openapi.json", read(openapi::get)))
    .service(only_read("/-/ready", read(health_and_version::ready)))
    .service(only_read("/-/schema", read(json_schema::get)))
    .service(
        web::resource("/-/session")
            .route(read(sign_in::get))
            .route(web::post().to(sign_in::sign_in))
            .route(web::delete().to(sign_in::sign_out))
            .default_service(only("GET, HEAD, POST, DELETE")),
    )
    .service(only_read("/-/version", read(health_and_version::version)))
    // Before the route of the runs of one allocation, which matches its path too.
    .service(only_read("/-/runs", read(all_runs::list)))
    .service(
        web::resource("/{name}/runs")
            .route(read(runs::list))
            .route(web::post().to(manual_runs::run))
            .default_service(only("GET, HEAD, POST")),
    )
    .service(only_post("/{name}/runs/{run}/cancel", web::post().to(manual_runs::cancel)))
    .service(only_post("/{name}/suspend", web::post().to(suspend_resume_reset::suspend)))
    .service(only_post("/{name}/resume", web::post().to(suspend_resume_reset::resume)))
    .service(only_post("/{name}/reset", web::post().to(suspend_resume_reset::reset)))
    .service(only_post("/-/pause", web::post().to(pause_server::pause)))
    .service(only_post("/-/notify/test", web::post().to(notify_test::test)))
    .service(only_post("/-/unpause", web::post().to(pause_server::unpause)))
    .service(only_post(FORMER_ENGINE_CHECK, web::post().to(engine_check::check)))
    .service(only_read("/-/backup", read(backup::backup)))
    .service(only_read("/-/journal", read(journal::list)))
    .service(only_read("/-/events", read(events::follow)))
    .service(only_read("/{name}/why", read(why::get)))
    .service(only_read("/{name}/instants", read(upcoming_instants::list)))
    .service(only_read("/{name}/runs/{run}", read(runs::get)))
    .service(only_read("/{name}/runs/{run}/output", read(output::get)))
    .default_service(web::to(|request: HttpRequest| async move {
        Err::<String, _>(ApiError::NoSuchRoute(request.path().to_owned()))
    }));
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
