//! The error responses of the API. Only this file knows the status codes of errors.

use std::{fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use docket_model::{
    AllocationName, Finding, Reported, Size,
    wire::{FieldError, Problem, Refused},
};
use tracing::error;

use super::{
    etag::etag,
    request_memory::{Busy, LimitError},
};
use crate::{
    engine::EngineError,
    outputs::LiveError,
    runner::{ManualError, NoTerm},
    store::StoreError,
};

/// The content type of the original's responses.
pub(super) const JSON: &str = "application/json; charset=UTF-8";
pub(super) const PROBLEM: &str = "application/problem+json";

/// The maximum size of the body of a request, and what decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SizeLimit {
    /// `--max-body`, in bytes.
    MaxBody(usize),
    /// Of one endpoint, in bytes.
    Endpoint(usize),
    /// Of one endpoint; `docket check` without a server has no limit.
    Document(usize),
}

impl SizeLimit {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::MaxBody(bytes) | Self::Endpoint(bytes) | Self::Document(bytes) => bytes,
        }
    }
}

impl fmt::Display for SizeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = Size::from_bytes(self.bytes() as u64);
        match self {
            Self::MaxBody(_) => write!(
                f,
                "the body is larger than {size}, the limit of this server: start it with a larger \
                 `--max-body` (`DOCKET_MAX_BODY`)"
            ),
            Self::Endpoint(_) => {
                write!(f, "the body is larger than {size}, the fixed limit of this endpoint")
            }
            Self::Document(_) => write!(
                f,
                "the body is larger than {size}, the fixed limit of this endpoint: check a larger \
                 file with `docket check`"
            ),
        }
    }
}

/// Why a request fails. The message is for the client.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// The body is not JSON.
    #[error("{0}")]
    Undecodable(String),
    /// The specifications in the body have errors.
    #[error("{}", joined(.0))]
    Invalid(Reported<Finding>),
    /// The same, for a client that accepts a problem with the place of each error.
    #[error("{}", joined(.0))]
    InvalidInDetail(Reported<Finding>),
    /// No allocation has the name; the most similar name that exists.
    #[error("no allocation is named `{name}`{near}", name = .0, near = did_you_mean(.1.as_ref()))]
    NoSuchAllocation(String, Option<AllocationName>),
    #[error("there is no record of the run `{0}`")]
    NoSuchRun(String),
    /// A parameter of the query is invalid.
    #[error("{0}")]
    BadQuery(String),
    /// A field of the body is invalid.
    #[error("{0}")]
    BadRequest(String),
    /// A conditional header is invalid.
    #[error("{0}")]
    BadCondition(String),
    #[error(transparent)]
    Manual(ManualError),
    /// The same, with its instants in the time of the request.
    #[error("{1}")]
    ManualAt(ManualError, String),
    #[error("there is nothing at `{0}`")]
    NoSuchRoute(String),
    #[error("use one of {0} here")]
    MethodNotAllowed(&'static str),
    #[error("send the server's token as `Authorization: Bearer TOKEN`")]
    Unauthorized,
    #[error("this is not the server's token")]
    WrongToken,
    /// A wrong token after too many from the same address; how long to wait.
    #[error("this is not the server's token, and too many wrong ones came from your address: wait {} s", seconds(*.0))]
    TooManyTokens(Duration),
    #[error("this server requires no token, so there is no need to sign in")]
    NoToken,
    /// A web page of another origin, or a host name that is not the server's.
    #[error("{0}")]
    Forbidden(String),
    #[error("{0}")]
    TooLarge(SizeLimit),
    #[error("the body did not arrive in time")]
    TooSlow,
    #[error("send the header `Content-Type: application/json`")]
    NotJson,
    #[error("send the header `Content-Type: application/yaml`, or `application/json`")]
    NotYaml,
    #[error(
        "the response is available as `application/json` and `application/yaml`: accept one of them, or \
         send no `Accept` header"
    )]
    NotAcceptable,
    #[error("{}", store_message(.0))]
    Store(#[from] StoreError),
    #[error(transparent)]
    Engine(EngineError),
    #[error("{0}")]
    NotReady(String),
    /// The server is in no term, so it changes nothing.
    #[error(transparent)]
    NoTerm(#[from] NoTerm),
    #[error("{}", .0.message())]
    Busy(Busy),
    /// The cause is logged, and the client gets no details.
    #[error("internal error: the server's log has the cause")]
    Internal(String),
}

fn did_you_mean(near: Option<&AllocationName>) -> String {
    near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
}

fn joined(errors: &Reported<Finding>) -> String {
    let shown = errors.shown.iter().map(ToString::to_string);
    shown.chain(errors.rest()).collect::<Vec<_>>().join("; ")
}

/// A failed condition with the request that would succeed.
fn store_message(error: &StoreError) -> String {
    match error {
        StoreError::Unmet { present: Some(revision), .. } => format!(
            "{error}: load it again, and send your change with `If-Match: {}`",
            etag(*revision)
        ),
        StoreError::Unmet { present: None, .. } => {
            format!("{error}: to create it, send it without `If-Match`")
        }
        error => error.to_string(),
    }
}

impl From<LimitError> for ApiError {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::Busy(busy) => Self::Busy(busy),
            LimitError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<LiveError> for ApiError {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::Store(error) => Self::Store(error),
            LiveError::Engine(error) => Self::Engine(error),
            // What there is now is in the record.
            LiveError::Removed => Self::NotReady(format!("{error}: send the request again")),
        }
    }
}

