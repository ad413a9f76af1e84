//! How many connections there may be. The ones past the limit are still answered, with the reason; past twice the limit
//! they are closed without a word, as answering costs too. One that makes no call that is let in is closed after a while: it
//! takes a place, and nobody needs it.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use proto::Reason;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;
use tonic::transport::server::Connected;

/// When those past the limit are told to ask again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A connection on which no call was let in for so long after it was made is closed.
const UNUSED: Duration = Duration::from_secs(20);

/// Counts the connections of `incoming`, and closes those that are past twice the limit.
pub fn limited(
    incoming: impl Stream<Item = io::Result<TcpStream>>,
    limit: u32,
) -> impl Stream<Item = io::Result<Counted>> {
    let open = Arc::new(AtomicU32::new(0));
    incoming.then(rest_after_error).filter_map(move |accepted| {
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) => return Some(Err(error)),
        };
        let place = Place::take(&open);
        if place.number > limit.saturating_mul(2) {
            tracing::debug!(open = place.number, "a connection too many is closed");
            return None;
        }
        let connection = Connection {
            peer: stream.peer_addr().ok(),
            too_many: (place.number > limit).then_some(limit),
            called: Arc::default(),
        };
        let unused = Box::pin(tokio::time::sleep(UNUSED));
        Some(Ok(Counted { stream, connection, unused, _place: place }))
    })
}

/// Without a pause, a coordinator that is out of descriptors would ask for one all the time.
async fn rest_after_error(accepted: io::Result<TcpStream>) -> io::Result<TcpStream> {
    if let Err(error) = &accepted {
        tracing::warn!("a connection cannot be accepted: {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    accepted
}

/// Lets this process have as many files and connections open as the system allows it; many systems begin with 1,024.
pub fn raise_descriptor_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::warn!("the limit of open files stays as it is: {error}");
    }
}

/// One of the open connections, until it is dropped.
#[derive(Debug)]
struct Place {
    number: u32,
    open: Arc<AtomicU32>,
}

impl Place {
    fn take(open: &Arc<AtomicU32>) -> Self {
        Self { number: open.fetch_add(1, Ordering::Relaxed) + 1, open: open.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a call knows of its connection.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The other end.
    pub peer: Option<SocketAddr>,
    too_many: Option<u32>,
    called: Arc<AtomicBool>,
}

impl Connection {
    /// A call on it was let in: it stays.
    pub fn note_call(&self) {
        self.called.store(true, Ordering::Relaxed);
    }

    /// Whether calls on it are answered.
    ///
    /// # Errors
    /// [`Reason::LimitExceeded`] where it is past the limit.
    pub fn check(&self) -> Result<(), Status> {
        match self.too_many {
            None => Ok(()),
            Some(limit) => Err(Reason::LimitExceeded.status_later(
                format!(
                    "this coordinator has its {limit} connections (--max-connections); connect again later"
                ),
                RETRY_AFTER,
            )),
        }
    }
}

/// A connection that is counted as long as it is open.
#[derive(Debug)]
pub struct Counted {
    stream: TcpStream,
    connection: Connection,
    unused: Pin<Box<Sleep>>,
    _place: Place,
}

impl Connected for Counted {
    type ConnectInfo = Connection;

    fn connect_info(&self) -> Connection {
        self.connection.clone()
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if self.connection.called.load(Ordering::Relaxed) || self.unused.as_mut().poll(context).is_pending() {
            return read;
        }
        // Whoever sends a byte now and then, too.
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
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
