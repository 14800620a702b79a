//! The connection options: address, token and certificates.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use clap::Args;
use reqwest::{
    Certificate, ClientBuilder,
    header::{AUTHORIZATION, HeaderMap},
    redirect,
};

use super::{address::ServerAddress, token::Token};

/// How long to wait for a connection.
// A host that drops packets would otherwise block a command for the kernel's two minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connected server may send nothing before the connection counts as lost.
// Event streams have a heartbeat every 15 s: a longer silence is a host that is gone. A followed
// output may be silent for hours; it is then requested again.
const SILENCE: Duration = Duration::from_secs(300);

/// The server to connect to.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct Connection {
    /// Address of the server: a URL, HOST:PORT or unix:PATH
    #[arg(
        long,
        value_name = "URL",
        env = "DOCKET_SERVER",
        default_value = "http://localhost:3000"
    )]
    pub(crate) host: ServerAddress,

    /// File with the token that the server requires [or the token itself in `DOCKET_TOKEN`]
    #[arg(long, value_name = "FILE", env = "DOCKET_TOKEN_FILE")]
    token_file: Option<PathBuf>,

    /// File with the CA certificates (PEM) to trust instead of the system's
    #[arg(long, value_name = "FILE", env = "DOCKET_CACERT")]
    cacert: Option<PathBuf>,
}

impl Connection {
    /// The token to send, if there is one.
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
            // A redirected push would become a GET, and the token could go to another server.
            .redirect(redirect::Policy::none())
            .default_headers(token.into_iter().collect::<HeaderMap>());
        if let ServerAddress::Unix(path) = &self.host {
            builder = builder.unix_socket(path.as_path());
        }
        // A variable such as HTTP_PROXY is set for other hosts: through a proxy, localhost is the
        // proxy's own machine.
        if self.host.is_local() {
            builder = builder.no_proxy();
        }
        self.trust(builder)?.build().context("cannot set up the connection")
    }

    fn trust(&self, builder: ClientBuilder) -> Result<ClientBuilder> {
        let Some(file) = &self.cacert else {
            // Without TLS the system's certificates are not needed and may be missing.
            let is_tls = self.host.is_tls();
            return Ok(if is_tls { builder } else { builder.tls_certs_only([]) });
        };
        let shown = format!("`{}` (from --cacert or DOCKET_CACERT)", file.display());
        let pem = fs::read(file).with_context(|| format!("cannot read {shown}"))?;
        let certificates = Certificate::from_pem_bundle(&pem)
            .with_context(|| format!("there is no certificate in {shown}"))?;
        // A file without a PEM certificate parses as an empty list, which would trust no server.
        if certificates.is_empty() {
            bail!("there is no certificate in {shown}");
        }
        Ok(builder.tls_certs_only(certificates))
    }
}
