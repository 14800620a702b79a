//! How much room runs take in the file.

use std::sync::Arc;

use docket_model::{
    Origin, Output, Run,
    output::Stream,
    run::{ContainerId, Exit, RunState, Trigger},
};
use futures_util::future::join_all;

use super::{number, open, path};
use crate::store::{
    ClaimOutcome, End, Progress, Store,
    contract::{finish, instant, moment, note, push},
};

/// A run with ids as Docker has them, and a line of output.
async fn carry_out(store: &Store, name: &str, second: i64) {
    let at = |millis: i64| moment(second) + chrono::TimeDelta::microseconds(millis * 1000 + 417);
    let allocation = store.status(name).unwrap().allocation;
    let (trigger, state, decided_at) = (Trigger::Schedule, RunState::Starting, at(1));
    let run = Run::decided(&allocation, instant(second), trigger, state, decided_at);
    let run = run.at_places(&[Arc::<str>::from("default").into()]);
    assert_eq!(store.claim(run.clone()).await, Ok(ClaimOutcome::New));
    let image: Arc<str> = format!("sha256:{:064x}", 0x00ab_cdef).into();
    let pulled = Progress::Pulled {
        repository: "docker.io/library/alpine".to_owned(),
        tag: "3.20".to_owned(),
        stale: None,
    };
    note(store, &run.id, pulled, at(350)).await.unwrap();
    let created = Progress::Created {
        version: None,
        container: ContainerId(format!("{second:064x}").into()),
        engine: Some("0b0a7a3a-5d7e-4bc4-8f26-1c2f0f4e8b11".into()),
        image: Some(Arc::clone(&image)),
        remarks: Vec::new(),
    };
    note(store, &run.id, created, at(400)).await.unwrap();
    note(store, &run.id, Progress::Started, at(600)).await.unwrap();
    let exit = Exit {
        code: Some(0),
        image: Some(image),
        started_at: Some(at(590)),
        ended_at: Some(at(12_700)),
        error: None,
        cause: None,
    };
    let mut output = Output::bounded(1 << 20);
    output.push_to(Stream::Out, b"copied 17 files in 12 s\n");
    let (exit, output) = (Some(exit), Some(Arc::new(output)));
    let (state, at) = (RunState::Succeeded, at(12_750));
    let end = End { part: None, state, exit, started_at: None, output, remarks: Vec::new(), at };
    finish(store, &run.id, end).await.unwrap();
}

#[tokio::test]
async fn a_run_with_a_line_of_output_takes_at_most_600_bytes() {
    const ALLOCATIONS: usize = 20;
    const RUNS: i64 = 90;
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(Arc::new(open(&directory).unwrap())).await.unwrap();
    let names: Vec<_> = (0..ALLOCATIONS).map(|number| format!("nightly-{number}")).collect();
    let specifications: Vec<_> = names.iter().map(|name| (name.as_str(), "* * * * *")).collect();
    push(&store, Origin::Api, &specifications).await;
    let size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let before = number(&path(&directory), size);

    for run in 1..=RUNS {
        join_all(names.iter().map(|name| carry_out(&store, name, 60 * run))).await;
    }

    store.close().await;
    let after = number(&path(&directory), size);
    let each = (after - before) / (RUNS * i64::try_from(ALLOCATIONS).unwrap());
    assert!((300..=600).contains(&each), "{each}");
}
