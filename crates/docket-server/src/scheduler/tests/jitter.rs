//! `Jitter`: starts that are spread.

use serde_json::json;

use super::harness::{House, MINUTE, SECOND};

#[tokio::test(start_paused = true)]
async fn a_start_is_put_off_by_the_same_time_also_across_a_restart() {
    let mut late = Vec::new();
    for restart in [false, true] {
        let mut house = House::open().await;
        house.push_with("a", "busybox", json!({"Cron": "0 10 * * *", "Jitter": "50m"})).await;
        house.until("10:00:01").await;
        assert_eq!(house.seen("a").len(), 0);
        if restart {
            house = house.die().open().await;
        }
        house.until("10:59:00").await;

        let seen = house.seen("a").remove(0);
        assert_eq!(house.summaries("a").await, ["10:00:00 succeeded"]);
        late.push(seen.created_at - seen.identity.instant.moment());
    }
    assert_eq!(late[0], late[1]);
    assert!(late[0].num_seconds() > 0 && late[0].num_minutes() < 50);
}

#[tokio::test(start_paused = true)]
async fn many_of_one_instant_do_not_start_at_once() {
    let house = House::open().await;
    for number in 0..100 {
        let name = format!("a{number}");
        house.push_with(&name, "busybox", json!({"Cron": "10 9 * * *", "Jitter": "5m"})).await;
    }

    house.until("09:20:00").await;

    let seen = house.engine.seen();
    let minute = |at: chrono::DateTime<chrono::Utc>| at.format("%M").to_string();
    for start in ["10", "11", "12", "13", "14"] {
        let count = seen.iter().filter(|seen| minute(seen.created_at) == start).count();
        assert!((8..=35).contains(&count), "{count} in minute {start}");
    }
    assert_eq!(seen.len(), 100);
    assert!(seen.iter().all(|seen| seen.created_at - seen.identity.instant.moment()
        < chrono::TimeDelta::from_std(5 * MINUTE).unwrap()));
    house.pass(SECOND).await;
}
