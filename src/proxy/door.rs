//! The listening socket of a link: open, or shut without giving its port away.

use std::io;
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// How long to wait before trying again when a connection could not be accepted (no file handle left, say).
const AGAIN: Duration = Duration::from_millis(10);

/// A listening socket that can be shut and opened again.
///
/// Shut, it is still bound but does not listen, so the kernel refuses connections as it does where nobody serves. It is
/// the same socket all the time: closing it and binding again could find the port taken, and then the fault
/// could not be undone.
pub struct Door {
    socket: Socket,
    /// The same socket, watched for connections; none while the door is shut.
    listener: Option<TcpListener>,
}

impl Door {
    /// Binds and listens on the first address of `host:port` that can be bound.
    ///
    /// # Errors
    /// When the name is not known or no address can be bound; the error of the last one.
    pub fn open(address: &str) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
        for address in address.to_socket_addrs()? {
            match bind(address) {
                Ok(socket) => {
                    let mut door = Door { socket, listener: None };
                    door.reopen()?;
                    return Ok(door);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The address that clients dial.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("not an address of the internet family"))
    }

    /// The next connection; waits for ever while the door is shut. May be dropped and called again.
    pub async fn accept(&self) -> TcpStream {
        let Some(listener) = &self.listener else { return std::future::pending().await };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return stream,
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    /// Resets whoever waits to be accepted; returns how many.
    pub fn reset_waiting(&self) -> u64 {
        // What comes later than a full backlog's worth belongs to the next call.
        (0..BACKLOG).map_while(|_| self.socket.accept().ok()).map(|(waiting, _)| reset(&waiting)).count() as u64
    }

    /// From here on the kernel refuses connections.
    ///
    /// # Errors
    /// When the system does not let the socket stop listening; the door is then open.
    pub fn shut(&mut self) -> io::Result<()> {
        if self.listener.is_some() {
            self.socket.shutdown(Shutdown::Read)?;
            // With the option on, Linux would let another program that has it on too bind the port and listen.
            self.socket.set_reuse_address(false)?;
            self.listener = None;
        }
        Ok(())
    }

    /// Listens again, on the same port. Nothing happens when the door is open.
    ///
    /// # Errors
    /// When the system does not let it; the door is then shut, and asking again is right.
    pub fn reopen(&mut self) -> io::Result<()> {
        if self.listener.is_none() {
            // Connections that were accepted here and still linger would otherwise be in the way.
            self.socket.set_reuse_address(true)?;
            self.socket.listen(BACKLOG)?;
            self.listener = Some(TcpListener::from_std(self.socket.try_clone()?.into())?);
        }
        Ok(())
    }
}

/// A socket bound to that very port. Port 0 means any: one is chosen first, because Linux would choose another one each
/// time a socket that was bound to port 0 listens again.
fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    match (address.port(), socket.local_addr()?.as_socket()) {
        (0, Some(chosen)) => {
            drop(socket);
            bind(chosen)
        }
        _ => Ok(socket),
    }
}

/// Makes dropping this socket reset its connection instead of closing it in good order.
pub fn reset<'s>(socket: impl Into<SockRef<'s>>) {
    // It fails only on a socket that is no connection any more.
    let _ = socket.into().set_linger(Some(Duration::ZERO));
}
