//! How many starts the coming minutes will bring: the same for all who ask within a minute.

use std::{collections::HashMap, sync::Arc};

use actix_web::{
    HttpResponse,
    web::{self, Data},
};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use chrono_tz::Tz;
use docket_model::{Allocation, journal::Suspension, schedule::Kind, wire::Forecast};
use serde::Deserialize;
use tokio::sync::Mutex;
use utoipa::IntoParams;

use super::{
    Api,
    error::{ApiError, JSON},
    number,
    openapi::refusals::{Any, Asked, Guarded},
    query::Query,
};
use crate::store::Standing;

/// How far it looks ahead, in minutes.
const DAY: usize = 1440;
/// How many allocations are taken from the store at once.
const CHUNK: usize = 1024;
/// So many instants are walked in all, which takes some seconds at worst.
const MOST_WALKED: u64 = 2_000_000;

/// The forecast as it was last counted, held while it is counted anew.
#[derive(Debug, Default)]
pub(crate) struct Forecasts(Mutex<Option<Arc<Forecast>>>);

/// How far to look.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ForecastQuery {
    /// How many; a day where nobody says.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1440)]
    minutes: Option<String>,
}

/// `GET /-/forecast`: a number for each of the coming full minutes, by all that is not suspended.
#[utoipa::path(
    get,
    path = "/-/forecast",
    operation_id = "forecast",
    tag = "specifications",
    params(ForecastQuery),
    responses(
        (status = 200, description = "A number for each minute", body = Forecast),
        Asked,
        Guarded,
        Any,
    ),
)]
pub(super) async fn get(
    api: Data<Api>,
    query: Query<ForecastQuery>,
) -> Result<HttpResponse, ApiError> {
    let minutes = query.0.minutes;
    let minutes = minutes.map(|minutes| number("minutes", &minutes, 1..=DAY)).transpose()?;
    let forecast = current(&api).await?;
    let starts = forecast.starts.iter().take(minutes.unwrap_or(DAY)).copied().collect();
    let forecast = Forecast { starts, ..*forecast };
    Ok(HttpResponse::Ok().content_type(JSON).json(forecast))
}

async fn current(api: &Api) -> Result<Arc<Forecast>, ApiError> {
    let now = api.clock.now();
    let minute = TimeDelta::minutes(1);
    let this = now.duration_trunc(minute);
    let from = this.map_err(|error| ApiError::Internal(error.to_string()))? + minute;
    let mut held = api.forecasts.0.lock().await;
    if let Some(forecast) = held.as_ref().filter(|forecast| forecast.from == from) {
        return Ok(Arc::clone(forecast));
    }
    let pause = api.store.pause();
    let mut series = HashMap::new();
    let mut after = None;
    loop {
        let chunk = api.store.standings(after, CHUNK).await?;
        let Some(last) = chunk.last() else { break };
        after = Some(last.position);
        for standing in &chunk {
            if let Some(key) = Key::of(standing, pause.as_deref(), from, api.zone) {
                let allocation = || (Arc::clone(&standing.allocation), 0_u64);
                series.entry(key).or_insert_with(allocation).1 += 1;
            }
        }
    }
    let zone = api.zone;
    let counted = web::block(move || count(&series, from, zone)).await;
    let counted = Arc::new(counted.map_err(|error| ApiError::Internal(error.to_string()))?);
    *held = Some(Arc::clone(&counted));
    Ok(counted)
}

/// What the instants of a day depend on: allocations that are alike in it are counted once.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    schedule: Box<str>,
    zone: Tz,
    /// Of a schedule that counts from a moment.
    anchor: Option<DateTime<Utc>>,
    not_before: Option<DateTime<Utc>>,
    not_after: Option<DateTime<Utc>>,
    /// The moment after which instants count.
    after: DateTime<Utc>,
}

