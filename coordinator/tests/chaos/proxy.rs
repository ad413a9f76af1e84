//! A TCP proxy between workers and coordinators that loses requests, loses replies and goes silent, as networks do.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What may happen to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// A request is not passed on, and the connection ends.
    Request,
    /// A request is passed on, and the connection ends when its reply is there.
    Reply,
    /// Nothing is passed on any more, in either direction, and for a while neither side hears of it.
    HalfOpen,
}

/// How long a half-open connection stays before it ends: longer than a lease.
const SILENCE: Duration = Duration::from_secs(5);

/// Bytes taken at once.
const CHUNK: usize = 64 << 10;

#[derive(Debug, Clone)]
pub struct Proxy {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    backends: Mutex<Vec<Option<SocketAddr>>>,
    armed: Mutex<Vec<Cut>>,
    ordered: AtomicUsize,
    cuts: Mutex<Vec<Cut>>,
    turn: AtomicUsize,
}

impl Proxy {
    /// In front of so many coordinators, none of which is there yet.
    pub async fn start(backends: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shared = Arc::new(Shared {
            address: listener.local_addr().unwrap(),
            backends: Mutex::new(vec![None; backends]),
            armed: Mutex::default(),
            ordered: AtomicUsize::new(0),
            cuts: Mutex::default(),
            turn: AtomicUsize::new(0),
        });
        let proxy = Self { shared: shared.clone() };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(shared.clone(), client));
            }
        });
        proxy
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// Where a coordinator listens now; `None` while it is down.
    pub fn set_backend(&self, index: usize, address: Option<SocketAddr>) {
        self.shared.backends.lock().unwrap()[index] = address;
    }

    /// Has the next request meet this fate.
    pub fn arm(&self, cut: Cut) {
        self.shared.ordered.fetch_add(1, Ordering::Relaxed);
        self.shared.armed.lock().unwrap().push(cut);
    }

    /// How many of these have not happened yet.
    pub fn owed(&self) -> usize {
        self.shared.ordered.load(Ordering::Relaxed) - self.shared.cuts.lock().unwrap().len()
    }

    /// How often it happened.
    pub fn count(&self, cut: Cut) -> usize {
        self.shared.cuts.lock().unwrap().iter().filter(|done| **done == cut).count()
    }
}

impl Shared {
    /// To the coordinators in turn, the next one where one does not answer.
    async fn connect(&self) -> Option<TcpStream> {
        let backends: Vec<SocketAddr> = self.backends.lock().unwrap().iter().flatten().copied().collect();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        for offset in 0..backends.len() {
            if let Ok(stream) = TcpStream::connect(backends[(turn + offset) % backends.len()]).await {
                let _ = stream.set_nodelay(true);
                return Some(stream);
            }
        }
        None
    }
}

async fn carry(shared: Arc<Shared>, client: TcpStream) {
    if carry_until_cut(&shared, client).await == Err(NoReply) {
        // One side ended first; another request's reply is lost instead.
        shared.armed.lock().unwrap().push(Cut::Reply);
    }
}

/// The connection ended before the reply came that was to be lost.
#[derive(Debug, PartialEq, Eq)]
struct NoReply;

async fn carry_until_cut(shared: &Shared, mut client: TcpStream) -> Result<(), NoReply> {
    let Some(mut server) = shared.connect().await else { return Ok(()) };
    let _ = client.set_nodelay(true);
    let (mut from_client, mut from_server) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut loses_reply = false;
    let ended = |loses_reply| if loses_reply { Err(NoReply) } else { Ok(()) };
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(length @ 1..) = read else { return ended(loses_reply) };
                let bytes = &from_client[..length];
                let cut = if has_headers(bytes) { shared.armed.lock().unwrap().pop() } else { None };
                match cut {
                    Some(Cut::Request) => {
                        shared.cuts.lock().unwrap().push(Cut::Request);
                        return ended(loses_reply);
                    }
                    Some(Cut::HalfOpen) => {
                        shared.cuts.lock().unwrap().push(Cut::HalfOpen);
                        tokio::time::sleep(SILENCE).await;
                        return ended(loses_reply);
                    }
                    Some(Cut::Reply) if loses_reply => shared.armed.lock().unwrap().push(Cut::Reply),
                    Some(Cut::Reply) => loses_reply = true,
                    None => {}
                }
                if server.write_all(bytes).await.is_err() {
                    return ended(loses_reply);
                }
            }
            read = server.read(&mut from_server) => {
                let Ok(length @ 1..) = read else { return ended(loses_reply) };
                let bytes = &from_server[..length];
                if loses_reply {
                    if has_headers(bytes) {
                        shared.cuts.lock().unwrap().push(Cut::Reply);
                        return Ok(());
                    }
                } else if client.write_all(bytes).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// Whether a call or an answer begins in these bytes of HTTP/2: they hold a HEADERS frame (RFC 9113, 6.2). Bytes that
/// begin within a frame are not looked through; those of the next call are.
fn has_headers(bytes: &[u8]) -> bool {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut rest = bytes.strip_prefix(PREFACE).unwrap_or(bytes);
    while let [a, b, c, kind, ..] = *rest {
        if kind == 1 {
            return true;
        }
        let length = (usize::from(a) << 16) + (usize::from(b) << 8) + usize::from(c);
        rest = rest.get(9 + length..).unwrap_or_default();
    }
    false
}
