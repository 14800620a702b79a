//! Certificates for a server on loopback, from an authority made for one test.

use std::{fs, path::PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

/// Files of a certificate, its key and the authority that vouches for it.
pub struct Certificate {
    directory: TempDir,
}

impl Certificate {
    /// Issues a certificate for `localhost` and 127.0.0.1.
    pub fn issue() -> Self {
        let directory = TempDir::new().unwrap();
        // Two certificates: rustls rejects a server whose certificate is an authority itself.
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let certificate = Self { directory };
        fs::write(certificate.authority(), authority.pem()).unwrap();
        fs::write(certificate.chain(), leaf.pem()).unwrap();
        fs::write(certificate.key(), key.serialize_pem()).unwrap();
        certificate
    }

    /// The authority's certificate, for `--cacert`.
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    /// The server's certificate, for `--tls-cert`.
    pub fn chain(&self) -> PathBuf {
        self.directory.path().join("server.pem")
    }

    /// The server's key, for `--tls-key`.
    pub fn key(&self) -> PathBuf {
        self.directory.path().join("server.key")
    }
}
