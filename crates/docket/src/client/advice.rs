//! What may help where a server could not be reached.

use std::{error::Error, io};

use rustls::{CertificateError, InvalidMessage};

/// What the innermost cause says where a server that speaks TLS is asked without.
const NO_HTTP: &str = "invalid HTTP version parsed";

/// What may help against the innermost cause of a failure, where that is known.
pub(super) fn advice(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    // An error of the system may be the cover of another one that it does not name as its source.
    if let Some(io) = cause.downcast_ref::<io::Error>() {
        if io.kind() == io::ErrorKind::ConnectionRefused {
            return Some("is it running? `docket server` starts one");
        }
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
            Some("give its certificate, or that of who signed it, with --cacert")
        }
        InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Some("write the name that its certificate is for in --host"),
        InvalidCertificate(CertificateError::Other(other)) if is_authority(other) => Some(
            "its certificate is that of an authority, not of a server: make one with `openssl req \
             -x509 -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:HOST …`",
        ),
        _ => None,
    }
}

/// True where a certificate that may sign others was shown as that of a server.
fn is_authority(error: &rustls::OtherError) -> bool {
    error.to_string() == "CaUsedAsEndEntity"
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// As the connection wraps what is wrong with a certificate.
    fn told_of(error: CertificateError) -> Option<&'static str> {
        let error =
            io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(error));
        advice(&io::Error::other(error))
    }

    #[test]
    fn a_certificate_that_is_not_trusted_can_be_given() {
        let given = Some("give its certificate, or that of who signed it, with --cacert");

        assert_eq!(told_of(CertificateError::UnknownIssuer), given);
        assert_eq!(told_of(CertificateError::BadSignature), given);
        assert_eq!(told_of(CertificateError::Expired), None);
    }

    #[test]
    fn the_certificate_of_an_authority_is_none_of_a_server() {
        #[derive(Debug, thiserror::Error)]
        #[error("CaUsedAsEndEntity")]
        struct CaUsedAsEndEntity;
        let error = rustls::OtherError(Arc::new(CaUsedAsEndEntity));

        let told = told_of(CertificateError::Other(error)).unwrap();

        assert!(told.contains("CA:FALSE"), "{told}");
    }
}
