//! The file of one attempt: a header, then records, then at last how it ended.
//!
//! What is appended is handed to the operating system at once, so that it outlives this process. It is forced to the
//! disk only with the attempt's end: where the machine itself dies, the trainer dies with it and the attempt is done over,
//! so its records are of no more use, but a result is.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use proto::Wire;
use proto::v1::spool_entry::Kind;
use proto::v1::{self, SpoolEntry, SpooledEnd, SpooledRecords};

use super::frame::{self, HEAD};

/// How a file of an attempt is called, after trial and attempt.
pub const EXTENSION: &str = "spool";

/// The longest end of a file that is taken for a torn frame: what an agent writes at a time is smaller.
const MAX_TORN: u64 = 1 << 20;

/// An open spool file, locked for as long as it is open, so that no other agent takes it for one that was left behind.
#[derive(Debug)]
pub struct SpoolFile {
    file: File,
    path: PathBuf,
    /// Bytes of whole frames.
    length: u64,
    /// Where the header ends.
    header_end: u64,
    /// Bytes that the file may have.
    limit: u64,
}

/// What an earlier process left in a file.
#[derive(Debug)]
pub struct LeftBehind {
    /// Under which lease it was recorded.
    pub lease: v1::Lease,
    /// Number of its first record; 1 where there is none.
    pub first_seq: u64,
    /// How many records.
    pub records: u64,
    /// How the attempt ended, if it did.
    pub end: Option<SpooledEnd>,
}

