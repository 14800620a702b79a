//! What a container writes, while it writes it.

use docket_model::output::Stream as Output;
use docket_server::engine::{
    Chunk, Condition, EngineError, Follow, Grace, Handle, LogCursor, Stop,
};
use futures_util::{Stream, StreamExt, TryStreamExt};
use serde_json::json;

use super::{PLENTY, Subject};

/// What is handed out behind so many bytes, as it comes.
fn live(
    subject: &Subject,
    handle: &Handle,
    skip: u64,
) -> impl Stream<Item = Result<Chunk, EngineError>> + Unpin {
    let log = subject.engine.logs(handle, LogCursor::behind(skip), Follow::ToEnd);
    log.map(|item| item.map(|(_, chunk)| chunk))
}

/// All that is handed out, to the end.
async fn all(subject: &Subject, handle: &Handle, skip: u64) -> Result<Vec<u8>, EngineError> {
    Ok(bytes(&live(subject, handle, skip).try_collect::<Vec<_>>().await?))
}

/// The bytes of both streams.
pub(crate) fn bytes(chunks: &[Chunk]) -> Vec<u8> {
    chunks.iter().flat_map(|chunk| chunk.bytes.to_vec()).collect()
}

pub(crate) async fn the_streams_of_an_output_are_kept_apart(subject: &Subject) {
    let script = "echo out; sleep 0.2; echo oh >&2; sleep 0.2; echo end";
    let made = subject.begin(&subject.script("streams", script)).await;

    let live: Vec<_> = live(subject, &made.handle, 0).try_collect().await.unwrap();
    let output = subject.engine.read_log(&made.handle, PLENTY).await.unwrap().output;

    let of = |stream| {
        let chunks = live.iter().filter(|chunk| chunk.stream == stream);
        chunks.flat_map(|chunk| chunk.bytes.to_vec()).collect::<Vec<u8>>()
    };
    assert_eq!(of(Output::Out), b"out\nend\n");
    assert_eq!(of(Output::Error), b"oh\n");
    let streams = output.streams();
    let expected = [(Output::Out, Some(4)), (Output::Error, Some(7)), (Output::Out, None)];
    assert_eq!([0, 4, 7].map(|position| streams.at(position)), expected);
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn what_a_container_writes_is_handed_out_while_it_runs(subject: &Subject) {
    let script = "echo first; trap 'echo last; exit' TERM; while :; do sleep 0.05; done";
    let made = subject.begin(&subject.script("live", script)).await;
    let mut live = live(subject, &made.handle, 0);

    assert_eq!(live.next().await.unwrap().unwrap().bytes, "first\n");
    subject.engine.stop(&made.handle, Stop::Gently(Grace::of(Some(1)))).await.unwrap();

    let rest: Vec<_> = live.try_collect().await.unwrap();
    assert_eq!(bytes(&rest), b"last\n");
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn live_output_has_each_byte_in_the_order_of_the_output(subject: &Subject) {
    let script = "seq 1 100000; echo between >&2; seq 1 100000";
    let made = subject.begin(&subject.script("live-bytes", script)).await;

    let live = all(subject, &made.handle, 0).await.unwrap();

    // How the engine mixes the two streams is its own affair.
    let output = subject.engine.read_log(&made.handle, PLENTY).await.unwrap().output.to_bytes();
    assert!(live == output, "{} {}", live.len(), output.len());
    let written: usize = (1..=100_000).map(|number: u32| format!("{number}\n").len()).sum();
    assert_eq!(live.len(), 2 * written + "between\n".len());
    let (_, rest) = live.split_at(live.len() - 9);
    let skip = u64::try_from(live.len() - rest.len()).unwrap();
    assert_eq!(all(subject, &made.handle, skip).await.unwrap(), rest);
    assert_eq!(all(subject, &made.handle, 1 << 40).await.unwrap(), b"");
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn a_terminals_live_output_is_as_it_was_written(subject: &Subject) {
    let script = "printf '\\1\\2\\0 first'; sleep 0.2; printf '\\2second\\n'";
    let config = json!({"Config": {"Tty": true, "Cmd": ["sh", "-c", script]}});
    let made = subject.begin(&subject.plan("live-terminal", config)).await;

    let live = all(subject, &made.handle, 0).await.unwrap();

    assert_eq!(live, b"\x01\x02\x00 first\x02second\r\n");
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn live_output_waits_for_a_container_to_be_started(subject: &Subject) {
    let made = subject.engine.prepare(&subject.script("live-early", "echo late")).await.unwrap();
    let started = subject.engine.launch(&made.handle);

    let (live, started) = tokio::join!(all(subject, &made.handle, 0), started);

    started.unwrap();
    assert_eq!(live.unwrap(), b"late\n");
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn live_output_of_what_is_gone_says_so(subject: &Subject) {
    let made = subject.begin(&subject.script("live-gone", "true")).await;
    subject.follow(&made.handle).await.unwrap();
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();

    assert_eq!(all(subject, &made.handle, 0).await, Err(EngineError::Gone));
}

pub(crate) async fn live_output_of_what_cannot_be_started_says_so(subject: &Subject) {
    let plan = subject.plan("live-never", json!({"Config": {"Cmd": ["/no/such"]}}));
    let made = subject.engine.prepare(&plan).await.unwrap();
    subject.engine.launch(&made.handle).await.unwrap_err();

    let failure = all(subject, &made.handle, 0).await.unwrap_err();

    assert!(matches!(failure, EngineError::NotStartable(_)), "{failure:?}");
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}
