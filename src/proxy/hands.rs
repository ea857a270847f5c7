//! Who carries connections: threads of their own, each with a runtime of its own.
//!
//! A connection stays on one thread for its whole life. On a runtime with several threads every wakening may move it,
//! and with small messages the threads spend more time waking each other than moving bytes (decision 27 has figures).

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};

/// Most threads; more would only share the bus.
const MOST: usize = 8;

/// Threads that carry connections, dealt out in turn.
pub struct Hands {
    threads: Vec<Handle>,
    next: AtomicUsize,
}

impl Hands {
    /// One thread for each processor. They live as long as the process.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start() -> io::Result<Self> {
        let count = std::thread::available_parallelism().map_or(1, usize::from).min(MOST);
        let threads = (0..count).map(|n| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let handle = runtime.handle().clone();
            let run = move || runtime.block_on(std::future::pending::<()>());
            std::thread::Builder::new().name(format!("carrier-{n}")).spawn(run)?;
            Ok(handle)
        });
        Ok(Hands { threads: threads.collect::<io::Result<_>>()?, next: AtomicUsize::new(0) })
    }

    /// The runtime that this is called on.
    #[cfg(test)]
    pub fn here() -> Self {
        Hands { threads: vec![Handle::current()], next: AtomicUsize::new(0) }
    }

    /// Gives a connection to a thread; `carry` goes on with it there.
    pub fn give<F: Future<Output = ()> + Send + 'static>(
        &self,
        client: TcpStream,
        carry: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let (Some(thread), Ok(socket)) = (self.threads.get(turn % self.threads.len().max(1)), client.into_std()) else {
            return;
        };
        thread.spawn(async move {
            // A socket is watched by the runtime it was made on; this one changes hands.
            if let Ok(client) = TcpStream::from_std(socket) {
                carry(client).await;
            }
        });
    }
}
