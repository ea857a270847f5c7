//! A server that answers as a test says, and keeps every request that it read.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it was read.
#[derive(Debug, Clone, Default)]
pub struct Got {
    /// Method and path.
    pub what: String,
    /// Headers, their names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// An answer: status, headers, body.
pub type Reply = (u16, Vec<(&'static str, String)>, String);

type Handler = dyn Fn(&Got) -> Reply + Send + Sync;

/// The server. It ends when it is dropped.
pub struct Echo {
    pub address: SocketAddr,
    log: Arc<Mutex<Vec<Got>>>,
    accepting: JoinHandle<()>,
}

impl Got {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

impl Echo {
    pub async fn start(answer: impl Fn(&Got) -> Reply + Send + Sync + 'static) -> Echo {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (log, answer): (_, Arc<Handler>) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let logging = log.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                tokio::spawn(serve(stream, answer.clone(), logging.clone()));
            }
        });
        Echo { address, log, accepting }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn got(&self) -> Vec<Got> {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(stream: TcpStream, answer: Arc<Handler>, log: Arc<Mutex<Vec<Got>>>) {
    let _ = stream.set_nodelay(true);
    let mut stream = BufReader::new(stream);
    while let Some(got) = read(&mut stream).await {
        let (status, headers, body) = answer(&got);
        log.lock().unwrap().push(got);
        let mut text = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        text += &body;
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Got> {
    let mut got = Got::default();
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    got.what = line.rsplit_once(' ')?.0.to_owned();
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        got.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = got.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    got.body = String::from_utf8(body).ok()?;
    Some(got)
}
