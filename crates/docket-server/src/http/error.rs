//! Every answer that is not a success, and the one place that knows status codes of errors.

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
    limits::{Busy, LimitError},
};
use crate::{
    engine::EngineError,
    runner::{ManualError, NoTerm},
    store::StoreError,
};

/// The content type of the original's answers.
pub(super) const JSON: &str = "application/json; charset=UTF-8";
pub(super) const PROBLEM: &str = "application/problem+json";

/// The largest body that a request may have, and whether an option changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SizeLimit {
    /// As `--max-body` says, in bytes.
    MaxBody(usize),
    /// Of one endpoint, in bytes.
    Endpoint(usize),
    /// Of one endpoint, where `docket check` without a server has none.
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

/// Why a request is not answered as its sender hoped.
#[derive(Debug)]
pub(super) enum ApiError {
    /// The body could not be read as JSON.
    Undecodable(String),
    /// The body was read, and specifications in it are wrong.
    Invalid(Reported<Finding>),
    /// The same, for a sender who asked for a problem with the place of each error.
    InvalidInDetail(Reported<Finding>),
    /// Nothing has the name; perhaps another name was meant.
    NoSuchAllocation(String, Option<AllocationName>),
    /// The allocation has no such run.
    NoSuchRun(String),
    /// A parameter of the query is wrong.
    BadQuery(String),
    /// A field of the body is wrong.
    BadRequest(String),
    /// A header that makes a change depend on something is wrong.
    BadCondition(String),
    /// Somebody's wish cannot be granted.
    Hand(ManualError),
    /// The same, with its instants in the time that was asked in.
    HandAt(ManualError, String),
    /// There is no such route.
    NoSuchRoute(String),
    /// The route does not do this.
    MethodNotAllowed(&'static str),
    /// The sender did not show who it is.
    Unauthorized,
    /// The sender showed another token than the server's.
    WrongToken,
    /// The same, once more than may come from its address for so long.
    TooManyTokens(Duration),
    /// The server asks for no token, so nobody signs in.
    NoToken,
    /// A web page of another origin, or a name that is not ours.
    Forbidden(String),
    /// The body is larger than allowed.
    TooLarge(SizeLimit),
    /// The body came too slowly.
    TooSlow,
    /// The body does not say that it is JSON.
    NotJson,
    /// The body does not say that it is YAML or JSON.
    NotYaml,
    /// The client accepts no format of the response.
    NotAcceptable,
    /// The store does not do it.
    Store(StoreError),
    /// The engine does not do it.
    Engine(EngineError),
    /// The server is not ready, and why.
    NotReady(String),
    /// The server is in no term, so it changes nothing.
    NoTerm(NoTerm),
    /// Other requests take what this one needs.
    Busy(Busy),
    /// Something broke on the way; the sender is told in brief.
    Internal(String),
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<NoTerm> for ApiError {
    fn from(error: NoTerm) -> Self {
        Self::NoTerm(error)
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

impl From<ManualError> for ApiError {
    fn from(error: ManualError) -> Self {
        match error {
            ManualError::Store(error) => Self::Store(error),
            ManualError::NoTerm(error) => Self::NoTerm(error),
            error => Self::Hand(error),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecodable(message)
            | Self::BadQuery(message)
            | Self::BadRequest(message)
            | Self::BadCondition(message)
            | Self::Forbidden(message)
            | Self::NotReady(message) => f.write_str(message),
            Self::Invalid(errors) | Self::InvalidInDetail(errors) => {
                let shown = errors.shown.iter().map(ToString::to_string);
                f.write_str(&shown.chain(errors.rest()).collect::<Vec<_>>().join("; "))
            }
            Self::NoSuchAllocation(name, near) => {
                write!(f, "no allocation is named `{name}`")?;
                near.iter().try_for_each(|near| write!(f, ": did you mean `{near}`?"))
            }
            Self::NoSuchRun(run) => write!(f, "there is no record of the run `{run}`"),
            Self::NoSuchRoute(path) => write!(f, "there is nothing at `{path}`"),
            Self::MethodNotAllowed(allowed) => write!(f, "use one of {allowed} here"),
            Self::Unauthorized => {
                f.write_str("send the server's token as `Authorization: Bearer TOKEN`")
            }
            Self::WrongToken => f.write_str("this is not the server's token"),
            Self::TooManyTokens(wait) => write!(
                f,
                "this is not the server's token, and too many wrong ones came from your address: \
                 wait {} s",
                seconds(*wait)
            ),
            Self::NoToken => {
                f.write_str("this server asks for no token, so there is nothing to sign in to")
            }
            Self::TooLarge(limit) => limit.fmt(f),
            Self::TooSlow => f.write_str("the body did not arrive in time"),
            Self::NotJson => f.write_str("send the header `Content-Type: application/json`"),
            Self::NotYaml => f.write_str(
                "send the header `Content-Type: application/yaml`, or `application/json`",
            ),
            Self::NotAcceptable => f.write_str(
                "the response is available as `application/json` and `application/yaml`: accept one of \
                 them, or send no `Accept` header",
            ),
            Self::Store(error @ StoreError::Unmet { present: Some(revision), .. }) => write!(
                f,
                "{error}: load it again, and send your change with `If-Match: {}`",
                etag(*revision)
            ),
            Self::Store(error @ StoreError::Unmet { present: None, .. }) => {
                write!(f, "{error}: to create it, send it without `If-Match`")
            }
            Self::Store(error) => error.fmt(f),
            Self::Hand(error) => error.fmt(f),
            Self::HandAt(_, words) => f.write_str(words),
            Self::Engine(error) => error.fmt(f),
            Self::NoTerm(error) => error.fmt(f),
            Self::Busy(busy) => f.write_str(busy.message()),
            Self::Internal(_) => f.write_str("something went wrong: the server's log says what"),
        }
    }
}

impl std::error::Error for ApiError {}

impl ApiError {
    /// The error as a body.
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
            Self::Hand(error) | Self::HandAt(error, _) => status_of_hand(error),
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
            Self::Engine(_) | Self::NotReady(_) | Self::NoTerm(_) | Self::Busy(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        if let Self::Internal(cause) = self {
            error!(cause, "a request could not be answered");
        }
        let mut answer = HttpResponse::build(status);
        match self {
            // The two bodies that the original has.
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
                answer.insert_header((header::RETRY_AFTER, seconds(Duration::ZERO)));
            }
            Self::Unauthorized | Self::WrongToken => {
                answer.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"docket\""));
            }
            Self::Store(StoreError::Unmet { present: Some(revision), .. }) => {
                answer.insert_header((header::ETAG, etag(*revision)));
            }
            _ => {}
        }
        answer.content_type(PROBLEM).json(self.problem())
    }
}

/// Whole seconds after which a time is over.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + 1
}

fn status_of_hand(error: &ManualError) -> StatusCode {
    match error {
        ManualError::NoSuchAllocation(_) => StatusCode::NOT_FOUND,
        ManualError::Future(_) | ManualError::NoInstant { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        ManualError::Pruned(_) | ManualError::Taken { .. } => StatusCode::CONFLICT,
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
        StoreError::Unreadable(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
