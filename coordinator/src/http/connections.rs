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
/// for too long makes room: a client that sends a line now and then would keep its place for ever. Else it is the one that was
/// answered the longest ago: whoever asks again and again on a connection of its own could keep all others out, and a browser
/// that comes back later connects anew. Where all requests are on their way, a new connection is closed at once: a browser says
/// so, and waiting in the listener's queue would look like a coordinator that hangs.
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
            let states = || {
                let seated = seats.iter().enumerate();
                seated.filter_map(|(place, seat)| Some((seat.upgrade()?.state(), place)))
            };
            let slowest = states().filter_map(|(state, place)| Some((state.asking_for()?, place))).max();
            let longest_idle = states().filter_map(|(state, place)| Some((state.idle_for()?, place))).max();
            let (_, place) = slowest.filter(|(waited, _)| *waited >= self.grace).or(longest_idle)?;
            if let Some(leaving) = seats.swap_remove(place).upgrade() {
                leaving.leave.cancel();
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
    state: Mutex<State>,
    leave: CancellationToken,
}

/// What a connection is doing, and since when.
#[derive(Debug, Clone, Copy)]
enum State {
    /// A request is on its way.
    Asking(Instant),
    /// The last one was answered.
    Answered(Instant),
}

impl State {
    fn asking_for(self) -> Option<Duration> {
        match self {
            Self::Asking(since) => Some(since.elapsed()),
            Self::Answered(_) => None,
        }
    }

    fn idle_for(self) -> Option<Duration> {
        match self {
            Self::Asking(_) => None,
            Self::Answered(since) => Some(since.elapsed()),
        }
    }
}

impl Default for Seat {
    fn default() -> Self {
        Self { state: Mutex::new(State::Asking(Instant::now())), leave: CancellationToken::new() }
    }
}

impl Seat {
    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hears(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Answered(_) = *state {
            *state = State::Asking(Instant::now());
        }
    }

    fn answers(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::Answered(Instant::now());
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

    /// A connection on which this was sent.
    async fn connected(address: SocketAddr, sent: &[u8]) -> TcpStream {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(sent).await.unwrap();
        client
    }

    async fn serve(connections: u32, grace: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limited = Limited { grace, ..Limited::new(listener, connections) };
        let routes = axum::Router::new().route("/", axum::routing::get(|| async { "hello" }));
        tokio::spawn(axum::serve(limited, routes).into_future());
        address
    }

    /// Asks until there is an answer.
    async fn answered(address: SocketAddr) -> String {
        loop {
            match ask(address).await {
                Ok(answer) if !answer.is_empty() => return answer,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    const QUESTION: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    #[tokio::test]
    async fn whoever_takes_long_to_ask_makes_room() {
        let address = serve(2, Duration::from_millis(300)).await;
        let half = b"GET / HTTP/1.1\r\n";
        let (mut one, two) = (connected(address, half).await, connected(address, half).await);
        let refused = ask(address).await;
        assert!(refused.is_err() || refused.unwrap().is_empty(), "a request may take a moment");
        assert!(answered(address).await.ends_with("hello"));
        let mut rest = Vec::new();
        // It is closed, in whatever way.
        let _ = one.read_to_end(&mut rest).await;
        drop(two);
    }

    #[tokio::test]
    async fn whoever_was_answered_the_longest_ago_makes_room_for_a_new_one() {
        let address = serve(2, Duration::from_secs(60)).await;
        let mut answer = [0; 4];
        let mut kept = Vec::new();
        for _ in 0..2 {
            let mut client = connected(address, QUESTION).await;
            client.read_exact(&mut answer).await.unwrap();
            kept.push(client);
        }
        assert!(answered(address).await.ends_with("hello"));
        let mut rest = Vec::new();
        let _ = kept[0].read_to_end(&mut rest).await;
        kept[1].write_all(QUESTION).await.unwrap();
        kept[1].read_exact(&mut answer).await.unwrap();
    }
}
