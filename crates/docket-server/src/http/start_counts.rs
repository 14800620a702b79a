//! `GET /-/forecast`: how many runs start in the coming minutes. It is computed once a minute.

use std::{cmp::Reverse, collections::HashMap, iter, sync::Arc};

use actix_web::{
    HttpResponse,
    web::{self, Data},
};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use docket_model::{
    Allocation, AllocationName, Zone,
    journal::Suspension,
    missed_instants::{self, Suspensions},
    schedule::Kind,
    wire::{Forecast, Frequent},
};
use serde::Deserialize;
use tokio::sync::Mutex;
use utoipa::IntoParams;

use super::{
    error::{ApiError, JSON},
    handler_state::Allocations,
    openapi::error_responses::{Asked, Usual},
    query::{self, Query},
};
use crate::store::AllocationStatus;

/// How far it looks ahead, in minutes.
const DAY: usize = 1440;
/// How many allocations are taken from the store at once.
const CHUNK: usize = 1024;
/// The maximum number of instants that are computed, which takes some seconds at worst.
const MAX_INSTANTS: usize = 2_000_000;
/// An allocation with more starts a day is frequent: it starts more often than every five minutes.
const FREQUENT: usize = 288;
/// How many names of frequent allocations a response has.
const MOST_NAMES: usize = 20;

/// The latest forecast. The lock is held while a new one is computed.
#[derive(Debug, Default)]
pub(crate) struct Forecasts(Mutex<Option<Arc<Counted>>>);

/// The starts of a day by the minute, with those of frequent allocations separate.
#[derive(Debug)]
struct Counted {
    from: DateTime<Utc>,
    others: Vec<u64>,
    frequent: Vec<u64>,
    /// How many allocations are frequent.
    frequent_allocations: u64,
    /// Some of their names, those with the most starts first.
    names: Vec<AllocationName>,
    omitted: u64,
}

impl Counted {
    /// The forecast of some minutes, with or without the frequent allocations.
    fn forecast(&self, minutes: usize, with_frequent: bool) -> Forecast {
        let Self { from, omitted, .. } = *self;
        let each = self.others.iter().zip(&self.frequent).take(minutes);
        if with_frequent {
            let starts = each.map(|(others, frequent)| others + frequent).collect();
            return Forecast { from, starts, omitted, frequent: None };
        }
        let starts = each.clone().map(|(others, _)| *others).collect();
        let frequent = (self.frequent_allocations > 0).then(|| Frequent {
            allocations: self.frequent_allocations,
            names: self.names.clone(),
            starts: each.map(|(_, frequent)| frequent).sum(),
        });
        Forecast { from, starts, omitted, frequent }
    }
}

/// What to forecast.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ForecastQuery {
    /// The number of minutes; by default a day.
    #[serde(default, deserialize_with = "query::number::<_, _, 1, 1440>")]
    #[param(minimum = 1, maximum = 1440)]
    minutes: Option<usize>,
    /// False to omit allocations that start more often than every five minutes, which hide all others.
    #[serde(default, deserialize_with = "query::flag")]
    frequent: Option<bool>,
}

/// `GET /-/forecast`: the number of starts in each of the coming minutes, without suspended allocations.
#[utoipa::path(
    get, path = "/-/forecast", operation_id = "forecast", tag = "specifications",
    params(ForecastQuery),
    responses(
        (status = 200, description = "A number for each minute", body = Forecast),
        Asked, Usual,
    ),
)]
pub(super) async fn get(
    allocations: Data<Allocations>,
    forecasts: Data<Forecasts>,
    Query(ForecastQuery { minutes, frequent }): Query<ForecastQuery>,
) -> Result<HttpResponse, ApiError> {
    let counted = current(&allocations, &forecasts).await?;
    let forecast = counted.forecast(minutes.unwrap_or(DAY), frequent.unwrap_or(true));
    Ok(HttpResponse::Ok().content_type(JSON).json(forecast))
}

async fn current(
    allocations: &Allocations,
    forecasts: &Forecasts,
) -> Result<Arc<Counted>, ApiError> {
    let now = allocations.clock.now();
    let minute = TimeDelta::minutes(1);
    // From the next full minute: one forecast then serves all requests of a minute.
    let from = now.duration_trunc(minute).map_err(ApiError::internal)? + minute;
    let mut held = forecasts.0.lock().await;
    if let Some(counted) = held.as_ref().filter(|counted| counted.from == from) {
        return Ok(Arc::clone(counted));
    }
    let pause = allocations.store.pause();
    let mut series = HashMap::new();
    let mut after = None;
    loop {
        let chunk = allocations.store.statuses(after, CHUNK);
        let Some(last) = chunk.last() else { break };
        after = Some(last.position);
        for status in &chunk {
            if let Some(key) = Key::of(status, pause.as_deref(), from, allocations.zone) {
                series.entry(key).or_insert_with(|| Alike::of(&status.allocation)).add(status);
            }
        }
    }
    let zone = allocations.zone;
    // Takes up to seconds, in which this thread must serve other requests.
    let counted = web::block(move || count(&series, from, zone)).await;
    let counted = Arc::new(counted.map_err(ApiError::internal)?);
    *held = Some(Arc::clone(&counted));
    Ok(counted)
}

/// Allocations with the same instants.
struct Alike {
    allocation: Arc<Allocation>,
    count: u64,
    names: Vec<AllocationName>,
}

impl Alike {
    fn of(allocation: &Arc<Allocation>) -> Self {
        Self { allocation: Arc::clone(allocation), count: 0, names: Vec::new() }
    }