impl SpoolFile {
    /// Makes the file of an attempt, of at most `limit` bytes.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(folder: &Path, lease: &v1::Lease, worker: &str, limit: u64) -> io::Result<Self> {
        let path = folder.join(format!("{}-{}.{EXTENSION}", lease.trial_id, lease.attempt));
        let unfinished = path.with_extension("new");
        let mut options = OpenOptions::new();
        let file =
            options.read(true).write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.try_lock().map_err(io::Error::from)?;
        let mut spool = Self { file, path: unfinished, length: 0, header_end: 0, limit };
        let header = v1::SpoolHeader { lease: Some(lease.clone()), worker: worker.to_owned() };
        if let Err(error) = spool.append(Kind::Header(header)) {
            spool.delete();
            return Err(error);
        }
        // Under its name it is whole, and locked already.
        fs::rename(&spool.path, &path)?;
        spool.path = path;
        spool.header_end = spool.length;
        Ok(spool)
    }

    /// Opens what an earlier process left. `None` where another one is still at it, or where it does not say what was recorded
    /// under which lease: such a file is set aside, or removed where it is empty. What follows damage is copied aside as well.
    ///
    /// # Errors
    /// What the file system says, and where it is no file.
    pub fn reopen(path: &Path, limit: u64) -> io::Result<Option<(Self, LeftBehind)>> {
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
        }
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut spool = Self { file, path: path.to_owned(), length: 0, header_end: 0, limit };
        let Some((lease, header_end)) = spool.header()? else {
            spool.set_aside_damaged()?;
            return Ok(None);
        };
        spool.header_end = header_end;
        spool.length = header_end;
        let mut left = LeftBehind { lease, first_seq: 1, records: 0, end: None };
        while let Some((entry, next)) = spool.read(spool.length)? {
            match entry {
                Kind::Records(records) if left.end.is_none() => {
                    if left.records == 0 {
                        left.first_seq = records.first_seq;
                    }
                    // A gap cannot be, short of a file that was tampered with: what follows it is of no use.
                    if left.first_seq.checked_add(left.records) != Some(records.first_seq) {
                        break;
                    }
                    left.records += records.records.len() as u64;
                }
                Kind::End(end) => left.end = Some(end),
                Kind::Header(_) | Kind::Records(_) => break,
            }
            spool.length = next;
        }
        spool.cut_tail()?;
        Ok(Some((spool, left)))
    }

    /// The lease that its records belong to, and where they begin; `None` where there is no such thing.
    fn header(&self) -> io::Result<Option<(v1::Lease, u64)>> {
        Ok(match self.read(0)? {
            Some((Kind::Header(v1::SpoolHeader { lease: Some(lease), .. }), end))
                if domain::run::Lease::from_wire(lease.clone()).is_ok() =>
            {
                Some((lease, end))
            }
            _ => None,
        })
    }

    /// An agent that is killed may leave a torn frame at the end; all else is damage, and kept.
    fn cut_tail(&self) -> io::Result<()> {
        let tail = self.file.metadata()?.len().saturating_sub(self.length);
        let mut head = [0; HEAD];
        let has_head = read_whole(&self.file, &mut head, self.length)?;
        let is_torn = !has_head
            || frame::body_length(head)
                .is_some_and(|length| (HEAD + length) as u64 > tail && tail <= MAX_TORN);
        if !is_torn {
            let aside = self.path.with_extension("damaged");
            fs::copy(&self.path, &aside)?;
            tracing::warn!(
                path = %aside.display(),
                "a spool file is damaged {tail} bytes before its end; what came before is handed in, and a copy is kept"
            );
        }
        self.file.set_len(self.length)
    }

    fn set_aside_damaged(self) -> io::Result<()> {
        if self.file.metadata()?.len() == 0 {
            self.delete();
            return Ok(());
        }
        let aside = self.path.with_extension("damaged");
        fs::rename(&self.path, &aside)?;
        tracing::warn!(path = %aside.display(), "a spool file is damaged: it names no lease; it is set aside");
        Ok(())
    }

    /// Adds records.
    ///
    /// # Errors
    /// What the file system says, or that the file would grow over its limit; then it is as before.
    pub fn append_records(&mut self, first_seq: u64, records: &[v1::Record]) -> io::Result<()> {
        self.append(Kind::Records(SpooledRecords { first_seq, records: records.to_vec() }))
    }

    /// Adds how the attempt ended, and waits until all of the file is on the disk.
    ///
    /// # Errors
    /// As for records, but there is no limit.
    pub fn append_end(&mut self, end: SpooledEnd) -> io::Result<()> {
        self.append(Kind::End(end))?;
        self.file.sync_data()
    }

    fn append(&mut self, kind: Kind) -> io::Result<()> {
        let bounded = matches!(kind, Kind::Records(_));
        let frame = frame::encode(&SpoolEntry { kind: Some(kind) });
        if bounded && self.length + frame.len() as u64 > self.limit {
            let message = format!("it would grow over {}", domain::Bytes(self.limit));
            return Err(io::Error::new(ErrorKind::FileTooLarge, message));
        }
        if let Err(error) = self.file.write_all_at(&frame, self.length) {
            // Shortening needs no room; if it fails all the same, the checksum tells the torn frame.
            let _ = self.file.set_len(self.length);
            return Err(error);
        }
        self.length += frame.len() as u64;
        Ok(())
    }

    /// The frame at `offset` and where the next one begins; `None` where there is no whole one.
    ///
    /// # Errors
    /// What the file system says.
    pub fn read(&self, offset: u64) -> io::Result<Option<(Kind, u64)>> {
        let mut head = [0; HEAD];
        if !read_whole(&self.file, &mut head, offset)? {
            return Ok(None);
        }
        let Some(length) = frame::body_length(head) else { return Ok(None) };
        // A torn length must not ask for more memory than there is file.
        let left = self.file.metadata()?.len().saturating_sub(offset + HEAD as u64);
        if length as u64 > left {
            return Ok(None);
        }
        let mut body = vec![0; length];
        if !read_whole(&self.file, &mut body, offset + HEAD as u64)? {
            return Ok(None);
        }
        let kind = frame::decode(head, &body).and_then(|entry| entry.kind);
        Ok(kind.map(|kind| (kind, offset + (HEAD + length) as u64)))
    }

    /// Where the next frame will begin.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.length
    }

    /// Where the first frame after the header begins.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.header_end
    }

    /// Forgets the records: they are acknowledged.
    ///
    /// # Errors
    /// What the file system says.
    pub fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(self.header_end)?;
        self.length = self.header_end;
        Ok(())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file: all of it is acknowledged, or of no use.
    pub fn delete(self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), "a spool file stays: {error}");
        }
    }

    /// Leaves the file for somebody to look at, where no agent takes it up again.
    pub fn set_aside(self) {
        let aside = self.path.with_extension("refused");
        match fs::rename(&self.path, &aside) {
            Ok(()) => tracing::warn!(path = %aside.display(), "what the coordinator refused is kept"),
            Err(error) => tracing::warn!(path = %self.path.display(), "a spool file stays: {error}"),
        }
    }
}

/// Whether there was as much as asked for.
fn read_whole(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
    match file.read_exact_at(buffer, offset) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
