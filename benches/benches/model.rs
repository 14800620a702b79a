//! Micro-benchmarks of docket-model: the next instant of a schedule, and reading a posted allocation.

use std::error::Error;
use std::hint::black_box;

use chrono::{DateTime, TimeZone, Utc};
use criterion::Criterion;
use docket_model::{
    FieldPath, Specification, StrictJson, Zone,
    container::UnknownOptions,
    schedule::{InvalidSchedule, Schedule},
};

/// Expressions that use different parts of `next`, with a description of each.
const EXPRESSIONS: [(&str, &str); 8] = [
    ("each second", "* * * * * * *"),
    ("working days at nine", "0 9 * * 1-5"),
    ("last Friday of a month", "30 18 * * 5L"),
    ("leap day far away", "0 0 29 2 * 2096"),
    ("date that cannot exist", "0 0 30 2 *"),
    ("year gone by", "0 0 1 1 * 1999"),
    ("interval", "@every 1h30m"),
    ("ISO 8601, a second since 2014", "R/2014-03-08T20:00:00Z/PT1S"),
];

/// An allocation of about 300 bytes, as it is posted.
const POSTED: &str = r#"{"Name":"report","Cron":"0 9 * * 1-5","Container":{"Config":{"Image":"registry.example.com/team/report:1.4","Cmd":["/bin/sh","-c","report --day today"],"Env":["REGION=eu","LEVEL=info"],"Labels":{"team":"billing"}},"HostConfig":{"NetworkMode":"none","Memory":67108864,"Binds":["/srv/report:/data:ro"]}}}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    next(&mut criterion, "next in UTC", Zone::utc())?;
    next(&mut criterion, "next in Berlin", "Europe/Berlin".parse()?)?;
    parse(&mut criterion);
    read(&mut criterion);
    criterion.final_summary();
    Ok(())
}

fn from() -> DateTime<Utc> {
    Utc.timestamp_opt(1_795_251_600, 0).earliest().unwrap_or_default()
}

fn next(criterion: &mut Criterion, name: &str, zone: Zone) -> Result<(), InvalidSchedule> {
    let mut group = criterion.benchmark_group(name);
    for (meaning, expression) in EXPRESSIONS {
        let schedule = Schedule::parse(expression)?;
        group.bench_function(meaning, |bencher| {
            bencher.iter(|| schedule.next(black_box(from()), black_box(from()), zone));
        });
    }
    group.finish();
    Ok(())
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for (meaning, expression) in EXPRESSIONS {
        group.bench_function(meaning, |bencher| {
            bencher.iter(|| Schedule::parse(black_box(expression)));
        });
    }
    group.finish();
}

fn read(criterion: &mut Criterion) {
    criterion.bench_function("read a posted allocation", |bencher| {
        bencher.iter(|| {
            let StrictJson(posted) = serde_json::from_str(black_box(POSTED)).ok()?;
            Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse).ok()
        });
    });
}
