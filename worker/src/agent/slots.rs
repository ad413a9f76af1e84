//! Several slots in one worker: an agent and a trainer process for each device.

use tokio::task::JoinSet;

use super::metrics::METRICS;
use super::{AgentConfig, AgentError, Wishes};
use crate::gpus;

/// The word for all GPUs of this machine.
const ALL_GPUS: &str = "cuda";

const CPU: &str = "cpu";

/// The devices that `--device` means: itself, or for `cuda` every GPU that this machine, or this container, has.
#[must_use]
pub fn devices(device: &str) -> Vec<String> {
    if device != ALL_GPUS {
        return vec![device.to_owned()];
    }
    // Without any the trainer of the first one says what is wrong with the driver.
    (0..gpus::visible().len().max(1)).map(|index| format!("{ALL_GPUS}:{index}")).collect()
}

/// What this machine trains on where nobody chose: every GPU that may be used here, or the CPU where there is none.
#[must_use]
pub fn own_devices() -> Vec<String> {
    if gpus::visible().is_empty() { vec![CPU.to_owned()] } else { devices(ALL_GPUS) }
}

/// Runs an agent for each device until it is to stop. One that ends by itself leaves the others at work; the worker
/// then counts as unhealthy.
///
/// # Errors
/// The first agent's, once all have ended.
pub async fn run(config: AgentConfig, wishes: Wishes) -> Result<(), AgentError> {
    let devices = devices(&config.device);
    if devices.len() == 1 {
        let config = AgentConfig { device: devices[0].clone(), ..config };
        return super::run(config, wishes).await;
    }
    let name = config.name();
    let mut agents = JoinSet::new();
    for device in devices {
        let config = AgentConfig {
            name: Some(format!("{name}-{}", device.replace(':', ""))),
            device: device.clone(),
            ..config.clone()
        };
        let wishes = wishes.clone();
        agents.spawn(async move { (device, super::run(config, wishes).await) });
    }
    let mut first = Ok(());
    while let Some(ended) = agents.join_next().await {
        if let Ok((device, Err(error))) = ended {
            tracing::error!(device, "this slot has ended: {error}");
            METRICS.slot_is_lost();
            first = first.and(Err(error));
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_device_is_one_slot() {
        assert_eq!(devices("cpu"), ["cpu"]);
        assert_eq!(devices("cuda:1"), ["cuda:1"]);
    }
}
