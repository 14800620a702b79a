//! `GET /-/backup`: streams a copy of the store.

use std::{io, time::Duration};

use actix_web::{HttpRequest, HttpResponse, http::Method, web::Data};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, future::ready, stream};
use tokio::{
    fs::{self, File},
    sync::{
        OwnedSemaphorePermit,
        mpsc::{self, error::SendTimeoutError},
    },
};
use tokio_util::io::ReaderStream;
use tracing::warn;

use super::{
    error::ApiError,
    handler_state::Allocations,
    openapi::error_responses::{NotCopied, Usual},
    request_memory::Limits,
};
use crate::store::{self, StoreError};

/// How much of a backup is read at once, in bytes.
const PIECE: usize = 1 << 16;

/// How long a client may read nothing of a backup: the copy takes as much disk space as the store, and
/// only one exists at a time.
const STALL: Duration = Duration::from_secs(60);

/// `GET /-/backup`: a copy of the store, as of one moment.
///
/// The copy is an unlinked file until it is sent. There is one at a time, because it takes as much disk
/// space as the store. A client that reads nothing for a minute is dropped. HEAD makes no copy.
#[utoipa::path(
    get, path = "/-/backup", operation_id = "backup", tag = "server",
    responses(
        (
            status = 200, description = "The copy", body = Vec<u8>,
            content_type = "application/octet-stream",
        ),
        NotCopied, Usual,
    ),
)]
pub(super) async fn backup(
    allocations: Data<Allocations>,
    limits: Data<Limits>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let store = allocations.store.about().file.ok_or(StoreError::NoFile)?;
    let mut answer = HttpResponse::Ok();
    answer.content_type("application/octet-stream");
    if request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    let turn = limits.backup()?;
    // In a task of its own, so that no file is left if the client disconnects.
    let copied = tokio::spawn(async move {
        let path = store::backup_of(&store);
        allocations.store.backup(&path, allocations.clock.now()).await?;
        let opened = File::open(&path).await;
        // Also if it could not be opened. The system frees the space when the file is closed, even
        // if the server is killed before.
        let unnamed = fs::remove_file(&path).await;
        let file = opened.and_then(|file| unnamed.map(|()| file));
        Ok((file.map_err(ApiError::internal)?, turn))
    });
    let copied: Result<_, ApiError> = copied.await.map_err(ApiError::internal)?;
    let (file, turn) = copied?;
    Ok(answer.streaming(sent(ReaderStream::with_capacity(file, PIECE), turn)))
}

/// Streams the copy to the connection. The copy and the permit are dropped at the end, when the connection
/// ends, and when the client reads nothing for too long. A connection that waits for its client does not
/// poll its body, so a task of its own measures the time.
fn sent(
    copy: impl Stream<Item = io::Result<Bytes>> + Send + Unpin + 'static,
    turn: OwnedSemaphorePermit,
) -> impl Stream<Item = io::Result<Bytes>> {
    // One piece is enough: reading is faster than any client, and memory does not grow.
    let (sender, mut receiver) = mpsc::channel(1);
    let sending = tokio::spawn(async move {
        let is_whole = send(copy, sender).await;
        // After the copy, which `send` has dropped: the next backup may need its disk space.
        drop(turn);
        is_whole
    });
    let pieces = stream::poll_fn(move |context| receiver.poll_recv(context));
    // Without an error a truncated response would look complete.
    let end = stream::once(sending).filter_map(|is_whole| {
        let broken = io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading");
        ready((!is_whole.unwrap_or(false)).then_some(Err(broken)))
    });
    pieces.chain(end)
}

/// Sends all pieces; false if the receiver took nothing for too long, or is gone.
async fn send(
    mut copy: impl Stream<Item = io::Result<Bytes>> + Unpin,
    sender: mpsc::Sender<io::Result<Bytes>>,
) -> bool {
    while let Some(piece) = copy.next().await {
        match sender.send_timeout(piece, STALL).await {
            Ok(()) => {}
            Err(SendTimeoutError::Timeout(_)) => {
                let seconds = STALL.as_secs();
                warn!(
                    "the client of a backup has read nothing for {seconds} s; dropping the backup"
                );
                return false;
            }
            Err(SendTimeoutError::Closed(_)) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, sync::Arc};

    use super::{
        super::{
            Api,
            request_memory::Limits,
            tests::{Asking, api},
        },
        *,
    };
    use crate::{
        config::Access,
        runner::StoreAccess,
        store::{Opener, SqliteBackend, Store},
    };

    /// An API whose store is in a file of this folder.
    async fn with_file(folder: &tempfile::TempDir) -> Api {
        let path = folder.path().join("docket.db");
        let backend = SqliteBackend::open(&path, &Opener::for_tests()).unwrap();
        let store = Store::open(Arc::new(backend)).await.unwrap();
        let api = api(Access::default());
        let Allocations { port, clock, zone, .. } = &**api.allocations;
        let allocations = Allocations {
            store: StoreAccess::new(Arc::new(store), clock.clone()),
            port: port.clone(),
            clock: clock.clone(),
            zone: *zone,
        };
        Api { allocations: Data::new(allocations), ..api }
    }

    #[tokio::test]
    async fn a_backup_is_made_alone_and_only_for_whoever_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let api = with_file(&folder).await;
        let under_way = api.limits.backup().unwrap();

        let head = Asking::of(&api).send(Method::HEAD, "/-/backup", "").await;
        let second = Asking::of(&api).send(Method::GET, "/-/backup", "").await;
        drop(under_way);

        assert!(head.starts_with("200 OK"), "{head}");
        assert!(second.starts_with("503 Service Unavailable"), "{second}");
        assert!(second.contains("only one backup can run at a time"), "{second}");
        assert!(api.limits.backup().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_of_a_backup_is_dropped() {
        let limits = Limits::new(0);
        let copy = || stream::iter((0..9).map(|_| Ok(Bytes::from_static(b"copy"))));
        let mut read = pin!(sent(copy(), limits.backup().unwrap()));
        let first = read.next().await;

        tokio::time::sleep(STALL.saturating_sub(Duration::from_secs(1))).await;
        let before = limits.backup().is_err();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let after = limits.backup();
        let rest: Vec<_> = read.collect().await;
        let whole: Vec<_> = sent(copy(), after.unwrap()).collect().await;

        assert_eq!((first.unwrap().unwrap(), before), (Bytes::from_static(b"copy"), true));
        assert!(rest.last().is_some_and(Result::is_err), "{rest:?}");
        assert!(whole.len() == 9 && whole.iter().all(Result::is_ok), "{whole:?}");
    }
}
