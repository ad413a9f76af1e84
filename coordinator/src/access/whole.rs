//! Messages that are taken in whole before anything reads them: within a time, within a share of memory, and of few enough
//! pieces. A message of two-byte pieces takes fifty times its length when it is read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use proto::{MAX_MESSAGE_BYTES, Reason};
use tonic::Status;
use tonic::body::Body;

use super::Caller;

/// How long a message may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes that messages of one principal may take while they are on their way and worked on: two of the longest.
const SHARE: usize = 2 * (MAX_MESSAGE_BYTES + HEAD);

/// Pieces of a message, those within others too. The longest grid of words has some 400,000.
const MOST_PIECES: usize = 500_000;

/// Messages within messages; none of ours goes so deep.
const DEEPEST: usize = 12;

/// Before each message, gRPC has a flag and its length.
const HEAD: usize = 5;

/// From this length on, looking into a message is left to a thread that may take its time.
const LONG: usize = 1 << 20;

/// What each principal's messages take.
#[derive(Debug, Clone, Default)]
pub struct Shares(Arc<Mutex<HashMap<Option<String>, usize>>>);

/// Bytes of one call; they are free again when this is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Shares,
    of: Option<String>,
    bytes: usize,
}

impl Share {
    /// Takes so many more, if there are so many.
    fn grow(&mut self, bytes: usize) -> bool {
        let mut shares = self.shares.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = shares.entry(self.of.clone()).or_default();
        let fits = *taken + bytes <= SHARE;
        if fits {
            *taken += bytes;
            self.bytes += bytes;
        }
        fits
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut shares = self.shares.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = shares.get_mut(&self.of) {
            *taken = taken.saturating_sub(self.bytes);
            if *taken == 0 {
                shares.remove(&self.of);
            }
        }
    }
}

impl Shares {
    /// Takes a caller's message in; what it takes is held as long as the share.
    ///
    /// # Errors
    /// Where it does not come in time, is longer than any may be, has too many pieces, or its principal has as much on the way as
    /// it may.
    pub async fn take_in(&self, caller: &Caller, body: Body) -> Result<(Body, Share), Status> {
        let mut share = Share { shares: self.clone(), of: caller.name().map(str::to_owned), bytes: 0 };
        let whole = tokio::time::timeout(PATIENCE, collect(body, &mut share)).await;
        let whole = whole.map_err(|_| {
            Reason::LimitExceeded.status(format!("the message did not come within {} s", PATIENCE.as_secs()))
        })??;
        let looked_at = whole.clone();
        let is_fine = if whole.len() < LONG {
            has_few_pieces(&looked_at)
        } else {
            tokio::task::spawn_blocking(move || has_few_pieces(&looked_at)).await.unwrap_or(false)
        };
        if !is_fine {
            return Err(
                Reason::LimitExceeded.status(format!("the message has more than {MOST_PIECES} pieces"))
            );
        }
        Ok((Body::new(Full::new(whole)), share))
    }
}

async fn collect(mut body: Body, share: &mut Share) -> Result<Bytes, Status> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if whole.len() + data.len() > MAX_MESSAGE_BYTES + HEAD {
            let limit = MAX_MESSAGE_BYTES >> 20;
            return Err(Reason::LimitExceeded.status(format!("a message may have {limit} MiB")));
        }
        if !share.grow(data.len()) {
            let message = "messages of this token that are on their way take as much as they may; try again in a moment";
            return Err(Status::unavailable(message));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// Whether the messages in a body have few enough pieces.
fn has_few_pieces(body: &[u8]) -> bool {
    let (mut rest, mut left) = (body, MOST_PIECES);
    while let Some((head, after)) = rest.split_at_checked(HEAD) {
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let (message, next) = after.split_at(length.min(after.len()));
        if count(message, DEEPEST, &mut left) == Counted::TooMany {
            return false;
        }
        rest = next;
    }
    true
}

#[derive(Debug, PartialEq, Eq)]
enum Counted {
    Message,
    NoMessage,
    TooMany,
}

/// Takes the pieces of a message off `left`. A piece that reads as a message may be a text that happens to: then it counts for
/// more than it is.
fn count(bytes: &[u8], depth: usize, left: &mut usize) -> Counted {
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some((key, after)) = varint(rest) else { return Counted::NoMessage };
        let skipped = match key & 7 {
            0 => varint(after).map(|(_, after)| after),
            1 => after.get(8..),
            5 => after.get(4..),
            2 => varint(after).and_then(|(length, after)| {
                let (piece, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
                *left = left.checked_sub(1).unwrap_or_default();
                if *left > 0 && depth > 0 {
                    let _ = count(piece, depth - 1, left);
                }
                Some(after)
            }),
            _ => None,
        };
        if *left == 0 {
            return Counted::TooMany;
        }
        let Some(after) = skipped.filter(|_| key >> 3 > 0) else { return Counted::NoMessage };
        rest = after;
    }
    Counted::Message
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (place, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * place).min(63);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use proto::v1;

    use super::*;

    fn framed(message: &impl Message) -> Vec<u8> {
        let message = message.encode_to_vec();
        let mut framed = vec![0];
        framed.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        framed.extend(message);
        framed
    }

    #[test]
    fn a_message_of_very_many_pieces_is_found_out_wherever_they_are() {
        let leases = |count| v1::HeartbeatRequest {
            leases: vec![v1::LeaseProgress::default(); count],
            ..Default::default()
        };
        assert!(has_few_pieces(&framed(&leases(5_000))));
        assert!(!has_few_pieces(&framed(&leases(600_000))));
        let findings =
            v1::Findings { memory: vec![v1::KnownMemory::default(); 600_000], ..Default::default() };
        assert!(!has_few_pieces(&framed(&v1::ReportFindingsRequest {
            findings: Some(findings),
            lease: None
        })));
    }

    #[test]
    fn texts_files_and_broken_messages_are_no_pieces() {
        let source = "a = 1\n".repeat(150_000);
        assert!(has_few_pieces(&framed(&v1::CreateSweepRequest { source, ..Default::default() })));
        for bytes in
            [&[][..], &[0, 0, 0, 0, 9, 1], &[255; 64], &[0, 255, 255, 255, 255, 10, 255, 255, 255, 255, 255]]
        {
            assert!(has_few_pieces(bytes));
        }
    }

    #[test]
    fn a_principal_has_its_share_and_gets_it_back() {
        let shares = Shares::default();
        let share = |name: &str| Share { shares: shares.clone(), of: Some(name.to_owned()), bytes: 0 };
        let (mut first, mut second, mut other) = (share("anna"), share("anna"), share("ben"));
        assert!(first.grow(SHARE - 10) && !second.grow(11) && second.grow(10) && other.grow(SHARE));
        drop(first);
        assert!(second.grow(SHARE - 10));
        drop((second, other));
        assert!(shares.0.lock().unwrap().is_empty());
    }
}
