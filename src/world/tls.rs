//! TLS as a client: whom to trust, and who we are.

use std::sync::Arc;

use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use tokio_rustls::rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::scenario::profile::Tls;

/// What a client needs for TLS, from files that `tls` names; `alpn` are the protocols it offers, the best first.
///
/// # Errors
///
/// Which file is not what it should be, or that this machine has no certificates of its own; never what is in a file.
pub fn client_config(tls: &Tls, alpn: &[&[u8]]) -> Result<ClientConfig, String> {
    let provider = Arc::new(provider()?);
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("no TLS on this machine: {e}"))?;
    let builder = if tls.insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate::new(&provider)))
    } else if let Some(ca) = &tls.ca {
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(ca)?), provider).build();
        builder.with_webpki_verifier(verifier.map_err(|e| format!("http.tls.ca: {ca}: {e}"))?)
    } else {
        builder
            .with_platform_verifier()
            .map_err(|e| format!("no TLS on this machine: {e}; install its CA certificates, or name one's own"))?
    };
    let mut config = match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => builder
            .with_client_auth_cert(certificates("http.tls.cert", cert)?, private_key(key)?)
            .map_err(|e| format!("http.tls.cert: {cert}: not a certificate for the key of {key}: {e}"))?,
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

#[cfg(feature = "tls")]
fn provider() -> Result<CryptoProvider, String> {
    Ok(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(not(feature = "tls"))]
fn provider() -> Result<CryptoProvider, String> {
    Err("this program was built without TLS: build it with the feature `tls`".into())
}

fn roots(path: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("http.tls.ca", path)? {
        roots.add(certificate).map_err(|e| format!("http.tls.ca: {path}: not a certificate of an authority: {e}"))?;
    }
    Ok(roots)
}

fn certificates(field: &str, path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(format!("{field}: {path}: no certificate in it; it must be PEM (-----BEGIN CERTIFICATE-----)")),
        Err(e) => Err(format!("{field}: {path}: {e}")),
    }
}

fn private_key(path: &str) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(path).map_err(|e| format!("http.tls.key: {path}: {e}"))
}

/// Trusts any certificate. Signatures are still checked, so that the other end has the key of what it shows.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl AnyCertificate {
    fn new(provider: &CryptoProvider) -> Self {
        AnyCertificate(provider.signature_verification_algorithms)
    }
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
