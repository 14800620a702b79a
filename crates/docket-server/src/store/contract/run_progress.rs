//! What is learnt of runs under way, and how they end.

use std::sync::Arc;

use async_trait::async_trait;
use docket_model::{
    Origin, Output,
    output::{Excerpt, PIECE, Stream},
    run::{Cancellation, ContainerId, Reason, RunState, StateWord, Step},
};

use super::{
    super::{
        ClaimOutcome, End, MemoryBackend, Progress, Store, StoreError,
        backend::{Backend, Batch, CommitError, Key, ReadError, Record, Revision, Term},
        hooked_backend::Hooks,
    },
    carry_out, claim, created, end, failed, finish, get, instant, moment, note, push, push_a,
    record, run,
};

/// What an attempt at the run of the first minute wrote.
async fn output(store: &Store, attempt: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut from = 0;
    loop {
        let piece = store.output("a", instant(60), attempt.into(), from).await.unwrap().unwrap();
        assert!(piece.bytes.len() <= PIECE);
        if piece.is_empty() {
            return bytes;
        }
        from = piece.end;
        bytes.extend(piece.into_bytes());
    }
}

pub(in crate::store) async fn a_run_is_recorded_from_claim_to_end(store: &Store) {
    push_a(store).await;
    let id = claim(store, "a", 60).await.id;

    note(store, &id, created("c0ffee"), moment(61)).await.unwrap();
    note(store, &id, Progress::Started, moment(62)).await.unwrap();
    let while_running = store.run("a", id.instant).await.unwrap().unwrap();
    finish(store, &id, end(failed(3), 3, "oh")).await.unwrap();

    assert_eq!(while_running.state, RunState::Running);
    let over = store.run("a", id.instant).await.unwrap().unwrap();
    let attempt = over.attempt().unwrap();
    assert_eq!(over.state, failed(3));
    assert_eq!(over.ended_at, Some(moment(10)));
    assert_eq!(attempt.container, Some(ContainerId("c0ffee".into())));
    assert_eq!(attempt.image.as_deref(), Some("sha256:1"));
    assert_eq!(attempt.exit.as_ref().unwrap().code, Some(3));
    assert_eq!(attempt.output.as_ref().unwrap().written(), 2);
    assert_eq!(output(store, 1).await, b"oh");
    assert_eq!(get(store, "a").await.status.runs.under_way(), 0);
}

pub(in crate::store) async fn each_replacement_has_a_remark_and_a_refused_name_one(store: &Store) {
    push_a(store).await;
    let id = claim(store, "a", 60).await.id;
    let refused = || Progress::HoldRefused { remark: "no quota".to_owned() };
    let replacing = || Progress::Replacing { remark: "anew".to_owned() };

    for (second, progress) in (61..).zip([replacing(), refused(), replacing(), refused()]) {
        note(store, &id, progress, moment(second)).await.unwrap();
    }

    let run = store.run("a", id.instant).await.unwrap().unwrap();
    assert_eq!(run.attempt().unwrap().remarks, ["anew", "no quota", "anew"]);
}

pub(in crate::store) async fn a_run_that_waits_for_a_node_has_the_latest_reason(store: &Store) {
    push_a(store).await;
    let id = claim(store, "a", 60).await.id;
    note(store, &id, created("c0ffee"), moment(61)).await.unwrap();

    for reason in ["no node on 4 nodes", "no node on 5 nodes"] {
        let waiting = Progress::Waiting { reason: reason.to_owned() };
        note(store, &id, waiting, moment(62)).await.unwrap();
    }

    let attempt = record(store, "a", 60).await.attempts.pop().unwrap();
    let latest = "it waited for a node: no node on 5 nodes".to_owned();
    assert_eq!(
        attempt.remarks.iter().filter(|it| it.contains("no node")).collect::<Vec<_>>(),
        [&latest]
    );
}

