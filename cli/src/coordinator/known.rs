//! What a coordinator knows of the memory that a sweep's trials would take.

use domain::SweepSpec;
use proto::Wire;
use proto::v1::{Device, KnownMemory, ListKnownMemoryRequest};

use crate::context::{Context, block_on};
use crate::coordinator::address::Address;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};

/// Asks the coordinator that was named, else the one of the local stack, which is started for it where it has data.
/// A plan can do without: where there is none nothing is known, and a coordinator that does not answer is only told of.
///
/// # Errors
/// When the user interrupts.
pub fn ask(context: &Context, sweep: &SweepSpec, device: &Device) -> Result<Vec<KnownMemory>, Failure> {
    let request = ListKnownMemoryRequest {
        spec: Some(sweep.to_wire()),
        device: device.name.clone(),
        device_description: device.description.clone(),
        libtorch_version: device.libtorch_version.clone(),
    };
    let answer = block_on(session::with(context, Purpose::Stored, async |session| {
        let answer = session.client.list_known_memory(request).await;
        answer.map(|answer| answer.into_inner().memory).map_err(|status| session.refused(&status))
    }));
    match answer {
        Ok(known) => Ok(known),
        Err(failure) if failure.exit == Exit::Interrupted => Err(failure),
        Err(failure) => {
            let text = format!("{}; what micro-batches take is measured here", failure.message);
            // Nobody said that there is one: then it is no wonder.
            if is_expected(context) {
                context.talk.warn(text);
            } else {
                context.talk.detail(text);
            }
            Ok(Vec::new())
        }
    }
}

/// Whether there should be a coordinator: it was named, or a local stack has data.
fn is_expected(context: &Context) -> bool {
    let is_named =
        Address::named(context.globals.coordinator.as_deref()).map_or(true, |named| named.is_some());
    is_named || context.state_dir().is_ok_and(|state| state.has_database())
}
