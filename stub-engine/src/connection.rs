//! One connection to the stub: requests in, faults, answers out.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{io::AsyncReadExt, net::UnixStream, time::sleep};

use crate::{
    Fault,
    answer::Answer,
    call::{Call, Request},
    container::Creation,
    containers::Containers,
    faults::{Choice, Faults},
    framing::Message,
    journal::{Journal, Stamp, now},
    reply::{Next, Part, Reply, until_closed},
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
    async fn meet(&self, stream: &mut UnixStream, message: &Message<'_>) -> io::Result<Next> {
        let request = Request::read(message.start_line);
        let body = message.body();
        let creation = if request.call == Call::Create { Creation::read(&body) } else { None };
        let fault = self.note(&request, creation.as_ref());
        let effect = || self.containers.answer(&request, creation.as_ref());
        let wants_body = request.wants_body;
        let mut reply = Reply { stream, containers: &self.containers, wants_body, cut: None };
        match fault {
            None => reply.send(effect()).await,
            Some(fault) => {
                reply.cut = cut(&fault);
                inflict(fault, effect, reply).await
            }
        }
    }

    fn note(&self, request: &Request<'_>, creation: Option<&Creation<'_>>) -> Option<Fault> {
        let at = now();
        let known = || self.containers.known(&request.subject);
        let (subject, instant) = match creation {
            Some(creation) => (request.subject.as_ref().into(), creation.instant),
            None => known().unwrap_or_else(|| (request.subject.as_ref().into(), None)),
        };
        let fault = self.fault(request.call, &subject);
        let stamp = Stamp { call: request.call, at, subject, instant, fault: fault.clone() };
        self.journal.note(stamp);
        fault
    }

    fn fault(&self, call: Call, subject: &Arc<str>) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Answers as a fault has it; `effect` does what was asked.
async fn inflict(fault: Fault, effect: impl Fn() -> Answer, reply: Reply<'_>) -> io::Result<Next> {
    match fault {
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