pub(in crate::store) async fn a_run_whose_node_is_away_says_from_when_until_when(store: &Store) {
    push_a(store).await;
    let id = claim(store, "a", 60).await.id;
    note(store, &id, created("c0ffee"), moment(61)).await.unwrap();
    let mut seen = Vec::new();

    for (second, is_away) in [(70, true), (75, true), (80, false), (90, true)] {
        let node_away = Progress::NodeAway { node: "n1".into() };
        let progress = if is_away { node_away } else { Progress::NodeBack };
        note(store, &id, progress, moment(second)).await.unwrap();
        seen.push(record(store, "a", 60).await.attempts.pop().unwrap().remarks);
    }
    finish(store, &id, end(RunState::Succeeded, 0, "")).await.unwrap();

    let at = |second| moment(second).format("%FT%TZ").to_string();
    let away = |from| format!("its node `n1` is out of reach since {}", at(from));
    let back = |from, to| format!("its node `n1` was out of reach from {} to {}", at(from), at(to));
    assert_eq!(seen[0], [away(70)]);
    assert_eq!(seen[1], [away(70)]);
    assert_eq!(seen[2], [back(70, 80)]);
    assert_eq!(seen[3], [back(70, 80), away(90)]);
    let remarks = record(store, "a", 60).await.attempts.pop().unwrap().remarks;
    let last = format!("its node `n1` was out of reach from {} to ", at(90));
    assert!(remarks.len() == 2 && remarks[1].starts_with(&last), "{remarks:?}");
}

pub(in crate::store) async fn a_run_keeps_all_its_attempts(store: &Store) {
    push_a(store).await;
    let id = claim(store, "a", 60).await.id;
    let pause = RunState::Retrying { reason: Reason::ExitCode { exit_code: 3 }, until: moment(90) };

    note(store, &id, created("first"), moment(61)).await.unwrap();
    finish(store, &id, end(pause.clone(), 3, "oh")).await.unwrap();
    let between = record(store, "a", 60).await;
    let running = get(store, "a").await.status.runs.under_way();
    note(store, &id, Progress::NextAttempt, moment(90)).await.unwrap();
    note(store, &id, created("second"), moment(91)).await.unwrap();
    finish(store, &id, end(RunState::Succeeded, 0, "fine")).await.unwrap();

    assert_eq!((between.state, between.ended_at, running), (pause, None, 1));
    let over = record(store, "a", 60).await;
    assert_eq!(over.state, RunState::Succeeded);
    let attempts = over.attempts.iter().map(|attempt| {
        let container = attempt.container.as_ref().unwrap().to_string();
        (attempt.key.number, container, attempt.output.as_ref().unwrap().written())
    });
    let expected = [(1, "first".to_owned(), 2), (2, "second".to_owned(), 4)];
    assert_eq!(attempts.collect::<Vec<_>>(), expected);
    assert_eq!(output(store, 1).await, b"oh");
    assert_eq!(output(store, 2).await, b"fine");
    assert_eq!(store.output("a", instant(60), 3.into(), 0).await, Ok(None));
    assert_eq!(store.output("a", instant(120), 1.into(), 0).await, Ok(None));
    assert_eq!(store.output("b", instant(60), 1.into(), 0).await, Ok(None));
    let listed = &get(store, "a").await.recent[0];
    let written = listed.attempts.iter().map(|attempt| attempt.output.as_ref().unwrap().written());
    assert_eq!(written.collect::<Vec<_>>(), [2, 4]);
}

pub(in crate::store) async fn whatever_happens_to_a_run_is_kept(store: &Store) {
    push_a(store).await;
    let waiting = run(store, "a", 60, RunState::Waiting).await;
    let id = waiting.id.clone();
    assert_eq!(store.claim(waiting).await, Ok(ClaimOutcome::New));
    let cancellation = Cancellation { reason: Reason::text("ann: enough"), kill: true };
    let pulled = |stale: Option<&str>| Progress::Pulled {
        repository: "busybox".to_owned(),
        tag: "latest".to_owned(),
        stale: stale.map(str::to_owned),
    };

    let mut states = Vec::new();
    for (second, progress) in [
        Progress::TurnCame,
        pulled(None),
        pulled(Some("no network")),
        created("c0ffee"),
        Progress::Started,
        Progress::Cancelling(cancellation.clone()),
        Progress::WillNotDie(Reason::text("it is stuck")),
    ]
    .into_iter()
    .enumerate()
    {
        let at = moment(61 + i64::try_from(second).unwrap());
        note(store, &id, progress, at).await.unwrap();
        states.push(record(store, "a", 60).await.state.word());
    }

    assert_eq!(
        states,
        ["starting", "starting", "starting", "starting", "running", "running", "stuck"]
    );
    let now = record(store, "a", 60).await;
    assert_eq!(now.cancellation.as_deref(), Some(&cancellation));
    let attempt = now.attempt().unwrap();
    assert_eq!(attempt.remarks, ["the image could not be pulled: no network"]);
    assert_eq!(attempt.engine.as_deref(), Some("engine"));
    assert_eq!(attempt.started_at, Some(moment(65)));
    let steps = [
        (moment(62), Step::Pulled { repository: "busybox".into(), tag: "latest".into() }),
        (moment(63), Step::NotPulled { reason: "no network".into() }),
        (moment(64), Step::Created),
        (moment(65), Step::Started),
        (moment(67), Step::Error(Box::new(Reason::text("it is stuck")))),
    ];
    assert_eq!(attempt.steps, steps);
    assert_eq!(store.under_way().await.unwrap()[0].run.as_ref(), &now);
}

