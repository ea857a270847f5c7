//! nginx on loopback: one worker process, a tiny body, connections kept, and its own count of requests.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Failure;
use crate::machine::Kept;

/// A running nginx; it ends when this is dropped.
pub struct Nginx {
    port: u16,
    _process: Kept,
    _folder: TempDir,
}

const CONFIG: &str = "
daemon off;
master_process off;
worker_processes 1;
pid FOLDER/nginx.pid;
error_log stderr crit;
events { worker_connections 16384; }
http {
    access_log off;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    tcp_nodelay on;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    default_type text/plain;
    server {
        listen 127.0.0.1:PORT backlog=8192;
        location /status { stub_status; }
        location / { return 200 'hello, world\\n'; }
    }
}
";

impl Nginx {
    pub fn start() -> Result<Nginx, Failure> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let path = folder.path().display().to_string();
        let file = folder.path().join("nginx.conf");
        fs::write(&file, CONFIG.replace("FOLDER", &path).replace("PORT", &port.to_string()))?;
        let process = Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .args(["-p", &path, "-e", "stderr"])
            .stdin(Stdio::null())
            .spawn()
            .map_err(|e| format!("nginx cannot be started ({e}): as root, apt-get install nginx"))?;
        let nginx = Nginx { port, _process: Kept(process), _folder: folder };
        let start = Instant::now();
        while let Err(why) = nginx.requests() {
            if start.elapsed() > Duration::from_secs(10) {
                return Err(format!("nginx does not answer: {why}").into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(nginx)
    }

    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests it has answered, this one included.
    fn requests(&self) -> Result<u64, Failure> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.write_all(b"GET /status HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let after = answer.split_once("requests\n").ok_or("its status page is not understood")?.1;
        let count = after.split_whitespace().nth(2).ok_or("its status page has no count")?;
        Ok(count.parse()?)
    }

    /// Does `work`, and counts the requests that came meanwhile.
    pub fn counting<T>(&self, work: impl FnOnce() -> Result<T, Failure>) -> Result<(T, u64), Failure> {
        let before = self.requests()?;
        let done = work()?;
        // The second look counts itself.
        Ok((done, self.requests()? - before - 1))
    }
}
