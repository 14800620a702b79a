//! Loads the certificate and the private key of the server.

use std::path::PathBuf;

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use thiserror::Error;

use crate::config::TlsFiles;

/// Why the server cannot use TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read, or does not contain PEM of the expected kind.
    #[error("`{path}` does not contain a {expected} in PEM format")]
    File {
        /// The file.
        path: PathBuf,
        /// What it should contain.
        expected: &'static str,
        /// The cause.
        source: rustls::pki_types::pem::Error,
    },
    /// The certificate and the key do not match, or are not supported.
    #[error("the certificate `{certificate}` and the key `{key}` cannot be used together")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// The cause.
        source: rustls::Error,
    },
}

/// Builds the TLS configuration from the two files.
pub(super) fn server_config(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let TlsFiles { certificate, key } = files;
    let unreadable = |path: &PathBuf, expected| {
        let path = path.clone();
        move |source| TlsError::File { path, expected, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable(certificate, "certificate"))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key, "private key"))?;
    ServerConfig::builder().with_no_client_auth().with_single_cert(chain, secret).map_err(
        |source| TlsError::Pair { certificate: certificate.clone(), key: key.clone(), source },
    )
}
