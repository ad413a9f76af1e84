//! `[memory]`.

use domain::spec::{MemorySpec, MicroBatchPolicy};
use domain::units::Bytes;

use super::reader::{Field, Reader, Section};
use super::tree::Kind;

/// The words for how the micro-batch is chosen; a number is the third way.
pub(super) const POLICIES: [(&str, MicroBatchPolicy); 2] =
    [("auto", MicroBatchPolicy::Auto), ("off", MicroBatchPolicy::Off)];

/// Reads the section; values that could not be read keep their default, and their mistakes are noted.
pub fn read(mut section: Section<'_>, reader: &mut Reader) -> MemorySpec {
    let budget = section.take("budget").and_then(|field| bytes(&field, reader));
    let micro_batch = section.take("micro_batch").and_then(|field| policy(&field, reader));
    section.finish(reader, |_| None);
    MemorySpec { budget, micro_batch: micro_batch.unwrap_or(MicroBatchPolicy::Auto) }
}

fn bytes(field: &Field<'_>, reader: &mut Reader) -> Option<Bytes> {
    match &field.node.kind {
        Kind::Text(text) => match text.parse() {
            Ok(bytes) => Some(bytes),
            Err(error) => reader.refused(field, format!("`{}`: {error}", field.path), None),
        },
        Kind::Integer(_) => reader.whole(field).map(Bytes),
        _ => reader.wrong_type(
            field,
            "a memory size",
            Some("such as \"64MiB\", or a number of bytes".to_owned()),
        ),
    }
}

fn policy(field: &Field<'_>, reader: &mut Reader) -> Option<MicroBatchPolicy> {
    match &field.node.kind {
        Kind::Integer(_) => reader.whole(field).map(MicroBatchPolicy::Fixed),
        Kind::Text(_) => reader.word(field, &POLICIES),
        _ => reader.wrong_type(field, "\"auto\", \"off\" or a number of examples", None),
    }
}
