//! The way to an engine by SSH, as Docker's own client goes it: the user's `ssh`, with the user's keys
//! and configuration, and `docker system dial-stdio` at the far end.

use std::{
    io,
    pin::Pin,
    process::Stdio,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, Join, ReadBuf},
    process::{Child, ChildStdin, ChildStdout, Command},
};
use tower_service::Service;

/// Starts an `ssh` for each connection.
#[derive(Debug, Clone)]
pub(in crate::engine) struct SshConnector {
    /// `ssh://USER@HOST:PORT`, which is never taken for an option.
    destination: Arc<str>,
    /// What the shell at the far end runs.
    command: Arc<str>,
}

impl SshConnector {
    /// A connector to the engine at the destination: behind this socket, or where Docker's client
    /// there finds it.
    pub(in crate::engine) fn new(destination: &str, socket: Option<&str>) -> Self {
        let command = match socket {
            Some(path) => {
                format!("docker --host {} system dial-stdio", quoted(&format!("unix://{path}")))
            }
            None => "docker system dial-stdio".to_owned(),
        };
        Self { destination: format!("ssh://{destination}").into(), command: command.into() }
    }

    fn connect(&self) -> io::Result<SshStream> {
        let mut ssh = Command::new("ssh");
        // A question would wait for ever: no user can answer it.
        // `-T` requests no terminal, which would change bytes on their way.
        ssh.args(["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=30", "--"]);
        ssh.arg(&*self.destination).arg(&*self.command);
        // What ssh has to say goes where the server's log goes.
        ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = ssh.spawn()?;
        let (Some(stdout), Some(stdin)) = (child.stdout.take(), child.stdin.take()) else {
            return Err(io::Error::other("ssh has no standard input or output"));
        };
        Ok(SshStream { stream: tokio::io::join(stdout, stdin), _child: child })
    }
}

/// A word for a POSIX shell, which takes every character of it as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl Service<Uri> for SshConnector {
    type Response = TokioIo<SshStream>;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        std::future::ready(self.connect().map(TokioIo::new))
    }
}

/// A connection that ends with its `ssh`, and the other way round.
#[derive(Debug)]
pub(in crate::engine) struct SshStream {
    stream: Join<ChildStdout, ChildStdin>,
    _child: Child,
}

impl Connection for SshStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for SshStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_socket_reaches_the_far_end_as_one_word() {
        let command = |socket| SshConnector::new("h", socket).command.to_string();
        assert_eq!(command(None), "docker system dial-stdio");
        assert_eq!(
            command(Some("/run/a b'$c.sock")),
            r"docker --host 'unix:///run/a b'\''$c.sock' system dial-stdio"
        );
    }
}
