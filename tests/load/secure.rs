//! A server that speaks TLS, HTTP/1.1 and HTTP/2 as a test wants it, with certificates of its own making.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// An authority, and files with certificates that it gave.
pub struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one, whose own certificate is `ca.pem`.
    pub fn new() -> Authority {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        std::fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Authority { folder, issuer: Issuer::new(params, key) }
    }

    /// Writes a certificate for `names` to `who.pem` and its key to `who.key`; one that has expired ends in 2001.
    pub fn certify(&self, who: &str, names: &[&str], expired: bool) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        if expired {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.folder.path().join(format!("{who}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.folder.path().join(format!("{who}.key")), key.serialize_pem()).unwrap();
    }

    /// The path of a file.
    pub fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// What a server needs that is `who`, offers `protocols`, and asks for certificates of this authority if it must.
    pub fn server(&self, who: &str, protocols: &[&str], asks: bool) -> Arc<ServerConfig> {
        let path = |name: String| self.folder.path().join(name);
        let read = |path: &Path| CertificateDer::pem_file_iter(path).unwrap().map(Result::unwrap).collect::<Vec<_>>();
        let builder = if asks {
            let mut roots = RootCertStore::empty();
            roots.add(read(&path("ca.pem".into())).remove(0)).unwrap();
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
            ServerConfig::builder().with_client_cert_verifier(verifier)
        } else {
            ServerConfig::builder().with_no_client_auth()
        };
        let key = PrivateKeyDer::from_pem_file(path(format!("{who}.key"))).unwrap();
        let mut config = builder.with_single_cert(read(&path(format!("{who}.pem"))), key).unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// What came: HTTP version, method and path, authority.
pub type Came = (Version, String, String);

/// The server. It ends when it is dropped.
pub struct Secure {
    pub address: SocketAddr,
    came: Arc<Mutex<Vec<Came>>>,
    connections: Arc<Mutex<u64>>,
    accepting: JoinHandle<()>,
}

impl Secure {
    /// With TLS it speaks what was agreed on; without, HTTP/2. `/big` answers 100,000 bytes, `/never` never.
    pub async fn start(tls: Option<Arc<ServerConfig>>) -> Secure {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (came, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let (log, count) = (came.clone(), connections.clone());
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                *count.lock().unwrap() += 1;
                let (tls, log) = (tls.clone(), log.clone());
                tokio::spawn(async move {
                    let Some(tls) = tls else { return serve(stream, true, log).await };
                    let stream = match TlsAcceptor::from(tls).accept(stream).into_fallible().await {
                        Ok(stream) => stream,
                        // A client that does not like the certificate goes away, which is what is tested. One that
                        // we do not like hears why before the connection is closed: a reset could overtake that.
                        Err((_, mut stream)) => {
                            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                            return;
                        }
                    };
                    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    serve(stream, http2, log).await;
                });
            }
        });
        Secure { address, came, connections, accepting }
    }

    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.address.port())
    }

    pub fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    pub fn connections(&self) -> u64 {
        *self.connections.lock().unwrap()
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, http2: bool, log: Arc<Mutex<Vec<Came>>>) {
    let service = service_fn(move |request| answer(request, log.clone()));
    let io = TokioIo::new(stream);
    // The client closes when it likes.
    if http2 {
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
    } else {
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
    }
}

async fn answer(request: Request<Incoming>, log: Arc<Mutex<Vec<Came>>>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let authority = head.uri.authority().map(ToString::to_string);
    let host = head.headers.get("host").map(|host| host.to_str().unwrap().to_owned());
    let what = format!("{} {}", head.method, head.uri.path_and_query().unwrap());
    log.lock().unwrap().push((head.version, what, authority.or(host).unwrap_or_default()));
    Ok(Response::new(match head.uri.path() {
        "/big" => Full::new(Bytes::from(vec![b'x'; 100_000])),
        "/never" => std::future::pending().await,
        _ => Full::new(body),
    }))
}
