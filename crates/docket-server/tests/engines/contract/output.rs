//! What containers write.

use std::time::Duration;

use docket_model::output::Stream;
use docket_server::engine::{
    Chunk, Condition, EngineError, Follow, Grace, Handle, LogCursor, Stop,
};
use futures_util::{StreamExt, TryStreamExt};
use tokio::time::timeout;

use super::{PLENTY, Program, Subject};

const LINES: [(Stream, &str); 3] =
    [(Stream::Out, "first"), (Stream::Error, "second"), (Stream::Out, "third")];
const TEXT: &[u8] = b"first\nsecond\nthird\n";

/// The long output: so many lines with their numbers and these words, a line of so many bytes, and a last one
/// without an end.
pub(crate) const NUMBERED_LINES: usize = 24_000;
pub(crate) const WORDS: &str = "is the number of this line of a long output";
pub(crate) const LONG_LINE: usize = 100_000;
pub(crate) const UNENDED_LINE: &str = "end";
/// An engine that needs longer to run its program and to hand its output out twice hangs.
const LONG_OUTPUT_LIMIT: Duration = Duration::from_secs(600);

/// Output of 1.2 MB.
pub(crate) fn long_output() -> String {
    let mut output = String::new();
    for line in 1..=NUMBERED_LINES {
        output.extend([&*line.to_string(), " ", WORDS, "\n"]);
    }
    output + &"x".repeat(LONG_LINE) + "\n" + UNENDED_LINE
}

/// The bytes of both streams.
pub(crate) fn bytes(chunks: &[(LogCursor, Chunk)]) -> Vec<u8> {
    chunks.iter().flat_map(|(_, chunk)| chunk.bytes.to_vec()).collect()
}

/// What is handed out behind a position.
async fn read(
    subject: &Subject,
    handle: &Handle,
    from: LogCursor,
    follow: Follow,
) -> Result<Vec<(LogCursor, Chunk)>, EngineError> {
    subject.engine.logs(handle, from, follow).try_collect().await
}

pub(crate) async fn the_streams_of_an_output_are_kept_apart(subject: &Subject) {
    let handle = subject.start(&subject.plan("streams", Program::Prints(&LINES, 0))).await.handle;

    let live = read(subject, &handle, LogCursor::default(), Follow::ToEnd).await.unwrap();
    let output = subject.engine.read_log(&handle, PLENTY).await.unwrap().output;

    let of = |stream| {
        let chunks = live.iter().filter(|(_, chunk)| chunk.stream == stream);
        chunks.flat_map(|(_, chunk)| chunk.bytes.to_vec()).collect::<Vec<u8>>()
    };
    assert_eq!(
        (of(Stream::Out), of(Stream::Error)),
        (b"first\nthird\n".into(), b"second\n".into())
    );
    assert_eq!(output.to_bytes(), TEXT);
    let expected = [(Stream::Out, Some(6)), (Stream::Error, Some(13)), (Stream::Out, None)];
    assert_eq!([0, 6, 13].map(|position| output.streams().at(position)), expected);
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn output_is_handed_out_while_the_container_runs(subject: &Subject) {
    let handle = subject.start(&subject.plan("live", Program::EndsWhenAsked)).await.handle;
    let mut live = subject.engine.logs(&handle, LogCursor::default(), Follow::ToEnd);

    assert_eq!(live.next().await.unwrap().unwrap().1.bytes, "up\n");
    let now = read(subject, &handle, LogCursor::default(), Follow::UpToNow).await.unwrap();
    assert_eq!(bytes(&now), b"up\n");
    subject.engine.stop(&handle, Stop::Gently(Grace::of(Some(10)))).await.unwrap();

    let rest: Vec<_> = live.try_collect().await.unwrap();
    assert_eq!(bytes(&rest), b"asked\n");
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn output_is_read_on_from_any_position(subject: &Subject) {
    let handle = subject.start(&subject.plan("resumed", Program::Prints(&LINES, 0))).await.handle;
    let all = read(subject, &handle, LogCursor::default(), Follow::ToEnd).await.unwrap();
    assert_eq!(bytes(&all), TEXT);

    for read_before in 1..=all.len() {
        let (before, after) = all.split_at(read_before);
        let from = before.last().unwrap().0;
        for follow in [Follow::ToEnd, Follow::UpToNow] {
            let rest = read(subject, &handle, from, follow).await.unwrap();
            assert_eq!(bytes(&rest), bytes(after), "{read_before}");
        }
    }
    let within_a_line = LogCursor::behind(9);
    let rest = read(subject, &handle, within_a_line, Follow::ToEnd).await.unwrap();
    assert_eq!(bytes(&rest), b"ond\nthird\n");
    let beyond = LogCursor::behind(1 << 40);
    assert_eq!(read(subject, &handle, beyond, Follow::ToEnd).await, Ok(Vec::new()));
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
    let gone = read(subject, &handle, LogCursor::default(), Follow::ToEnd).await;
    assert_eq!(gone, Err(EngineError::Gone));
}

pub(crate) async fn long_output_is_complete_to_the_byte(subject: &Subject) {
    let expected = long_output();
    let handed_out = async {
        let handle = subject.start(&subject.plan("long", Program::PrintsLong)).await.handle;

        let live = read(subject, &handle, LogCursor::default(), Follow::ToEnd).await.unwrap();
        subject.follow(&handle).await.unwrap();
        let captured = subject.engine.read_log(&handle, PLENTY).await.unwrap();

        subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
        (bytes(&live), captured)
    };
    let (live, captured) = timeout(LONG_OUTPUT_LIMIT, handed_out).await.unwrap();

    // Without the bytes, of which there are too many to print.
    assert!(live == expected.as_bytes(), "{} of {}", live.len(), expected.len());
    let written = captured.output.written();
    assert!(captured.output.to_bytes() == expected.as_bytes(), "{written} of {}", expected.len());
    assert_eq!(captured.remark, None);
}

pub(crate) async fn of_longer_output_head_and_tail_are_kept(subject: &Subject) {
    let handle = subject.start(&subject.plan("cut", Program::Prints(&LINES, 0))).await.handle;
    subject.follow(&handle).await.unwrap();

    let output = subject.engine.read_log(&handle, 10).await.unwrap().output;

    assert_eq!((output.kept(), output.written()), (10, TEXT.len() as u64));
    assert!(output.to_bytes().ends_with(b"ird\n"), "{output:?}");
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn output_up_to_now_of_a_container_that_was_not_started_is_empty(
    subject: &Subject,
) {
    let plan = subject.plan("silent", Program::Prints(&LINES, 0));
    let handle = subject.engine.prepare(&plan).await.unwrap().handle;

    let output = read(subject, &handle, LogCursor::default(), Follow::UpToNow).await;

    assert_eq!(output, Ok(Vec::new()));
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn following_output_waits_for_the_start(subject: &Subject) {
    let plan = subject.plan("early", Program::Prints(&LINES, 0));
    let handle = subject.engine.prepare(&plan).await.unwrap().handle;

    let following = read(subject, &handle, LogCursor::default(), Follow::ToEnd);
    let (output, started) = tokio::join!(following, subject.engine.launch(&handle));

    started.unwrap();
    assert_eq!(bytes(&output.unwrap()), TEXT);
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}
