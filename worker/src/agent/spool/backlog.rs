//! The records of an attempt that are not acknowledged yet: first those that go next, in memory; then those that only the
//! file has; then those that the file had no room for.

use std::collections::VecDeque;

use prost::Message;
use proto::MAX_RECORDS;
use proto::v1::spool_entry::Kind;
use proto::v1::{Record, SpooledEnd, spooled_end};

use super::file::{LeftBehind, SpoolFile};

/// Records kept in memory beside the file, so that in good times nothing is read back.
const WINDOW: usize = 4 * MAX_RECORDS;

/// A file of more bytes is emptied as soon as all of it is acknowledged.
const WORTH_CLEARING: u64 = 1 << 20;

/// Bytes of records that may wait in memory because the file cannot take them.
pub const MEMORY_BYTES: usize = 64 << 20;

/// Neither file nor memory take any more records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the coordinator is out of reach, the spool cannot be written ({problem}), and {} of records wait in memory already; make \
     room for --spool-dir, or raise --spool-limit", domain::Bytes(*.memory as u64)
)]
pub struct Full {
    problem: String,
    memory: usize,
}

/// What waits.
#[derive(Debug)]
pub struct Backlog {
    file: Option<SpoolFile>,
    /// Those that go next, whatever else has them.
    front: VecDeque<Record>,
    /// Records that only the file has, from the frame at this place on.
    on_file: u64,
    read_from: u64,
    /// Records that only memory has, and their size.
    back: VecDeque<Record>,
    back_bytes: usize,
    memory_limit: usize,
    /// Why the file takes nothing now.
    problem: Option<String>,
    /// Records 1 to this number are acknowledged.
    acked: u64,
    full: Option<Full>,
}

impl Backlog {
    /// Of a new attempt; without a file all of it is in memory.
    #[must_use]
    pub fn new(file: Option<SpoolFile>) -> Self {
        let read_from = file.as_ref().map_or(0, SpoolFile::end);
        Self {
            problem: file.is_none().then(|| "there is none".to_owned()),
            file,
            front: VecDeque::new(),
            on_file: 0,
            read_from,
            back: VecDeque::new(),
            back_bytes: 0,
            memory_limit: MEMORY_BYTES,
            acked: 0,
            full: None,
        }
    }

    /// Of an attempt that an earlier process left.
    #[must_use]
    pub fn left_behind(file: SpoolFile, left: &LeftBehind) -> Self {
        let (on_file, read_from, acked) = (left.records, file.start(), left.first_seq - 1);
        Self { on_file, read_from, acked, ..Self::new(Some(file)) }
    }

    /// The same, with less room in memory.
    #[must_use]
    pub fn with_memory_limit(self, bytes: usize) -> Self {
        Self { memory_limit: bytes, ..self }
    }

    /// Takes records in. After [`Full`] no more are taken, so that there is no gap.
    ///
    /// # Errors
    /// [`Full`].
    pub fn push(&mut self, records: Vec<Record>) -> Result<(), Full> {
        if let Some(full) = &self.full {
            return Err(full.clone());
        }
        if self.problem.is_none() && self.spool(&records) {
            if self.on_file == 0 && self.front.len() < WINDOW {
                self.front.extend(records);
                self.read_from = self.file.as_ref().map_or(0, SpoolFile::end);
            } else {
                self.on_file += records.len() as u64;
            }
            return Ok(());
        }
        self.back_bytes += records.iter().map(Record::encoded_len).sum::<usize>();
        self.back.extend(records);
        if self.back_bytes <= self.memory_limit {
            return Ok(());
        }
        let problem = self.problem.clone().unwrap_or_default();
        let full = Full { problem, memory: self.memory_limit };
        self.full = Some(full.clone());
        Err(full)
    }

    /// Whether the file took them.
    fn spool(&mut self, records: &[Record]) -> bool {
        let first_seq = self.last_seq() + 1;
        let Some(file) = &mut self.file else { return false };
        match file.append_records(first_seq, records) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(
                    path = %file.path().display(),
                    "the spool cannot be written: {error}; records wait in memory, up to {}",
                    domain::Bytes(self.memory_limit as u64)
                );
                self.problem = Some(format!("{}: {error}", file.path().display()));
                false
            }
        }
    }

    /// Writes down how the attempt ended. A result only where all records before it are written down too, or it would be
    /// handed in without them.
    pub fn end(&mut self, end: &SpooledEnd) {
        let needs_all = matches!(end.kind, Some(spooled_end::Kind::Finished(_)));
        let Some(file) = &mut self.file else { return };
        if needs_all && (self.problem.is_some() || self.full.is_some()) {
            return;
        }
        if let Err(error) = file.append_end(end.clone()) {
            tracing::warn!(path = %file.path().display(), "the end of the attempt is not in its spool: {error}");
        }
    }

    /// Number of the next record to report, and the next few.
    ///
    /// # Errors
    /// When the file cannot be read back.
    pub fn next_batch(&mut self) -> Result<(u64, Vec<Record>), String> {
        while self.front.len() < MAX_RECORDS && self.on_file > 0 {
            let Some(file) = &self.file else { break };
            let unreadable = |problem: &str| format!("{}: {problem}", file.path().display());
            match file.read(self.read_from).map_err(|error| unreadable(&error.to_string()))? {
                Some((Kind::Records(records), next)) => {
                    self.on_file = self.on_file.saturating_sub(records.records.len() as u64);
                    self.read_from = next;
                    self.front.extend(records.records);
                }
                _ => return Err(unreadable("a frame of records is damaged")),
            }
        }
        while self.front.len() < MAX_RECORDS
            && self.on_file == 0
            && let Some(record) = self.back.pop_front()
        {
            self.back_bytes -= record.encoded_len();
            self.front.push_back(record);
        }
        Ok((self.acked + 1, self.front.iter().take(MAX_RECORDS).cloned().collect()))
    }

    /// Records up to this number are stored; gives how many of them were waiting.
    pub fn acknowledge(&mut self, stored: u64) -> u64 {
        let count =
            usize::try_from(stored.saturating_sub(self.acked)).unwrap_or(usize::MAX).min(self.front.len());
        self.front.drain(..count);
        self.acked += count as u64;
        if self.is_empty() {
            self.start_over();
        }
        count as u64
    }

    /// Nothing waits: an empty file serves as well, and one that could not be written is tried again.
    fn start_over(&mut self) {
        let Some(file) = &mut self.file else { return };
        if self.problem.is_none() && file.end() < WORTH_CLEARING {
            return;
        }
        match file.clear() {
            Ok(()) => {
                self.read_from = file.end();
                self.problem = None;
            }
            Err(error) => self.problem = Some(format!("{}: {error}", file.path().display())),
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.front.is_empty() && self.on_file == 0 && self.back.is_empty()
    }

    /// How many records wait, at least.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.front.len() + self.back.len() + usize::try_from(self.on_file).unwrap_or(usize::MAX / 2)
    }

    /// Number of the last record taken in.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.acked + self.waiting() as u64
    }

    /// Why records were dropped, if any were.
    #[must_use]
    pub fn full(&self) -> Option<&Full> {
        self.full.as_ref()
    }

    /// The file, which is then the caller's to delete or to keep.
    pub fn take_file(&mut self) -> Option<SpoolFile> {
        self.file.take()
    }
}
