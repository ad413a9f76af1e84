//! How many connections there may be on the HTTP port, for how long one may be silent, and who makes room for others.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::access::Peer;

/// A connection on which nothing has come or gone for so long is closed; events say something more often.
const SILENCE: Duration = Duration::from_secs(60);

/// How long a request may take to come before its connection makes room for another.
const GRACE: Duration = Duration::from_secs(5);

/// A listener with so many connections at once. Where all places are taken, the connection whose request has been on its way
/// for the longest makes room: a client that sends a line now and then would keep its place for ever. Where all are
/// answered in time, a new one is closed at once: a browser says so, and waiting in the listener's queue would look like a
/// coordinator that hangs.
#[derive(Debug)]
pub struct Limited {
    listener: TcpListener,
    connections: usize,
    grace: Duration,
    seats: Mutex<Vec<Weak<Seat>>>,
}

impl Limited {
    /// At most `connections` at once.
    pub fn new(listener: TcpListener, connections: u32) -> Self {
        Self { listener, connections: connections as usize, grace: GRACE, seats: Mutex::default() }
    }

    /// A place, if there is one or somebody has to make room.
    fn seat(&self) -> Option<Arc<Seat>> {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        seats.retain(|seat| seat.strong_count() > 0);
        if seats.len() >= self.connections {
            let slowest = seats
                .iter()
                .enumerate()
                .filter_map(|(place, seat)| Some((seat.upgrade()?.unanswered_for()?, place)))
                .max()?;
            let (waited, place) = slowest;
            if waited < self.grace {
                return None;
            }
            if let Some(slow) = seats.swap_remove(place).upgrade() {
                slow.leave.cancel();
            }
        }
        let seat = Arc::new(Seat::default());
        seats.push(Arc::downgrade(&seat));
        Some(seat)
    }
}

impl Listener for Limited {
    type Io = Held;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Held, SocketAddr) {
        loop {
            // Axum's own: it logs what goes wrong, and waits where the system is out of descriptors.
            let (stream, address) = Listener::accept(&mut self.listener).await;
            match self.seat() {
                Some(seat) => {
                    let silent = Box::pin(tokio::time::sleep(SILENCE));
                    let left = Box::pin(seat.leave.clone().cancelled_owned());
                    return (Held { stream, silent, left, seat }, address);
                }
                None => tracing::debug!(%address, "an HTTP connection too many is closed"),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A place among the connections.
#[derive(Debug)]
struct Seat {
    /// Since when a request is on its way; `None` where the last one is answered.
    asked: Mutex<Option<Instant>>,
    leave: CancellationToken,
}

impl Default for Seat {
    fn default() -> Self {
        Self { asked: Mutex::new(Some(Instant::now())), leave: CancellationToken::new() }
    }
}

impl Seat {
    fn unanswered_for(&self) -> Option<Duration> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).map(|since| since.elapsed())
    }

    fn hears(&self) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
    }

    fn answers(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Connected<IncomingStream<'_, Limited>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Limited>) -> Self {
        Self(stream.remote_addr().ip())
    }
}

/// A connection that has its place as long as it is open.
pub struct Held {
    stream: TcpStream,
    silent: Pin<Box<Sleep>>,
    left: Pin<Box<WaitForCancellationFutureOwned>>,
    seat: Arc<Seat>,
}

impl Held {
    fn stirs(&mut self) {
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
        let must_leave = self.left.as_mut().poll(context).is_ready();
        if read.is_ready() && !must_leave {
            self.stirs();
            self.seat.hears();
            return read;
        }
        match must_leave || self.silent.as_mut().poll(context).is_ready() {
            true => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            false => Poll::Pending,
        }
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
            self.stirs();
            self.seat.answers();
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
            self.stirs();
            self.seat.answers();
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What a client gets that asks and waits for an answer.
    async fn ask(address: SocketAddr) -> io::Result<String> {
        let mut client = TcpStream::connect(address).await?;
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        client.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn whoever_takes_long_to_ask_makes_room_and_whoever_was_answered_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limited = Limited { grace: Duration::from_millis(300), ..Limited::new(listener, 2) };
        let routes = axum::Router::new().route("/", axum::routing::get(|| async { "hello" }));
        tokio::spawn(axum::serve(limited, routes).into_future());
        // One that is answered and stays, and one that never gets to its end.
        let mut kept = TcpStream::connect(address).await.unwrap();
        let question = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        kept.write_all(question).await.unwrap();
        let mut answer = [0; 4];
        kept.read_exact(&mut answer).await.unwrap();
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let refused = ask(address).await;
        assert!(refused.is_err() || refused.unwrap().is_empty(), "a request may take a moment");
        let answered = loop {
            match ask(address).await {
                Ok(answer) if !answer.is_empty() => break answer,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        assert!(answered.ends_with("hello"), "{answered}");
        let mut rest = Vec::new();
        // It is closed, in whatever way.
        let _ = slow.read_to_end(&mut rest).await;
        kept.write_all(question).await.unwrap();
        kept.read_exact(&mut answer).await.unwrap();
    }
}