pub(in crate::store) async fn nothing_is_added_to_a_run_that_is_over_or_unknown(store: &Store) {
    push_a(store).await;
    let over = carry_out(store, "a", 60, RunState::Succeeded).await.id;
    let unknown = run(store, "a", 120, RunState::Starting).await.id;
    let before = record(store, "a", 60).await;

    let is_over = StoreError::RunIsOver { id: over.clone(), state: StateWord::Succeeded };
    for progress in [Progress::Started, Progress::NextAttempt] {
        let to_over = note(store, &over, progress.clone(), moment(70)).await;
        let to_unknown = note(store, &unknown, progress, moment(70)).await;
        assert_eq!(to_over, Err(is_over.clone()));
        assert_eq!(to_unknown, Err(StoreError::NoSuchRun(unknown.clone())));
    }
    let again = finish(store, &over, end(failed(1), 1, "")).await;

    assert_eq!(again, Err(is_over));
    assert_eq!(record(store, "a", 60).await, before);
}

pub(in crate::store) async fn a_lost_run_may_be_found_again(store: &Store) {
    push_a(store).await;
    let lost = RunState::Lost(Reason::text("its container is out of reach"));
    let mut ids = Vec::new();
    for second in [60, 120] {
        let id = claim(store, "a", second).await.id;
        note(store, &id, created("c0ffee"), moment(second)).await.unwrap();
        let end = End { exit: None, output: None, ..end(lost.clone(), 0, "") };
        finish(store, &id, end).await.unwrap();
        ids.push(id);
    }
    let pause =
        RunState::Retrying { reason: Reason::ExitCode { exit_code: 3 }, until: moment(900) };

    finish(store, &ids[0], end(RunState::Succeeded, 0, "here")).await.unwrap();
    finish(store, &ids[1], end(pause.clone(), 3, "")).await.unwrap();

    let found = record(store, "a", 60).await;
    let ended_at = found.attempts[0].ended_at();
    assert_eq!((found.state, found.ended_at), (RunState::Succeeded, ended_at));
    assert_eq!(output(store, 1).await, b"here");
    let status = get(store, "a").await.status;
    assert_eq!((status.runs.under_way(), status.succeeded), (1, Some(instant(60))));
    let under_way = store.under_way().await.unwrap();
    assert_eq!((under_way.len(), &under_way[0].run.state), (1, &pause));
}

pub(in crate::store) async fn what_is_under_way_keeps_its_specification(store: &Store) {
    push(store, Origin::Api, &[("b", "* * * * *"), ("a", "* * * * *")]).await;
    let claimed_with = get(store, "a").await.status.allocation;
    let later = claim(store, "a", 120).await.id;
    let earlier = claim(store, "b", 60).await.id;

    push(store, Origin::Api, &[("a", "0 0 * * *")]).await;
    note(store, &later, created("c0ffee"), moment(121)).await.unwrap();

    let under_way = store.under_way().await.unwrap();
    let ids: Vec<_> = under_way.iter().map(|under_way| &under_way.run.id).collect();
    assert_eq!(ids, [&earlier, &later]);
    assert_eq!(under_way[1].allocation, claimed_with);
    assert!(under_way[1].run.had_container());
}

pub(in crate::store) async fn the_greatest_success_is_remembered(store: &Store) {
    push_a(store).await;
    let ids = [claim(store, "a", 60).await.id, claim(store, "a", 120).await.id];
    carry_out(store, "a", 180, failed(1)).await;

    for id in ids.iter().rev() {
        finish(store, id, end(RunState::Succeeded, 0, "")).await.unwrap();
    }

    assert_eq!(get(store, "a").await.status.succeeded, Some(instant(120)));
}

