//! How many connections there may be on the HTTP port, and for how long one may be silent.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

use crate::access::Peer;

/// A connection on which nothing has come or gone for so long is closed; events say something more often.
const SILENCE: Duration = Duration::from_secs(60);

/// A listener with so many connections at once. What comes past them is closed at once: a browser says so, and waiting
/// in the listener's queue would look like a coordinator that hangs.
#[derive(Debug)]
pub struct Limited {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl Limited {
    /// At most `connections` at once.
    pub fn new(listener: TcpListener, connections: u32) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(connections as usize)) }
    }
}

impl Listener for Limited {
    type Io = Held;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Held, SocketAddr) {
        loop {
            // Axum's own: it logs what goes wrong, and waits where the system is out of descriptors.
            let (stream, address) = Listener::accept(&mut self.listener).await;
            match self.places.clone().try_acquire_owned() {
                Ok(place) => {
                    let silent = Box::pin(tokio::time::sleep(SILENCE));
                    return (Held { stream, silent, _place: place }, address);
                }
                Err(_) => tracing::debug!(%address, "an HTTP connection too many is closed"),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Limited>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Limited>) -> Self {
        Self(stream.remote_addr().ip())
    }
}

/// A connection that has its place as long as it is open.
#[derive(Debug)]
pub struct Held {
    stream: TcpStream,
    silent: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Held {
    fn heard(&mut self) {
        self.silent.as_mut().reset(Instant::now() + SILENCE);
    }
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.heard();
            return read;
        }
        ready!(self.silent.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if written.is_ready() {
            self.heard();
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        if written.is_ready() {
            self.heard();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
