//! One connection to the stub: requests in, behaviour, answers out.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::{sleep, sleep_until},
};

use super::{
    Call, Script,
    answer::{Answer, push_head, push_last_chunk},
    call::Request,
    containers::{Containers, Creation},
    journal::{Journal, Stamp, now},
    script::Behaviour,
};
use crate::framing::Message;

/// Room for a whole request of docket's, so that one read takes it in.
const READ: usize = 16 * 1024;

/// What all connections of a stub share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) containers: Containers,
    pub(crate) journal: Journal,
    pub(crate) script: Script,
}

/// What the stub does with a request before, after or in place of its answer.
enum Step {
    Answer { after: Duration, answer: Answer },
    Hang,
    Cut,
}

impl Shared {
    /// Notes a request, and does what it asks unless the script says otherwise.
    fn meet(&self, message: &Message<'_>) -> (Step, bool) {
        let request = Request::read(message.start_line);
        let body = message.body();
        let creation = if request.call == Call::Create { Creation::read(&body) } else { None };
        let behaviour = self.note(&request, creation.as_ref());
        let answer = || self.containers.answer(&request, creation.as_ref());
        let step = match behaviour {
            Behaviour::Answer => Step::Answer { after: Duration::ZERO, answer: answer() },
            Behaviour::Delay(after) => Step::Answer { after, answer: answer() },
            Behaviour::Fail { status, message } => {
                Step::Answer { after: Duration::ZERO, answer: Answer::error(status, &message) }
            }
            Behaviour::Hang => Step::Hang,
            Behaviour::Cut => Step::Cut,
            Behaviour::Lose => {
                answer();
                Step::Cut
            }
        };
        (step, request.wants_body)
    }

    fn note(&self, request: &Request<'_>, creation: Option<&Creation<'_>>) -> Behaviour {
        let at = now();
        let known = || self.containers.known(&request.subject);
        let (subject, instant) = match creation {
            Some(creation) => (request.subject.as_ref().into(), creation.instant),
            None => known().unwrap_or_else(|| (request.subject.as_ref().into(), None)),
        };
        let behaviour = self.script.behaviour(request.call, &subject);
        self.journal.note(Stamp { call: request.call, at, subject, instant });
        behaviour
    }
}

/// Answers the requests of one connection until one side closes it.
pub(crate) async fn serve(mut stream: UnixStream, shared: Arc<Shared>) -> io::Result<()> {
    let mut received = Vec::with_capacity(READ);
    loop {
        while let Some((step, wants_body, length, closes)) = next(&received, &shared)? {
            received.drain(..length);
            match step {
                Step::Answer { after, answer } => {
                    if !after.is_zero() {
                        sleep(after).await;
                    }
                    write(&mut stream, answer, wants_body).await?;
                }
                Step::Hang => return until_closed(&mut stream).await,
                Step::Cut => return Ok(()),
            }
            if closes {
                return Ok(());
            }
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    }
}

fn next(received: &[u8], shared: &Shared) -> io::Result<Option<(Step, bool, usize, bool)>> {
    let message = Message::read(received).map_err(io::Error::other)?;
    Ok(message.map(|message| {
        let (step, wants_body) = shared.meet(&message);
        (step, wants_body, message.length, message.closes)
    }))
}

async fn write(stream: &mut UnixStream, answer: Answer, wants_body: bool) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(1024);
    match answer {
        Answer::Whole { status, content_type, body } => {
            push_head(&mut buffer, status, content_type, Some(body.len()));
            if wants_body {
                buffer.extend_from_slice(&body);
            }
        }
        Answer::AtEnd { ends, body } => {
            push_head(&mut buffer, 200, "application/json", None);
            stream.write_all(&buffer).await?;
            buffer.clear();
            sleep_until(ends.into()).await;
            push_last_chunk(&mut buffer, &body);
        }
        Answer::Open => {
            push_head(&mut buffer, 200, "application/json", None);
            stream.write_all(&buffer).await?;
            return until_closed(stream).await;
        }
    }
    stream.write_all(&buffer).await
}

/// Reads and drops until the other side closes the connection.
async fn until_closed(stream: &mut UnixStream) -> io::Result<()> {
    let mut dropped = [0; 1024];
    while stream.read(&mut dropped).await? > 0 {}
    Ok(())
}
