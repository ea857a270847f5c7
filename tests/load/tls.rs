//! A TLS server with papers of every kind, and the authority that signs them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::server::read_request;

/// What the server shows, or does instead of showing anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Papers {
    /// A certificate for `127.0.0.1` and `localhost`.
    Good,
    /// One for `other.example`.
    OtherHost,
    /// One that ran out long ago.
    Expired,
    /// A good one; and it asks for ours.
    AsksForOurs,
    /// It listens to the greeting and says nothing.
    Silent,
    /// It listens to the greeting and closes.
    Closes,
}

/// An authority, with its certificate and one for a client in files.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["client.example".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        std::fs::write(folder.path().join("client.pem"), params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
        std::fs::write(folder.path().join("client.key"), key.serialize_pem()).unwrap();
        Authority { issuer, folder }
    }

    /// `ca.pem`, `client.pem` or `client.key`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self, papers: Papers) -> ServerConfig {
        let host = if papers == Papers::OtherHost { vec!["other.example"] } else { vec!["127.0.0.1", "localhost"] };
        let mut params = CertificateParams::new(host.into_iter().map(String::from).collect::<Vec<_>>()).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if papers == Papers::Expired {
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let chain = vec![CertificateDer::clone(params.signed_by(&key, &self.issuer).unwrap().der())];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
        let builder = if papers == Papers::AsksForOurs {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        builder.with_single_cert(chain, key).unwrap()
    }
}

/// The server. It ends when it is dropped.
pub struct TlsServer {
    port: u16,
    requests: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl TlsServer {
    pub async fn start(authority: &Authority, papers: Papers) -> TlsServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, connections) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let acceptor = TlsAcceptor::from(Arc::new(authority.config(papers)));
        let (counting, greeting) = (requests.clone(), connections.clone());
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((mut stream, _)) = listener.accept().await else { continue };
                greeting.fetch_add(1, Ordering::Relaxed);
                let (acceptor, counting) = (acceptor.clone(), counting.clone());
                tokio::spawn(async move {
                    let mut greeting = [0u8; 64];
                    match papers {
                        Papers::Closes => drop(stream.read(&mut greeting).await),
                        // Reads until the client gives up.
                        Papers::Silent => while stream.read(&mut greeting).await.is_ok_and(|read| read > 0) {},
                        _ => {
                            let stream = match acceptor.accept(stream).into_fallible().await {
                                Ok(stream) => stream,
                                // Whom we refuse hears why before the connection is closed: a reset could
                                // overtake that.
                                Err((_, mut stream)) => {
                                    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                                    return;
                                }
                            };
                            let mut stream = BufReader::new(stream);
                            while read_request(&mut stream).await.is_some() {
                                counting.fetch_add(1, Ordering::Relaxed);
                                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                                if stream.write_all(answer).await.is_err() || stream.flush().await.is_err() {
                                    return;
                                }
                            }
                        }
                    }
                });
            }
        });
        TlsServer { port, requests, connections, accepting }
    }

    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The same port, by plain HTTP.
    pub fn plain_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests it could read.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// How many connections came.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
