//! A worker registers: its name, its device, and the leases that it found on its disk.

use domain::run::Lease;
use proto::{PROTOCOL_VERSION, Reason, v1};
use tonic::Status;

use super::decode;
use crate::access::Caller;
use crate::access::status::{invalid, of_store};
use crate::context::Context;
use crate::store::storable_line;
use crate::store::worker::{self, NewWorker, Registered};

/// RegisterWorker.
pub async fn register(
    context: &Context,
    caller: &Caller,
    request: v1::RegisterWorkerRequest,
) -> Result<Registered, Status> {
    if request.protocol_version != PROTOCOL_VERSION {
        return Err(Reason::ProtocolMismatch.status(format!(
            "worker {} speaks protocol {}, this coordinator (version {}) speaks {PROTOCOL_VERSION}; run the same version \
             of both",
            request.version,
            request.protocol_version,
            env!("CARGO_PKG_VERSION"),
        )));
    }
    decode::few("held", &request.held, "leases", decode::MAX_LEASES)?;
    let held = request.held.into_iter().map(decode::wire).collect::<Result<Vec<Lease>, _>>()?;
    let device = request.device.ok_or_else(|| invalid("device", "is missing"))?;
    let texts = [&request.version, &device.name, &device.description, &device.libtorch_version];
    let [version, device_name, device_description, libtorch_version] = texts.map(|text| storable_line(text));
    let new = NewWorker {
        name: decode::worker_name(&request.name)?,
        instance_id: decode::parsed("instance_id", &request.instance_id)?,
        version: &version,
        device: &device_name,
        device_description: &device_description,
        memory_bytes: device.memory_bytes,
        memory_limit_bytes: device.memory_limit_bytes,
        libtorch_version: &libtorch_version,
        threads: device.threads,
        allows_code: request.allows_code,
        principal: caller.name(),
        held: &held,
    };
    let stored = async {
        let mut transaction = context.store.begin_vital().await?;
        let registered = worker::register(&mut transaction, &new, context.lease_ttl).await?;
        transaction.commit().await?;
        Ok(registered)
    };
    let registered = stored.await.map_err(of_store)?;
    tracing::info!(
        worker_id = %registered.worker_id,
        superseded = registered.superseded.len(),
        "worker {} on {} {}",
        new.name,
        new.device,
        new.device_description
    );
    context.claims.wake();
    Ok(registered)
}
