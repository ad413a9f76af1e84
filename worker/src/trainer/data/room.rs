//! Room in the host's memory for what is known to be large.

use super::DataError;
use crate::host_memory;

/// So many zeros; a refusal, not an abort, where the host has less memory than that.
pub(super) fn zeros(bytes: u64) -> Result<Vec<u8>, DataError> {
    let over = || DataError::OverMemory { bytes };
    // The system may promise more than there is, and end the process once it is used.
    if host_memory::total_bytes().is_some_and(|total| bytes > total) {
        return Err(over());
    }
    let length = usize::try_from(bytes).map_err(|_| over())?;
    let mut room = Vec::new();
    room.try_reserve_exact(length).map_err(|_| over())?;
    room.resize(length, 0);
    Ok(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_host_has_is_refused_with_its_size() {
        assert_eq!(zeros(3).unwrap(), [0; 3]);
        let refusal = zeros(1 << 60).unwrap_err().to_string();
        assert!(
            refusal.starts_with("data of 1073741824.00 GiB does not fit in the host's memory"),
            "{refusal}"
        );
    }
}
