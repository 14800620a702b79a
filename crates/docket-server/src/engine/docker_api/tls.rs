//! TLS to the engine: which authorities are trusted, and the certificate that docket shows.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{
    ClientConfig, RootCertStore, SignatureScheme,
    client::ResolvesClientCert,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use tracing::warn;

/// Makes connections over TLS that trust the host's authorities and those in `ca`.
pub(in crate::engine) fn connector(
    ca: &Path,
    certificate: PathBuf,
    key: PathBuf,
) -> io::Result<HttpsConnector<HttpConnector>> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        warn!(%error, "an authority of this host is not used for TLS to the engine");
    }
    // Hosts may have certificates that rustls cannot parse; these are skipped.
    roots.add_parsable_certificates(native.certs);
    let pem = fs::read(ca)?;
    let authorities: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    roots.add_parsable_certificates(authorities.map_err(io::Error::other)?);
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(ClientFiles { certificate, key }));
    let mut http = HttpConnector::new();
    // Otherwise the connector rejects addresses with `https`.
    http.enforce_http(false);
    Ok(HttpsConnector::from((http, config)))
}

/// The certificate of docket, read for each connection, so that a renewed one is used at once.
#[derive(Debug)]
struct ClientFiles {
    certificate: PathBuf,
    key: PathBuf,
}

impl ClientFiles {
    fn read(&self) -> io::Result<CertifiedKey> {
        let pem = fs::read(&self.certificate)?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let key = fs::read(&self.key)?;
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(io::Error::other)?;
        let provider = CryptoProvider::get_default()
            .ok_or_else(|| io::Error::other("no cryptography is installed"))?;
        let key = provider.key_provider.load_private_key(key).map_err(io::Error::other)?;
        Ok(CertifiedKey::new(chain.map_err(io::Error::other)?, key))
    }
}

impl ResolvesClientCert for ClientFiles {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        match self.read() {
            Ok(key) => Some(Arc::new(key)),
            Err(error) => {
                // The handshake continues without it: the engine decides whether it needs a
                // certificate.
                warn!(%error, certificate = %self.certificate.display(), "no certificate for the engine");
                None
            }
        }
    }

    fn has_certs(&self) -> bool {
        self.certificate.exists()
    }
}