impl From<ManualError> for ApiError {
    fn from(error: ManualError) -> Self {
        match error {
            ManualError::Store(error) => Self::Store(error),
            ManualError::NoTerm(error) => Self::NoTerm(error),
            error => Self::Manual(error),
        }
    }
}

impl ApiError {
    /// An error of this server, which is logged.
    pub(super) fn internal(cause: impl fmt::Display) -> Self {
        Self::Internal(cause.to_string())
    }

    /// The body of the response.
    pub(super) fn problem(&self) -> Problem {
        let status = self.status_code();
        let (errors, omitted) = match self {
            Self::InvalidInDetail(errors) => {
                (errors.shown.iter().map(FieldError::from).collect(), errors.omitted)
            }
            _ => (Vec::new(), 0),
        };
        let revision = match self {
            Self::Store(StoreError::Unmet { present, .. }) => *present,
            _ => None,
        };
        let title = status.canonical_reason().unwrap_or_default().to_owned();
        let detail = self.to_string();
        Problem { status: status.as_u16(), title, detail, revision, errors, omitted }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Undecodable(_)
            | Self::BadQuery(_)
            | Self::BadRequest(_)
            | Self::BadCondition(_) => StatusCode::BAD_REQUEST,
            // Not by the words: an error has the same status however its instants are written.
            Self::Manual(error) | Self::ManualAt(error, _) => status_of_manual(error),
            Self::Invalid(_) | Self::InvalidInDetail(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoSuchAllocation(..)
            | Self::NoSuchRun(_)
            | Self::NoSuchRoute(_)
            | Self::NoToken => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unauthorized | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::TooManyTokens(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::NotJson | Self::NotYaml => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Store(error) => status_of(error),
            // None of them is a fault of the request, which may be repeated as it is.
            Self::Engine(_) | Self::NotReady(_) | Self::NoTerm(_) | Self::Busy(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        // Here, because each error comes by once on its way to the client.
        match self {
            Self::Internal(cause) => {
                error!(cause, "a request failed; its client gets status 500 without the cause");
            }
            // Reads are not repeated as writes are, so nothing else logs it.
            Self::Store(error @ StoreError::Unreadable(_)) => {
                error!(%error, "a request failed because a part of the store cannot be read");
            }
            _ => {}
        }
        let mut answer = HttpResponse::build(status);
        match self {
            // The original has bodies of its own for these two.
            Self::Undecodable(message) => {
                return answer.content_type(JSON).json(Refused::undecodable(message.clone()));
            }
            Self::Invalid(errors) => {
                return answer.content_type(JSON).json(Refused::because_of(errors));
            }
            Self::MethodNotAllowed(allowed) => {
                answer.insert_header((header::ALLOW, *allowed));
            }
            Self::TooManyTokens(wait) => {
                answer.insert_header((header::RETRY_AFTER, seconds(*wait)));
            }
            Self::Busy(busy) => {
                answer.insert_header((header::RETRY_AFTER, busy.retry_after()));
            }
            Self::NoTerm(_) => {
                // The next term may begin at any time, so a client need not wait longer.
                answer.insert_header((header::RETRY_AFTER, seconds(Duration::ZERO)));
            }
            Self::Unauthorized | Self::WrongToken => {
                // RFC 9110 requires it with 401.
                answer.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"docket\""));
            }
            Self::Store(StoreError::Unmet { present: Some(revision), .. }) => {
                // Saves the request for the current revision, which the client would send next.
                answer.insert_header((header::ETAG, etag(*revision)));
            }
            _ => {}
        }
        answer.content_type(PROBLEM).json(self.problem())
    }
}

/// The number of full seconds after which a time is over.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + 1
}

fn status_of_manual(error: &ManualError) -> StatusCode {
    match error {
        ManualError::NoSuchAllocation(_) => StatusCode::NOT_FOUND,
        ManualError::Future(_) | ManualError::NoInstant { .. } | ManualError::Refused { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        ManualError::Pruned(_)
        | ManualError::Taken { .. }
        | ManualError::NoEngine(_)
        | ManualError::TooFewNodes(_) => StatusCode::CONFLICT,
        ManualError::NothingStarts(_) | ManualError::NoTerm(_) => StatusCode::SERVICE_UNAVAILABLE,
        ManualError::Store(error) => status_of(error),
    }
}

fn status_of(error: &StoreError) -> StatusCode {
    match error {
        StoreError::NoSuchRun(_) => StatusCode::NOT_FOUND,
        StoreError::Unfit(_) => StatusCode::UNPROCESSABLE_ENTITY,
        StoreError::Unmet { .. } => StatusCode::PRECONDITION_FAILED,
        StoreError::ReadOnly { .. }
        | StoreError::Taken { .. }
        | StoreError::HasChildren { .. }
        | StoreError::RunIsOver { .. }
        | StoreError::NotCopied { .. }
        | StoreError::NoFile => StatusCode::CONFLICT,
        StoreError::Unwritable(_) | StoreError::Deposed => StatusCode::SERVICE_UNAVAILABLE,
        // Usually the file is damaged, so a client gains nothing by waiting.
        StoreError::Unreadable(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
