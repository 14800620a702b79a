//! Limits the memory of responses that are in memory as a whole while clients read them.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{
    Error,
    body::{BodySize, BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, header},
    middleware::Next,
    web::{Bytes, Data},
};

use super::{
    chunked_json::PIECE,
    error::ApiError,
    request_memory::{Limits, Reservation},
    response_format::YAML,
};
use crate::observer::metrics::Format;

/// Smaller responses take no more memory than the buffers of their connection.
const SMALL: u64 = 64 << 10;

/// Reserves memory for a large response, or responds that the server is busy.
pub(super) async fn hold(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let limits = request.app_data::<Data<Limits>>().cloned();
    let is_head = request.method() == Method::HEAD;
    // The size is known only now, when the response is in memory already; that moment is short,
    // while a client that reads slowly may hold it for minutes.
    let answer = next.call(request).await?;
    if is_head {
        // actix would poll the body to its end, to send none of it: what reads or follows ends here.
        return Ok(answer.map_body(|_, body| Held::of(BoxBody::new(Unsent(body.size())), None)));
    }
    let room = match (limits, answer.response().body().size()) {
        (Some(limits), BodySize::Sized(bytes)) if bytes > SMALL && is_data(&answer) => {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            Some(limits.response(bytes).map_err(ApiError::from)?)
        }
        _ => None,
    };
    Ok(answer.map_body(|_, body| Held::of(body, room)))
}

/// Other responses are files of the page, or streams.
fn is_data<B>(answer: &ServiceResponse<B>) -> bool {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| {
        let is_json = kind.starts_with("application/json");
        is_json || kind == YAML || Format::ALL.iter().any(|format| kind == format.content_type())
    })
}

/// A body that is sent in pieces, so that the connection does not copy all of it at once.
struct Held {
    body: BoxBody,
    rest: Bytes,
    _room: Option<Reservation>,
}

impl Held {
    fn of(body: BoxBody, room: Option<Reservation>) -> Self {
        Self { body, rest: Bytes::new(), _room: room }
    }
}

/// The body of a response to HEAD: the size of the one to GET, and no bytes.
struct Unsent(BodySize);

impl MessageBody for Unsent {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.0
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(None)
    }
}

impl MessageBody for Held {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        // actix takes an empty piece for the end of a chunked body.
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_next(context)) {
                Some(Ok(bytes)) => self.rest = bytes,
                end => return Poll::Ready(end),
            }
        }
        let length = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(self.rest.split_to(length))))
    }
}
