//! Writing an answer to its connection, whole or cut off in the middle.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::sleep,
};

use crate::{
    answer_bodies::{Answer, JSON, RAW_STREAM, exited},
    call_log::now,
    container_calls::Containers,
    event_reader::EventReader,
    logs::LongLog,
    response_head::{push_chunk, push_head, push_last_chunk},
};

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Stays,
    Closes,
}

/// The part of an answer that is cut in half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Head,
    Body,
}

/// The reply to one request.
#[derive(Debug)]
pub(crate) struct Reply<'a> {
    pub(crate) stream: &'a mut UnixStream,
    pub(crate) containers: &'a Containers,
    pub(crate) wants_body: bool,
    pub(crate) cut: Option<Part>,
}

impl Reply<'_> {
    /// Writes an answer, waiting for what it waits for.
    pub(crate) async fn send(mut self, answer: Answer) -> io::Result<Next> {
        // The head of such an answer is not sent before its time either.
        let Some(answer) = self.due(answer).await? else {
            return Ok(Next::Closes);
        };
        match answer {
            Answer::Whole { status, content_type, body } => {
                self.whole(status, content_type, &body).await
            }
            Answer::Wait { place, run } => {
                if self.begin(JSON, &[]).await? == Next::Closes {
                    return Ok(Next::Closes);
                }
                match self.ended(place, run).await? {
                    Some(exit_code) => self.finish(&exited(exit_code)).await,
                    None => Ok(Next::Closes),
                }
            }
            Answer::Follow { place, run, body, rest } => {
                if self.begin(RAW_STREAM, &body).await? == Next::Closes {
                    return Ok(Next::Closes);
                }
                match self.ended(place, run).await? {
                    Some(_) => self.finish(&rest).await,
                    None => Ok(Next::Closes),
                }
            }
            Answer::LongLog { log, run } => self.long_log(log, run).await,
            Answer::Endless { piece } => {
                self.begin(JSON, &[]).await?;
                let mut chunk = Vec::new();
                push_chunk(&mut chunk, &piece);
                loop {
                    self.stream.write_all(&chunk).await?;
                }
            }
            Answer::Events(reader) => self.events(*reader).await,
            Answer::Ended { .. } | Answer::Late { .. } => {
                if self.begin(JSON, &[]).await? == Next::Stays && self.cut.is_none() {
                    until_closed(self.stream).await?;
                }
                Ok(Next::Closes)
            }
        }
    }

    /// The answer that is due after the time that it takes; `None` if the client left.
    async fn due(&mut self, answer: Answer) -> io::Result<Option<Answer>> {
        match answer {
            Answer::Ended { place, run } => {
                Ok(self.ended(place, run).await?.map(|_| Answer::done(204)))
            }
            Answer::Late { after, answer } => {
                tokio::select! {
                    () = sleep(after) => Ok(Some(*answer)),
                    closed = until_closed(self.stream) => closed.map(|()| None),
                }
            }
            answer => Ok(Some(answer)),
        }
    }

    async fn long_log(
        &mut self,
        mut log: LongLog,
        run: Option<(usize, usize)>,
    ) -> io::Result<Next> {
        if self.cut == Some(Part::Body) {
            log.cut();
        }
        if self.begin(RAW_STREAM, &[]).await? == Next::Closes {
            return Ok(Next::Closes);
        }
        // A client that reads slowly stops this loop, so the log is never in memory.
        for frame in log {
            let mut chunk = Vec::new();
            push_chunk(&mut chunk, &frame);
            self.stream.write_all(&chunk).await?;
        }
        if self.cut.is_some() {
            return Ok(Next::Closes);
        }
        match run {
            Some((place, run)) if self.ended(place, run).await?.is_none() => Ok(Next::Closes),
            _ => self.finish(&[]).await,
        }
    }

    /// Waits for the end of a run; `None` if the client left before.
    async fn ended(&mut self, place: usize, run: usize) -> io::Result<Option<i64>> {
        tokio::select! {
            exit_code = self.containers.ended(place, run) => Ok(Some(exit_code)),
            closed = until_closed(self.stream) => closed.map(|()| None),
        }
    }

    /// Past events, and those that happen until the client leaves or the time it named has come.
    async fn events(&mut self, mut reader: EventReader) -> io::Result<Next> {
        // As with the real engine, the client gets the head before it gets to listen.
        if self.begin(JSON, &[]).await? == Next::Closes {
            return Ok(Next::Closes);
        }
        let mut lines = self.containers.past_events(&mut reader);
        loop {
            if !lines.is_empty() && self.chunk(&lines).await? == Next::Closes {
                return Ok(Next::Closes);
            }
            if reader.is_of_past {
                return self.finish(&[]).await;
            }
            let left = reader.until.map(|until| (until - now()).to_std().unwrap_or_default());
            lines = tokio::select! {
                lines = self.containers.new_events(&mut reader) => lines,
                () = sleep(left.unwrap_or(Duration::MAX)), if left.is_some() => {
                    return self.finish(&[]).await;
                }
                closed = until_closed(self.stream) => return closed.map(|()| Next::Closes),
            };
        }
    }

    async fn whole(&mut self, status: u16, content_type: &str, body: &[u8]) -> io::Result<Next> {
        let mut buffer = Vec::with_capacity(1024);
        push_head(&mut buffer, status, content_type, Some(body.len()));
        let head = buffer.len();
        // HEAD has the length of the body and no body.
        if self.wants_body {
            buffer.extend_from_slice(body);
        }
        self.write(&mut buffer, head).await
    }

    /// The head of an answer in chunks, and the first one where there is any.
    async fn begin(&mut self, content_type: &str, body: &[u8]) -> io::Result<Next> {
        let mut buffer = Vec::with_capacity(1024);
        push_head(&mut buffer, 200, content_type, None);
        let head = buffer.len();
        push_chunk(&mut buffer, body);
        if self.cut == Some(Part::Body) && body.is_empty() {
            // Its body is still to come, and so is the cut.
            self.stream.write_all(&buffer).await?;
            return Ok(Next::Stays);
        }
        self.write(&mut buffer, head).await
    }

    async fn chunk(&mut self, body: &[u8]) -> io::Result<Next> {
        let mut buffer = Vec::new();
        push_chunk(&mut buffer, body);
        self.write(&mut buffer, 0).await
    }

    async fn finish(&mut self, body: &[u8]) -> io::Result<Next> {
        let mut buffer = Vec::new();
        push_last_chunk(&mut buffer, body);
        self.write(&mut buffer, 0).await
    }

    /// Writes what begins with a head of this many bytes.
    async fn write(&mut self, buffer: &mut Vec<u8>, head: usize) -> io::Result<Next> {
        let whole = buffer.len();
        match self.cut {
            None => {}
            Some(Part::Body) if whole > head => buffer.truncate(head + (whole - head) / 2),
            Some(_) => buffer.truncate(head / 2),
        }
        self.stream.write_all(buffer).await?;
        Ok(if self.cut.is_some() { Next::Closes } else { Next::Stays })
    }
}

/// Reads and drops until the other side closes the connection.
pub(crate) async fn until_closed(stream: &mut UnixStream) -> io::Result<()> {
    let mut dropped = [0; 1024];
    // A client that waits sends nothing more, so the read ends with the connection.
    while stream.read(&mut dropped).await? > 0 {}
    Ok(())
}
