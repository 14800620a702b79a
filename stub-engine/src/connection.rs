//! One connection to the stub: requests in, faults, answers out.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{io::AsyncReadExt, net::UnixStream, sync::oneshot, time::sleep};

use crate::{
    Fault, Hold, Sender,
    answer_bodies::Answer,
    call_log::{Journal, Stamp, now},
    container::Creation,
    container_calls::Containers,
    fault_rules::{Choice, Faults},
    http_framing::Message,
    parse_call::{Call, Request},
    write_reply::{Next, Part, Reply, until_closed},
};

/// Room for a whole request of docket's, so that one read takes it in.
const READ: usize = 16 * 1024;

/// What all connections of a stub share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) containers: Containers,
    pub(crate) journal: Journal,
    faults: Mutex<Option<Choice>>,
}

impl Shared {
    pub(crate) fn new(containers: Containers, faults: Faults) -> Self {
        let faults = Mutex::new(Choice::of(faults));
        Self { containers, journal: Journal::default(), faults }
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = Choice::of(faults);
    }

    /// Notes a request, does what it asks and answers, unless a fault meets it.
    async fn meet(
        self: &Arc<Self>,
        stream: &mut UnixStream,
        message: &Message<'_>,
    ) -> io::Result<Next> {
        let request = Request::read(message.start_line);
        let body = message.body();
        // Only a creation has a body that matters; the others are not parsed.
        let creation = if request.call == Call::Create { Creation::read(&body) } else { None };
        // Noted before it takes effect, so that the log has requests which a fault stops.
        let fault = self.note(&request, creation.as_ref());
        // A closure, because some faults must not let it happen, and others do something before it.
        let effect = || self.containers.answer(&request, creation.as_ref());
        let wants_body = request.wants_body;
        let mut reply = Reply { stream, containers: &self.containers, wants_body, cut: None };
        match fault {
            None => reply.send(effect()).await,
            Some(fault) => {
                reply.cut = cut(&fault);
                inflict(fault, effect, |hold| self.take_in(hold, message), reply).await
            }
        }
    }

    /// Lets a request take effect when it is released, and not before; returns the answer then.
    fn take_in(self: &Arc<Self>, hold: &Hold, message: &Message<'_>) -> oneshot::Receiver<Answer> {
        let (sender, answer) = oneshot::channel();
        let shared = Arc::clone(self);
        // Owned: the request may arrive when its connection and its buffer are gone.
        let (line, body) = (message.start_line.to_owned(), message.body().into_owned());
        hold.add(move || {
            let answer =
                shared.containers.answer(&Request::read(&line), Creation::read(&body).as_ref());
            let status = answer.status();
            // The client may have gone long ago.
            let _ = sender.send(answer);
            status
        });
        answer
    }

    fn note(&self, request: &Request<'_>, creation: Option<&Creation<'_>>) -> Option<Fault> {
        let at = now();
        // The name of a creation may be held by another container, which the call is not about.
        let known = match creation {
            Some(_) => None,
            None => self.containers.known(&request.subject),
        };
        let asked = || (request.subject.as_ref().into(), creation.and_then(|it| it.instant));
        let container = known.as_ref().map(|known| Arc::clone(&known.id));
        let (subject, instant) = known.map_or_else(asked, |known| (known.name, known.instant));
        let fault = self.fault(request.call, &subject);
        let (call, query) = (request.call, request.query().into());
        let stamp = Stamp { call, at, subject, container, instant, query, fault: fault.clone() };
        self.journal.note(stamp);
        fault
    }

    fn fault(&self, call: Call, subject: &Arc<str>) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        // Without faults there is nothing to look up: what is measured is not slowed down.
        faults.as_mut()?.choose(call, subject)
    }
}

fn cut(fault: &Fault) -> Option<Part> {
    match fault {
        Fault::CutHead => Some(Part::Head),
        Fault::CutBody => Some(Part::Body),
        _ => None,
    }
}

/// Answers a request that is held.
async fn answer_held(
    late: oneshot::Receiver<Answer>,
    sender: Sender,
    reply: Reply<'_>,
) -> io::Result<Next> {
    match sender {
        Sender::IsCutOff => Ok(Next::Closes),
        Sender::Gets(status) => reply.send(Answer::error(status, "held on its way")).await,
        Sender::Waits => tokio::select! {
            answer = late => match answer {
                Ok(answer) => reply.send(answer).await,
                // It will never arrive.
                Err(_) => until_closed(reply.stream).await.map(|()| Next::Closes),
            },
            closed = until_closed(reply.stream) => closed.map(|()| Next::Closes),
        },
    }
}

/// Answers as a fault has it; `effect` does what was asked, `late` does it when a hold is released.
async fn inflict(
    fault: Fault,
    effect: impl Fn() -> Answer,
    late: impl FnOnce(&Hold) -> oneshot::Receiver<Answer>,
    reply: Reply<'_>,
) -> io::Result<Next> {
    match fault {
        Fault::Hold { hold, sender } => answer_held(late(&hold), sender, reply).await,
        // The client is not watched meanwhile: a request that has arrived takes effect even if its
        // sender is gone.
        Fault::Delay(time) => {
            sleep(time).await;
            reply.send(effect()).await
        }
        Fault::AnswerLate(time) => {
            let answer = effect();
            sleep(time).await;
            reply.send(answer).await
        }
        Fault::FailBefore { status, message } => reply.send(Answer::error(status, &message)).await,
        Fault::FailAfter { status, message } => {
            effect();
            reply.send(Answer::error(status, &message)).await
        }
        Fault::DropBefore => Ok(Next::Closes),
        Fault::DropAfter => {
            effect();
            Ok(Next::Closes)
        }
        Fault::CutHead | Fault::CutBody => reply.send(effect()).await,
        // The connection stays open until the client closes it, so only the client's own timeout
        // ends the call.
        Fault::HangBefore => until_closed(reply.stream).await.map(|()| Next::Closes),
        Fault::HangAfter => {
            effect();
            until_closed(reply.stream).await.map(|()| Next::Closes)
        }
    }
}

/// Answers the requests of one connection until one side closes it.
pub(crate) async fn serve(mut stream: UnixStream, shared: Arc<Shared>) -> io::Result<()> {
    let mut received = Vec::with_capacity(READ);
    loop {
        // One read may contain several requests.
        while let Some(message) = Message::read(&received).map_err(io::Error::other)? {
            let next = shared.meet(&mut stream, &message).await?;
            if message.closes || next == Next::Closes {
                return Ok(());
            }
            let length = message.length;
            received.drain(..length);
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    }
}
