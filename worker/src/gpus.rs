//! Which GPUs a worker has slots for, as what `CUDA_VISIBLE_DEVICES` is to be for each.
//!
//! Each slot's trainer sees one device only. So an index means the same to every process, whatever order CUDA would count
//! in, and an instance of a card that MIG splits can be used, of which a process never sees more than one.

use std::env;
use std::path::Path;

use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

/// The variable by which the user, or a container's runtime, chooses devices.
pub const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// One name for each GPU or MIG instance: those that the user chose, in that order; or all, by bus address.
#[must_use]
pub fn visible() -> Vec<String> {
    match env::var(VISIBLE) {
        Ok(chosen) => chosen_of(&chosen),
        // A container may lack the driver's management library, but not the devices' files.
        Err(_) => managed().unwrap_or_else(|_| by_number(device_files(Path::new("/dev")))),
    }
}

/// As CUDA reads it: what follows an empty name or a negative number is not looked at.
fn chosen_of(text: &str) -> Vec<String> {
    let names = text.split(',').map(str::trim);
    names.take_while(|name| !name.is_empty() && !name.starts_with('-')).map(str::to_owned).collect()
}

/// All that the driver manages. A card that is split counts as its instances.
fn managed() -> Result<Vec<String>, NvmlError> {
    let nvml = Nvml::init()?;
    let mut names = Vec::new();
    for index in 0..nvml.device_count()? {
        let card = nvml.device_by_index(index)?;
        let instances = instances(&card);
        if instances.is_empty() {
            names.push(card.uuid()?);
        }
        names.extend(instances);
    }
    Ok(names)
}

/// Of a card that is not split, or cannot be, there are none.
fn instances(card: &Device<'_>) -> Vec<String> {
    let places = card.mig_device_count().unwrap_or(0);
    // A place may be free.
    (0..places).filter_map(|place| card.mig_device_by_index(place).ok()?.uuid().ok()).collect()
}

fn by_number(count: usize) -> Vec<String> {
    (0..count).map(|index| index.to_string()).collect()
}

/// How many NVIDIA devices there are: the driver makes a file `nvidiaN` for each.
fn device_files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let is_gpu = |name: &str| {
        name.strip_prefix("nvidia")
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_gpu)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_choice_is_read_as_cuda_reads_it() {
        assert_eq!(chosen_of("3, 1"), ["3", "1"]);
        assert_eq!(chosen_of("GPU-8932f937,MIG-1a"), ["GPU-8932f937", "MIG-1a"]);
        assert_eq!(chosen_of("0,-1,1"), ["0"]);
        assert!(chosen_of("").is_empty() && chosen_of("-1").is_empty());
    }

    #[test]
    fn gpus_are_counted_by_their_device_files() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm", "null"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(by_number(device_files(folder.path())), ["0", "1", "2"]);
        assert!(by_number(device_files(Path::new("/nowhere"))).is_empty());
    }
}
