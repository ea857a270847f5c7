//! A Redis server of the test's own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisResult};

use super::cluster::until;
use super::common::free_port;

/// A server that runs until this is dropped.
pub struct Cache {
    pub port: u16,
    child: Child,
}

impl Cache {
    pub async fn new(home: &Path, more: &[&str]) -> Cache {
        let port = free_port();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"])
            .args(more)
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("redis-server: {e}; scripts/test installs it"));
        let cache = Cache { port, child };
        let address = format!("127.0.0.1:{port}");
        until("Redis listens", async || tokio::net::TcpStream::connect(&address).await.is_ok()).await;
        cache
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A client's connection, whose commands wait for so long at most.
    pub async fn client(&self, patience: Duration) -> MultiplexedConnection {
        let client = Client::open(self.url()).unwrap();
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(patience));
        client.get_multiplexed_async_connection_with_config(&config).await.unwrap()
    }

    /// Runs one command on a connection of its own.
    pub async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        ask(&mut self.client(Duration::from_secs(10)).await, words).await
    }
}

/// Runs one command.
pub async fn ask<T: FromRedisValue>(client: &mut MultiplexedConnection, words: &[&str]) -> RedisResult<T> {
    let mut command = ::redis::Cmd::new();
    words.iter().for_each(|word| {
        command.arg(*word);
    });
    command.query_async(client).await
}

impl Drop for Cache {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
