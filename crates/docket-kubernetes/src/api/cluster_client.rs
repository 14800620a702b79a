//! Sends requests to the API server, logged in.
//!
//! 1. A login command runs when a request needs it, once for all requests that wait for it, and in the
//!    background: it keeps neither the server from starting nor a thread.
//! 2. Credentials that have ended, or that the API server does not accept, are replaced by new ones.

use std::{fmt, sync::Arc};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use http::{Request, Response, StatusCode};
use kube::{client::Body, config::Config};
use parking_lot::Mutex;
use tokio_util::task::AbortOnDropHandle;

use super::{
    call_error::{CallError, words},
    login_command::{Credentials, LoginCommand},
};

/// Sends requests to one API server.
pub(crate) enum ClusterClient {
    /// With credentials of the configuration.
    Configured(kube::Client),
    /// With those that a command prints.
    LoggedIn(Box<Logins>),
}

/// The logins by a command.
pub(crate) struct Logins {
    command: LoginCommand,
    /// The configuration, without credentials.
    config: Config,
    latest: Mutex<Option<Login>>,
}

/// A login, which may be under way.
type Login = Shared<BoxFuture<'static, Result<Arc<LoggedIn>, String>>>;

struct LoggedIn {
    client: kube::Client,
    credentials: Credentials,
}

impl ClusterClient {
    /// A client with this configuration, which has no credentials where a command gives them; nothing is sent,
    /// and the command is not run.
    ///
    /// # Errors
    /// Why there cannot be one, in words.
    pub(crate) fn new(config: Config, command: Option<LoginCommand>) -> Result<Self, String> {
        let client = kube::Client::try_from(config.clone()).map_err(|error| words(&error))?;
        Ok(match command {
            None => Self::Configured(client),
            Some(command) => {
                Self::LoggedIn(Box::new(Logins { command, config, latest: Mutex::default() }))
            }
        })
    }

    /// True where it takes a process to log in.
    pub(crate) fn runs_command(&self) -> bool {
        matches!(self, Self::LoggedIn(_))
    }

    /// Sends a request; any answer is one.
    pub(super) async fn send(
        &self,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Body>, CallError> {
        let logins = match self {
            Self::Configured(client) => return send_by(client, request).await,
            Self::LoggedIn(logins) => logins,
        };
        let login = logins.login().await?;
        let response = send_by(&login.client, request.clone()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        // A request that is not authenticated is not carried out, so it can be sent again.
        logins.forget(&login);
        send_by(&logins.login().await?.client, request).await
    }
}

impl Logins {
    async fn login(&self) -> Result<Arc<LoggedIn>, CallError> {
        let login = {
            let mut latest = self.latest.lock();
            match &*latest {
                Some(login) if is_valid(login) => login.clone(),
                _ => latest.insert(self.begin()).clone(),
            }
        };
        login.await.map_err(CallError::Unreachable)
    }

    /// Begins a login that goes on while no request waits for it.
    fn begin(&self) -> Login {
        let (command, config) = (self.command.clone(), self.config.clone());
        let login = AbortOnDropHandle::new(tokio::spawn(log_in(command, config)));
        async move { login.await.map_err(|error| error.to_string())? }.boxed().shared()
    }

    /// Has the next request log in again, if this is the latest login.
    fn forget(&self, login: &Arc<LoggedIn>) {
        let mut latest = self.latest.lock();
        let present = latest.as_ref().and_then(Shared::peek).and_then(|it| it.as_ref().ok());
        if present.is_some_and(|present| Arc::ptr_eq(present, login)) {
            *latest = None;
        }
    }
}

impl fmt::Debug for ClusterClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterClient").field("runs_command", &self.runs_command()).finish()
    }
}

/// True of a login that is under way, or whose credentials can still be used.
fn is_valid(login: &Login) -> bool {
    match login.peek() {
        None => true,
        Some(Ok(login)) => !login.credentials.have_ended(),
        Some(Err(_)) => false,
    }
}

async fn log_in(command: LoginCommand, mut config: Config) -> Result<Arc<LoggedIn>, String> {
    let credentials = command.run().await?;
    credentials.add_to(&mut config.auth_info);
    let client = kube::Client::try_from(config).map_err(|error| words(&error))?;
    Ok(Arc::new(LoggedIn { client, credentials }))
}

async fn send_by(
    client: &kube::Client,
    request: Request<Vec<u8>>,
) -> Result<Response<Body>, CallError> {
    client.send(request.map(Body::from)).await.map_err(|error| CallError::of(&error))
}