impl Key {
    /// None where nothing starts by itself.
    fn of(
        standing: &Standing,
        pause: Option<&Suspension>,
        from: DateTime<Utc>,
        zone: Tz,
    ) -> Option<Self> {
        let Standing { allocation, decided, suspension, .. } = standing;
        let schedule = allocation.specification.schedule()?;
        let policies = &allocation.specification.policies;
        if policies.suspended || schedule.kind() == Kind::Empty {
            return None;
        }
        let before = |moment: DateTime<Utc>| moment - TimeDelta::seconds(1);
        let mut after = before(from).max(decided.unwrap_or_default());
        let suspensions = [suspension.as_deref(), pause].into_iter().flatten();
        for suspension in suspensions.filter(|held| held.holds_at(from)) {
            after = after.max(before(suspension.until?));
        }
        Some(Self {
            schedule: schedule.text().into(),
            zone: allocation.zone(zone),
            anchor: (schedule.kind() != Kind::Calendar).then(|| allocation.anchor(schedule)),
            not_before: policies.not_before.map(|bound| bound.to_utc()),
            not_after: policies.not_after.map(|bound| bound.to_utc()),
            after,
        })
    }
}

fn count(series: &HashMap<Key, (Arc<Allocation>, u64)>, from: DateTime<Utc>, zone: Tz) -> Forecast {
    let mut forecast = Forecast { from, starts: vec![0; DAY], omitted: 0 };
    let mut walked = 0;
    for (key, (allocation, alike)) in series {
        if walked >= MOST_WALKED {
            forecast.omitted += alike;
            continue;
        }
        let mut next = allocation.next(key.after, zone);
        while let Some(instant) = next {
            let minute = usize::try_from((instant - from).num_minutes());
            let slot = minute.ok().and_then(|minute| forecast.starts.get_mut(minute));
            let Some(slot) = slot else { break };
            *slot += alike;
            walked += 1;
            next = allocation.next(instant, zone);
        }
    }
    forecast
}

#[cfg(test)]
mod tests {
    use docket_model::wire::Forecast;

    use super::super::tests::{api, get, post, post_to};
    use crate::config::Access;

    async fn forecast(api: &actix_web::web::Data<super::Api>, path: &str) -> Forecast {
        let told = get(api, path).await;
        serde_json::from_str(told.split_once("\n\n").unwrap().1).unwrap()
    }

    fn specification(name: &str, cron: &str) -> String {
        format!(r#"{{"Name":"{name}","Cron":"{cron}","Container":{{"Config":{{"Image":"x"}}}}}}"#)
    }

    #[tokio::test(start_paused = true)]
    async fn starts_are_counted_by_the_minute_over_all_that_is_not_suspended() {
        let api = api(Access::default());
        for (name, cron) in [("a", "5 * * * *"), ("b", "5 * * * *"), ("c", "*/20 * * * * * *")] {
            post(&api, &specification(name, cron)).await;
        }
        post(&api, &specification("suspended", "* * * * *")).await;
        post_to(&api, "/suspended/suspend", "").await;

        let forecast = forecast(&api, "/-/forecast?minutes=6").await;

        assert_eq!(forecast.from.to_rfc3339(), "2026-11-21T09:01:00+00:00");
        assert_eq!(forecast.starts, [3, 3, 3, 3, 5, 3]);
        assert_eq!(forecast.omitted, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_counted_holds_for_its_minute() {
        let api = api(Access::default());
        post(&api, &specification("a", "* * * * *")).await;

        let first = forecast(&api, "/-/forecast?minutes=1").await;
        post(&api, &specification("b", "* * * * *")).await;
        let soon = forecast(&api, "/-/forecast?minutes=1").await;
        tokio::time::advance(std::time::Duration::from_secs(60)).await;
        let later = forecast(&api, "/-/forecast?minutes=1").await;

        assert_eq!((first.starts, soon.starts, later.starts), (vec![1], vec![1], vec![2]));
    }
}
