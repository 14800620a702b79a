//! Advice for errors of the connection.

use std::{error::Error, io};

use rustls::{CertificateError, InvalidMessage};

/// The innermost cause if a plain request was sent to a server that speaks TLS.
// The answer of a TLS server is an alert, whose first bytes are not `HTTP/`.
const NO_HTTP: &str = "invalid HTTP version parsed";

/// Advice for the innermost cause of a failure, if there is any.
pub(super) fn advice(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    // An I/O error may wrap another error without naming it as its source.
    if let Some(io) = cause.downcast_ref::<io::Error>() {
        if io.kind() == io::ErrorKind::ConnectionRefused {
            return Some("is it running? `docket server` starts one");
        }
        // The TLS library's error is wrapped several times.
        return advice(io.get_ref()?);
    }
    if let Some(error) = cause.downcast_ref() {
        return of_tls(error);
    }
    // The type of this error is private to the library.
    (cause.to_string() == NO_HTTP).then_some("does it speak TLS? write https:// in --host")
}

fn of_tls(error: &rustls::Error) -> Option<&'static str> {
    use rustls::Error::{InvalidCertificate, InvalidMessage as Invalid};
    match error {
        Invalid(InvalidMessage::InvalidContentType) => {
            Some("it does not speak TLS: write http:// in --host")
        }
        InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            Some("pass its certificate, or that of its authority, with --cacert")
        }
        InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Some("use the name of its certificate in --host"),
        InvalidCertificate(CertificateError::Other(other)) if is_authority(other) => Some(
            "its certificate is for an authority, not for a server: create one with `openssl req \
             -x509 -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:HOST …`",
        ),
        _ => None,
    }
}

/// True if the server uses a CA certificate as its own.
fn is_authority(error: &rustls::OtherError) -> bool {
    // The type of this error is in a crate that docket does not depend on.
    error.to_string() == "CaUsedAsEndEntity"
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Wraps a certificate error as the connection does.
    fn advice_for(error: CertificateError) -> Option<&'static str> {
        let error =
            io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(error));
        advice(&io::Error::other(error))
    }

    #[test]
    fn an_untrusted_certificate_can_be_passed() {
        let pass_it = Some("pass its certificate, or that of its authority, with --cacert");

        assert_eq!(advice_for(CertificateError::UnknownIssuer), pass_it);
        assert_eq!(advice_for(CertificateError::BadSignature), pass_it);
        assert_eq!(advice_for(CertificateError::Expired), None);
    }

    #[test]
    fn a_ca_certificate_is_not_a_server_certificate() {
        #[derive(Debug, thiserror::Error)]
        #[error("CaUsedAsEndEntity")]
        struct CaUsedAsEndEntity;
        let error = rustls::OtherError(Arc::new(CaUsedAsEndEntity));

        let text = advice_for(CertificateError::Other(error)).unwrap();

        assert!(text.contains("CA:FALSE"), "{text}");
    }
}
