//! How a server is reached: its address, the token it wants, the certificates it is known by.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use clap::Args;
use reqwest::{
    Certificate, ClientBuilder,
    header::{AUTHORIZATION, HeaderMap},
    redirect,
};

use super::{address::ServerAddress, token::Token};

/// A server that cannot be reached in this time is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A server that is silent for so long will not answer any more.
const SILENCE: Duration = Duration::from_secs(300);

/// Which server, and how to get in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct Connection {
    /// Where the server is: a URL, HOST:PORT or unix:PATH
    #[arg(
        long,
        value_name = "URL",
        env = "DOCKET_SERVER",
        default_value = "http://localhost:3000"
    )]
    pub(crate) host: ServerAddress,

    /// File with the token that the server wants [or the token itself in `DOCKET_TOKEN`]
    #[arg(long, value_name = "FILE", env = "DOCKET_TOKEN_FILE")]
    token_file: Option<PathBuf>,

    /// File with the certificates (PEM) that the server is known by, in place of the system's
    #[arg(long, value_name = "FILE", env = "DOCKET_CACERT")]
    cacert: Option<PathBuf>,
}

impl Connection {
    /// The token to be sent, if there is one.
    pub(super) fn token(&self) -> Result<Option<Token>> {
        Token::find(self.token_file.as_deref())
    }

    /// An HTTP client for this server only.
    pub(super) fn open(&self, token: Option<&Token>) -> Result<reqwest::Client> {
        let token = token.map(|token| (AUTHORIZATION, token.header.clone()));
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("docket/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE)
            // A redirected push would arrive as a GET, and a token at a stranger's.
            .redirect(redirect::Policy::none())
            .default_headers(token.into_iter().collect::<HeaderMap>());
        if let ServerAddress::Unix(path) = &self.host {
            builder = builder.unix_socket(path.as_path());
        }
        if self.host.is_local() {
            builder = builder.no_proxy();
        }
        self.trust(builder)?.build().context("cannot set up the connection")
    }

    fn trust(&self, builder: ClientBuilder) -> Result<ClientBuilder> {
        let Some(file) = &self.cacert else {
            // Without TLS the system's certificates are not needed, and need not be there.
            let is_tls = self.host.is_tls();
            return Ok(if is_tls { builder } else { builder.tls_certs_only([]) });
        };
        let shown = format!("{}, which --cacert or DOCKET_CACERT names", file.display());
        let pem = fs::read(file).with_context(|| format!("cannot read {shown}"))?;
        let certificates = Certificate::from_pem_bundle(&pem)
            .with_context(|| format!("no certificates are in {shown}"))?;
        if certificates.is_empty() {
            bail!("no certificates are in {shown}");
        }
        Ok(builder.tls_certs_only(certificates))
    }
}
