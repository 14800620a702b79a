//! A stub and a client of the real engine, and the calls that most tests make.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    errors::Error,
    models::{ContainerCreateBody, ContainerInspectResponse, ContainerState},
    query_parameters::{
        CreateContainerOptionsBuilder, KillContainerOptionsBuilder, StopContainerOptionsBuilder,
        WaitContainerOptions,
    },
};
use futures_util::TryStreamExt;
use tempfile::TempDir;

use crate::{Faults, Options, Program, Stub};

pub(super) const NAME: &str = "docket.report.20261121T090000Z";

/// Longer than any test takes that does not fail.
pub(super) const LONG: Duration = Duration::from_secs(600);

/// Long enough to see that something does not come, and for a request to arrive on a busy machine.
pub(super) const SHORT: Duration = Duration::from_millis(200);

pub(super) struct Bed {
    pub(super) stub: Stub,
    pub(super) docker: Docker,
    _directory: TempDir,
}

impl Bed {
    pub(super) fn new(options: Options) -> Self {
        let directory = TempDir::new().unwrap();
        let stub = Stub::start(directory.path().join("engine.sock"), options).unwrap();
        let socket = stub.socket().to_str().unwrap();
        let docker = Docker::connect_with_unix(socket, 5, API_DEFAULT_VERSION).unwrap();
        Self { stub, docker, _directory: directory }
    }

    pub(super) fn of(program: Program) -> Self {
        Self::new(Options::of(program))
    }

    pub(super) fn failing(faults: Faults) -> Self {
        Self::new(Options { faults, ..Options::default() })
    }

    pub(super) async fn create(&self, name: &str) -> Result<String, Error> {
        self.create_as(name, ContainerCreateBody::default()).await
    }

    /// Creates a container with two labels, of `busybox` unless the body says otherwise.
    pub(super) async fn create_as(
        &self,
        name: &str,
        mut body: ContainerCreateBody,
    ) -> Result<String, Error> {
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        let labels = [("io.docket.instant", "20261121T090000Z"), ("color", "red")];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
        body.labels.get_or_insert_default().extend(labels);
        body.image.get_or_insert_with(|| "busybox".to_owned());
        let created = self.docker.create_container(Some(options), body).await?;
        Ok(created.id)
    }

    /// Creates a container of the usual name and starts it.
    pub(super) async fn started(&self) -> String {
        let id = self.create(NAME).await.unwrap();
        self.start(&id).await.unwrap();
        id
    }

    pub(super) async fn start(&self, reference: &str) -> Result<(), Error> {
        self.docker.start_container(reference, None).await
    }

    pub(super) async fn wait(&self, reference: &str) -> Result<i64, Error> {
        let answers = self.docker.wait_container(reference, None::<WaitContainerOptions>);
        let codes: Vec<_> = answers.map_ok(|answer| answer.status_code).try_collect().await?;
        Ok(codes[0])
    }

    pub(super) async fn stop(&self, grace: i32) -> Result<(), Error> {
        let options = StopContainerOptionsBuilder::default().t(grace).build();
        self.docker.stop_container(NAME, Some(options)).await
    }

    pub(super) async fn kill(&self, signal: &str) -> Result<(), Error> {
        let options = KillContainerOptionsBuilder::default().signal(signal).build();
        self.docker.kill_container(NAME, Some(options)).await
    }

    pub(super) async fn inspect(&self, reference: &str) -> ContainerInspectResponse {
        self.docker.inspect_container(reference, None).await.unwrap()
    }

    pub(super) async fn state(&self, reference: &str) -> ContainerState {
        self.inspect(reference).await.state.unwrap()
    }

    /// Sends bytes as they are, and returns all that comes until the stub closes the connection.
    pub(super) fn ask(&self, request: &str) -> String {
        let mut stream = UnixStream::connect(self.stub.socket()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// The status and the words of a refusal.
pub(super) fn refusal<T: std::fmt::Debug>(answer: Result<T, Error>) -> (u16, String) {
    match answer.unwrap_err() {
        Error::DockerResponseServerError { status_code, message } => (status_code, message),
        other => panic!("it is no refusal: {other:?}"),
    }
}

/// The exit code of a wait, whatever it is.
pub(super) fn code(waited: Result<i64, Error>) -> i64 {
    match waited {
        Ok(code) | Err(Error::DockerContainerWaitError { code, .. }) => code,
        Err(other) => panic!("the wait failed: {other:?}"),
    }
}

/// Whether it does not come within a short time.
pub(super) async fn hangs<F: Future>(future: F) -> bool {
    tokio::time::timeout(SHORT, future).await.is_err()
}