    fn add(&mut self, status: &AllocationStatus) {
        self.count += 1;
        // No response shows more, whichever of the schedules are the busiest.
        if self.names.len() < MOST_NAMES {
            self.names.push(status.allocation.name().clone());
        }
    }
}

/// What the instants of a day depend on. Allocations with the same key are computed once.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    schedule: Box<str>,
    zone: &'static str,
    /// For a schedule that counts from a moment.
    anchor: Option<DateTime<Utc>>,
    not_before: Option<DateTime<Utc>>,
    not_after: Option<DateTime<Utc>>,
    /// The moment after which instants count.
    after: DateTime<Utc>,
}

impl Key {
    /// `None` if no scheduled run starts.
    fn of(
        status: &AllocationStatus,
        pause: Option<&Suspension>,
        from: DateTime<Utc>,
        zone: Zone,
    ) -> Option<Self> {
        let AllocationStatus { allocation, decided, suspension, .. } = status;
        let schedule = allocation.specification.schedule()?;
        let policies = &allocation.specification.policies;
        if schedule.kind() == Kind::Empty {
            return None;
        }
        // Instants after a moment are searched, and one at the moment itself counts.
        let before = |moment: DateTime<Utc>| moment - TimeDelta::seconds(1);
        let after = before(from).max(decided.unwrap_or_default());
        let suspensions = Suspensions { allocation: suspension.as_deref(), server: pause };
        let after = missed_instants::starts_after(allocation, suspensions, after, from)?;
        Some(Self {
            schedule: schedule.text().into(),
            zone: allocation.zone(zone).name(),
            // Calendar schedules of all allocations are alike, whenever these were created.
            anchor: (schedule.kind() != Kind::Calendar).then(|| allocation.anchor(schedule)),
            not_before: policies.not_before.map(|bound| bound.to_utc()),
            not_after: policies.not_after.map(|bound| bound.to_utc()),
            after,
        })
    }
}

fn count(series: &HashMap<Key, Alike>, from: DateTime<Utc>, zone: Zone) -> Counted {
    let (mut others, mut frequent) = (vec![0; DAY], vec![0; DAY]);
    let (mut computed, mut omitted, mut frequent_allocations) = (0, 0, 0);
    let mut busiest = Vec::new();
    for (key, alike) in series {
        // Counted as omitted, so that the response does not look complete.
        if computed >= MAX_INSTANTS {
            omitted += alike.count;
            continue;
        }
        let minutes = minutes(&alike.allocation, key.after, from, zone);
        computed += minutes.len();
        let starts = if minutes.len() > FREQUENT { &mut frequent } else { &mut others };
        for minute in &minutes {
            if let Some(slot) = starts.get_mut(*minute) {
                *slot += alike.count;
            }
        }
        if minutes.len() > FREQUENT {
            frequent_allocations += alike.count;
            busiest.extend(alike.names.iter().map(|name| (Reverse(minutes.len()), name)));
        }
    }
    busiest.sort_unstable();
    let names = busiest.into_iter().take(MOST_NAMES).map(|(_, name)| name.clone()).collect();
    Counted { from, others, frequent, frequent_allocations, names, omitted }
}

/// The minute of each instant of a day.
fn minutes(
    allocation: &Allocation,
    after: DateTime<Utc>,
    from: DateTime<Utc>,
    zone: Zone,
) -> Vec<usize> {
    let instants = iter::successors(allocation.next(after, zone), |at| allocation.next(*at, zone));
    let minute = |instant: DateTime<Utc>| usize::try_from((instant - from).num_minutes()).ok();
    instants.map_while(minute).take_while(|minute| *minute < DAY).collect()
}

#[cfg(test)]
mod tests {
    use docket_model::{AllocationName, wire::Forecast};

    use super::super::tests::{api, get, post, post_to};
    use crate::config::Access;

    async fn forecast(api: &super::super::Api, path: &str) -> Forecast {
        let response = get(api, path).await;
        serde_json::from_str(response.split_once("\n\n").unwrap().1).unwrap()
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
    async fn frequent_allocations_are_left_out_on_request_and_named() {
        let api = api(Access::default());
        for (name, cron) in [
            ("hourly", "5 * * * *"),
            ("every-5-minutes", "*/5 * * * *"),
            ("every-4-minutes", "*/4 * * * *"),
            ("every-10-seconds", "*/10 * * * * * *"),
            ("every-10-seconds-too", "*/10 * * * * * *"),
        ] {
            post(&api, &specification(name, cron)).await;
        }

        let few = forecast(&api, "/-/forecast?minutes=6&frequent=false").await;
        let all = forecast(&api, "/-/forecast?minutes=6").await;
        let day = forecast(&api, "/-/forecast?frequent=false").await;

        let frequent = few.frequent.unwrap();
        let names: Vec<_> = frequent.names.iter().map(AllocationName::as_str).collect();
        assert_eq!(few.starts, [0, 0, 0, 0, 2, 0]);
        assert_eq!(names, ["every-10-seconds", "every-10-seconds-too", "every-4-minutes"]);
        assert_eq!((frequent.allocations, frequent.starts), (3, 6 * 12 + 1));
        assert_eq!(all.starts, [12, 12, 12, 13, 14, 12]);
        assert_eq!(all.frequent, None);
        assert_eq!(day.starts.iter().sum::<u64>(), 24 + 288);
    }

    #[tokio::test(start_paused = true)]
    async fn a_forecast_is_kept_for_its_minute() {
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