pub(in crate::store) async fn what_is_known_of_an_output_is_not_lost_with_its_container(
    store: &Store,
) {
    push_a(store).await;
    let id = claim(store, "a", 60).await.id;
    let lost = RunState::Lost(Reason::text("its container is out of reach"));

    finish(store, &id, end(lost, 0, "so far")).await.unwrap();
    let found = End { output: None, ..end(RunState::Succeeded, 0, "") };
    finish(store, &id, found).await.unwrap();

    assert_eq!(output(store, 1).await, b"so far");
}

pub(in crate::store) async fn an_output_of_many_pieces_is_read_from_any_position(store: &Store) {
    push_a(store).await;
    let id = claim(store, "a", 60).await.id;
    note(store, &id, created("c0ffee"), moment(61)).await.unwrap();
    let text: Vec<u8> =
        (0..5 * PIECE + 3).map(|number| u8::try_from(number % 251).unwrap()).collect();
    let mut wrote = Output::bounded(4 * PIECE + 1);
    for (line, second) in text.chunks(1000).zip(1..) {
        wrote.note_time(moment(second));
        wrote.push_to(if second % 2 == 0 { Stream::Out } else { Stream::Error }, line);
    }
    // The engine did not have the first bytes any more.
    let wrote = Arc::new(wrote.behind_missing(9));

    let over = End { output: Some(Arc::clone(&wrote)), ..end(RunState::Succeeded, 0, "") };
    finish(store, &id, over).await.unwrap();

    assert!(output(store, 1).await == wrote.to_bytes());
    let kept = [0, 1, 2 * PIECE - 1, 2 * PIECE, 3 * PIECE + 1, 3 * PIECE + 2, 4 * PIECE + 7];
    for from in kept.map(|from| from as u64) {
        let piece = store.output("a", instant(60), 1.into(), from).await.unwrap().unwrap();
        let most = piece.bytes.len();
        let Excerpt { omitted, bytes, end, .. } = wrote.excerpt(from, most);
        assert!((omitted, &bytes, end) == (piece.omitted, &piece.bytes, piece.end), "{from}");
        let begin = end - most as u64;
        for at in 0..most as u64 {
            // Each line has a time of its own, and the first byte was the tenth that was written.
            let second = i64::try_from((begin + at - 9) / 1000 + 1).unwrap();
            assert_eq!(piece.times.at(at), Some(moment(second)), "{from}, {at}");
            let (stream, expected) = (piece.streams.at(at).0, wrote.streams().at(begin + at).0);
            assert_eq!(stream, expected, "{from}, {at}");
        }
    }
    let end = store.output("a", instant(60), 1.into(), wrote.written()).await.unwrap().unwrap();
    assert!(end.is_empty());
}

/// A backend that has lost the pieces of all outputs.
#[derive(Debug)]
struct Lossy(MemoryBackend);

#[async_trait]
impl Hooks for Lossy {
    fn backend(&self) -> &dyn Backend {
        &self.0
    }

    async fn commits(&self, batch: Arc<Batch>, term: Term) -> Result<Revision, CommitError> {
        self.0.commit(batch, term).await
    }

    async fn reads(&self, keys: Vec<Key>) -> Result<Vec<Option<(Revision, Record)>>, ReadError> {
        let is_lost = |record: &Record| matches!(record, Record::Piece(_));
        let read = self.0.read(keys).await?.into_iter();
        Ok(read.map(|read| read.filter(|(_, record)| !is_lost(record))).collect())
    }
}

#[tokio::test]
async fn an_output_whose_record_is_there_and_whose_bytes_are_not_cannot_be_read() {
    let store = Store::open(Arc::new(Lossy(MemoryBackend::new(usize::MAX)))).await.unwrap();
    push_a(&store).await;
    carry_out(&store, "a", 60, RunState::Succeeded).await;

    let lost = store.output("a", instant(60), 1.into(), 0).await;
    let end = store.output("a", instant(60), 1.into(), 1).await;

    assert!(matches!(lost, Err(StoreError::Unreadable(_))), "{lost:?}");
    assert!(end.unwrap().unwrap().is_empty());
}
