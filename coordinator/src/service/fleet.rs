//! `FleetService`: for operators. A worker that is out of service stays connected and gets nothing.

use proto::Reason;
use proto::v1::{self, fleet_service_server::FleetService};
use tonic::{Request, Response, Status};

use super::decode;
use crate::access::Caller;
use crate::access::status::of_store;
use crate::context::Context;
use crate::store::drain::{self, Drain, Duty};
use crate::store::{self, StoreError};

/// The handlers.
#[derive(Debug, Clone)]
pub struct Fleet {
    context: Context,
}

impl Fleet {
    /// Handlers over this context.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self { context }
    }

    async fn set(
        &self,
        caller: &Caller,
        worker: &str,
        drain: Option<Drain>,
    ) -> Result<v1::WorkerDuty, Status> {
        let worker = decode::reference("worker", worker)?;
        let set = async {
            let mut transaction = self.context.store.begin().await?;
            let duty = drain::set(&mut transaction, worker, drain).await?;
            if drain.is_none() {
                self.context.store.notify_trials(&mut transaction).await?;
            }
            transaction.commit().await?;
            store::Result::Ok(duty)
        };
        let duty = set.await.map_err(refusal)?;
        if drain.is_none() {
            self.context.claims.wake();
        }
        tracing::info!(by = caller.name(), worker_id = %duty.worker_id, ?drain, "worker {}", duty.name);
        Ok(encoded(duty, drain.is_some()))
    }
}

#[tonic::async_trait]
impl FleetService for Fleet {
    async fn drain_worker(
        &self,
        request: Request<v1::DrainWorkerRequest>,
    ) -> Result<Response<v1::DrainWorkerResponse>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let drain = if request.hand_over { Drain::HandOver } else { Drain::Finish };
        let worker = self.set(&caller, &request.worker, Some(drain)).await?;
        Ok(Response::new(v1::DrainWorkerResponse { worker: Some(worker) }))
    }

    async fn resume_worker(
        &self,
        request: Request<v1::ResumeWorkerRequest>,
    ) -> Result<Response<v1::ResumeWorkerResponse>, Status> {
        let caller = Caller::of(&request);
        let worker = self.set(&caller, &request.into_inner().worker, None).await?;
        Ok(Response::new(v1::ResumeWorkerResponse { worker: Some(worker) }))
    }
}

fn encoded(duty: Duty, draining: bool) -> v1::WorkerDuty {
    v1::WorkerDuty {
        worker_id: duty.worker_id.to_string(),
        name: duty.name,
        draining,
        running: duty.running,
        lost: duty.lost,
    }
}

fn refusal(error: StoreError) -> Status {
    match error {
        StoreError::NotFound { near: None, .. } => {
            Reason::NotFound.status(format!("{error}\nhint: see who is there with: batchsweep workers"))
        }
        other => of_store(other),
    }
}
