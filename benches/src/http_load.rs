//! A load of HTTP requests over kept-alive connections.
//!
//! It writes bytes made before and reads of each answer only its status and its end, so that its
//! share of the processor stays small beside the server's: 9 µs an answer where wrk takes 12.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, thread, time::Duration};

use anyhow::{Context, Result, anyhow, ensure};
use docket_stub_engine::http_framing::Message;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    runtime::Builder,
    task::JoinSet,
    time::Instant,
};

use crate::{statistics::number, wait::not_interrupted};

/// What is sent before counting begins, while connections and caches are still cold.
const WARM_UP: Duration = Duration::from_millis(300);

/// With fewer, a fast server could be idle while the load is not.
const THREADS: usize = 2;

// Larger than most answers, so that one read usually has a whole one.
const READ: usize = 64 * 1024;

/// Where the load goes.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// The requests that one connection sends, again from the first after the last.
pub(crate) type Requests = Arc<[Vec<u8>]>;

/// Sends requests for this duration, each list over a connection of its own; returns answers a second.
///
/// # Errors
/// Where a connection breaks, or an answer is not a success.
pub(crate) fn drive(target: &Target, connections: &[Requests], time: Duration) -> Result<f64> {
    not_interrupted()?;
    // `chunks` does not accept a size of 0.
    let share = connections.len().div_ceil(THREADS).max(1);
    let answered = thread::scope(|scope| {
        let threads: Vec<_> = connections
            .chunks(share)
            .map(|connections| scope.spawn(|| drive_some(target, connections, time)))
            .collect();
        threads.into_iter().try_fold(0, |answered, thread| {
            let share = thread.join().map_err(|_| anyhow!("a thread of the load panicked"))?;
            anyhow::Ok(answered + share?)
        })
    })?;
    Ok(number(answered) / time.as_secs_f64())
}

fn drive_some(target: &Target, connections: &[Requests], time: Duration) -> Result<usize> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // One beginning and one end for all connections of a thread, so that each is counted for
        // the same time.
        let begin = Instant::now() + WARM_UP;
        let mut tasks = JoinSet::new();
        for requests in connections {
            tasks.spawn(connect(target.clone(), Arc::clone(requests), begin, begin + time));
        }
        let mut answered = 0;
        while let Some(task) = tasks.join_next().await {
            answered += task??;
        }
        Ok(answered)
    })
}

async fn connect(
    target: Target,
    requests: Requests,
    begin: Instant,
    end: Instant,
) -> Result<usize> {
    match target {
        Target::Tcp(address) => send(open(address).await?, &requests, begin, end).await,
        Target::Unix(path) => send(UnixStream::connect(path).await?, &requests, begin, end).await,
    }
}

async fn open(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // Nagle's algorithm could hold back the end of a request that does not fit into one packet.
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn send(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    requests: &[Vec<u8>],
    begin: Instant,
    end: Instant,
) -> Result<usize> {
    let mut received = Vec::with_capacity(READ);
    let mut answered = 0;
    for request in requests.iter().cycle() {
        stream.write_all(request).await?;
        answer(&mut stream, &mut received).await?;
        let now = Instant::now();
        if now >= end {
            break;
        }
        // An answer counts by its arrival, so the ones of the warm-up do not.
        answered += usize::from(now >= begin);
    }
    Ok(answered)
}

/// Sends each request once, each list over a connection of its own.
///
/// # Errors
/// As for [`drive`].
pub(crate) fn send_once(address: SocketAddr, connections: &[Requests]) -> Result<()> {
    not_interrupted()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for requests in connections {
            let requests = Arc::clone(requests);
            tasks.spawn(async move {
                let (mut stream, mut received) = (open(address).await?, Vec::new());
                for request in requests.iter() {
                    stream.write_all(request).await?;
                    answer(&mut stream, &mut received).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(task) = tasks.join_next().await {
            task??;
        }
        Ok(())
    })
}

async fn answer(stream: &mut (impl AsyncRead + Unpin), received: &mut Vec<u8>) -> Result<()> {
    loop {
        let read = stream.read_buf(received).await?;
        ensure!(read > 0, "the server closed a connection that was to be kept");
        let Some(message) = Message::read(received)? else { continue };
        let status = message.status().context("an answer has no status")?;
        ensure!((200..300).contains(&status), "the server answered `{}`", message.start_line);
        // One request at a time is under way on a connection, so nothing of a next answer can be in
        // the buffer.
        received.clear();
        return Ok(());
    }
}
