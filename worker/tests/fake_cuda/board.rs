//! The board: the file on which a test says what machine this is, and reads what was done there. `runtime/board.h`
//! declares the same layout for the other side.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

const DEVICES: usize = 8;
const PROCESSES: usize = 64;
const TEXT: usize = 64;
const WORD: u64 = 8;

// In words of eight bytes.
const HEADER: u64 = 8;
const TEXTS: u64 = 2 * TEXT as u64 / WORD;
const DEVICE: u64 = TEXTS + 16;
const PROCESS: u64 = 1 + DEVICES as u64;

/// A card, or a part of one, as it is when the first process starts.
#[derive(Debug, Clone)]
pub struct Card {
    pub name: String,
    /// "GPU-..." or "MIG-...".
    pub uuid: String,
    pub total_bytes: u64,
    /// Cards by bus address; instances of one card share it.
    pub gpu: u64,
    /// CUDA lists the fastest first.
    pub speed: u64,
}

impl Card {
    /// The `index`-th card of a machine: 1 GiB, all equally fast.
    pub fn new(index: u64) -> Self {
        Self {
            name: format!("NVIDIA Fake {index}"),
            uuid: format!("GPU-0000000{index}-1111-2222-3333-444444444444"),
            total_bytes: 1 << 30,
            gpu: index,
            speed: 0,
        }
    }

    /// The `index`-th instance of a card that is split by MIG.
    pub fn instance(gpu: u64, index: u64) -> Self {
        Self {
            name: format!("NVIDIA Fake {gpu} MIG 1g.512mb"),
            uuid: format!("MIG-{gpu}000000{index}-1111-2222-3333-444444444444"),
            total_bytes: 1 << 29,
            gpu,
            speed: 0,
        }
    }
}

/// A word of a card's entry.
#[derive(Debug, Clone, Copy)]
pub enum Word {
    /// Bytes that other programs hold.
    OtherBytes = 4,
    /// The k-th allocation from now fails.
    FailAllocation = 5,
    /// And so many after it.
    FailMore = 6,
    /// The k-th launch from now breaks the device.
    BreakAtLaunch = 7,
    Allocations = 8,
    RefusedAllocations = 9,
    Launches = 10,
    /// Calls in which the host waited for the device.
    Waits = 11,
    CopiesToDevice = 12,
    CopiesToHost = 13,
    /// Host memory that changed before it was copied.
    TornCopies = 14,
    /// The most bytes that processes of the test held at once.
    PeakBytes = 15,
}

/// A word of the whole machine.
#[derive(Debug, Clone, Copy)]
pub enum Global {
    DriverVersion = 1,
    DeviceCount = 2,
    CopyDelayUs = 3,
    UnsupportedCalls = 4,
    CompilerCalls = 5,
    /// 1: the driver's management library answers that it does not support what it is asked for.
    NvmlRefuses = 6,
}

/// The file.
#[derive(Debug)]
pub struct Board(File);

/// What a process takes by using a device at all.
pub const CONTEXT_BYTES: u64 = 300 << 20;

impl Board {
    /// A new one, with these cards and a driver for CUDA 13.
    pub fn create(path: &Path, cards: &[Card]) -> Self {
        let size = WORD * (HEADER + DEVICES as u64 * DEVICE + PROCESSES as u64 * PROCESS);
        let file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
        file.set_len(size).unwrap();
        let board = Self(file);
        board.write(0, size);
        board.set(Global::DriverVersion, 13_000);
        board.set(Global::DeviceCount, cards.len() as u64);
        board.set(Global::CopyDelayUs, 100);
        for (index, card) in cards.iter().enumerate() {
            board.put(index, card);
        }
        board
    }

    fn put(&self, index: usize, card: &Card) {
        let start = device(index);
        for (place, text) in [&card.name, &card.uuid].into_iter().enumerate() {
            assert!(text.len() < TEXT, "{text}");
            self.0.write_all_at(text.as_bytes(), start * WORD + (place * TEXT) as u64).unwrap();
        }
        for (place, word) in [card.total_bytes, CONTEXT_BYTES, card.gpu, card.speed].into_iter().enumerate() {
            self.write(start + TEXTS + place as u64, word);
        }
    }

    /// Changes a word of a card, at any time.
    pub fn change(&self, card: usize, word: Word, value: u64) {
        self.write(device(card) + TEXTS + word as u64, value);
    }

    /// Reads a word of a card.
    pub fn read(&self, card: usize, word: Word) -> u64 {
        self.word(device(card) + TEXTS + word as u64)
    }

    /// Changes a word of the machine.
    pub fn set(&self, word: Global, value: u64) {
        self.write(word as u64, value);
    }

    /// Reads a word of the machine.
    pub fn get(&self, word: Global) -> u64 {
        self.word(word as u64)
    }

    /// Bytes that the processes of the test hold of a card, also those that have ended.
    pub fn used_bytes(&self, card: usize) -> u64 {
        let first = HEADER + DEVICES as u64 * DEVICE;
        (0..PROCESSES as u64).map(|process| self.word(first + process * PROCESS + 1 + card as u64)).sum()
    }

    fn write(&self, word: u64, value: u64) {
        self.0.write_all_at(&value.to_ne_bytes(), word * WORD).unwrap();
    }

    fn word(&self, word: u64) -> u64 {
        let mut bytes = [0; WORD as usize];
        self.0.read_exact_at(&mut bytes, word * WORD).unwrap();
        u64::from_ne_bytes(bytes)
    }
}

fn device(index: usize) -> u64 {
    HEADER + index as u64 * DEVICE
}
