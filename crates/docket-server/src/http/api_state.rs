//! All parts of the API's state, which the server creates and handlers receive one by one.

use actix_web::web::{Data, ServiceConfig};

use super::{
    authentication::Authentication,
    handler_state::{Allocations, ServerStatus, SpecificationSettings},
    metrics::MetricsSettings,
    notify_test::NotifyTester,
    request_memory::Limits,
    start_counts::Forecasts,
};

#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) allocations: Data<Allocations>,
    pub(crate) specifications: Data<SpecificationSettings>,
    pub(crate) authentication: Data<Authentication>,
    pub(crate) status: Data<ServerStatus>,
    pub(crate) forecasts: Data<Forecasts>,
    pub(crate) limits: Data<Limits>,
    pub(crate) metrics: Data<MetricsSettings>,
    pub(crate) notify_tester: Data<NotifyTester>,
}

impl Api {
    /// Makes each part available to handlers and middleware.
    pub(super) fn add_to(&self, app: &mut ServiceConfig) {
        app.app_data(self.allocations.clone())
            .app_data(self.specifications.clone())
            .app_data(self.authentication.clone())
            .app_data(self.status.clone())
            .app_data(self.forecasts.clone())
            .app_data(self.limits.clone())
            .app_data(self.metrics.clone())
            .app_data(self.notify_tester.clone());
    }
}
