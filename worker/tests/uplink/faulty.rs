//! A coordinator that stores records as the real one does, with the next faults to make.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::units::ContentHash;
use futures::Stream;
use proto::Reason;
use proto::connection::Credentials;
use proto::v1::worker_service_server::{WorkerService, WorkerServiceServer};
use proto::v1::{self, Record, record};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use worker::agent::coordinator::Coordinator;

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    None,
    RequestLost,
    ReplyLost,
    TakenInPart,
    LeaseLost,
    TooOften,
    TokenRevoked,
    Damaged,
    Gone,
}

/// A coordinator that stores records as the real one does, with the next faults to make.
#[derive(Debug, Default)]
pub struct Faulty {
    pub stored: Mutex<Vec<Record>>,
    pub found: Mutex<Vec<v1::Findings>>,
    pub checkpoints: Mutex<Vec<v1::Checkpoint>>,
    pub faults: Mutex<Vec<Fault>>,
    pub largest_call: Mutex<usize>,
    /// What was sent along with the sweep.
    pub upload: Vec<u8>,
}

impl Faulty {
    pub fn with(faults: &[Fault]) -> Arc<Self> {
        let faults = Mutex::new(faults.iter().rev().copied().collect());
        Arc::new(Self { faults, ..Self::default() })
    }

    pub fn steps(&self) -> Vec<u64> {
        let step = |record: &Record| match &record.kind {
            Some(record::Kind::Metric(point)) => point.step,
            _ => 0,
        };
        self.stored.lock().unwrap().iter().map(step).collect()
    }
}

#[derive(Debug)]
struct Service(Arc<Faulty>);

#[tonic::async_trait]
impl WorkerService for Service {
    async fn report_metrics(
        &self,
        request: Request<v1::ReportMetricsRequest>,
    ) -> Result<Response<v1::ReportMetricsResponse>, Status> {
        let request = request.into_inner();
        let fault = self.0.faults.lock().unwrap().pop().unwrap_or(Fault::None);
        let mut largest = self.0.largest_call.lock().unwrap();
        *largest = request.records.len().max(*largest);
        match fault {
            Fault::RequestLost => return Err(Status::unavailable("request lost")),
            Fault::LeaseLost => return Err(Reason::LeaseLost.status("attempt 2 holds the trial")),
            Fault::TooOften => {
                return Err(Reason::RateLimited.status_later("slower", Duration::from_millis(300)));
            }
            Fault::TokenRevoked => return Err(Reason::TokenRevoked.status("the token was revoked")),
            _ => {}
        }
        let mut stored = self.0.stored.lock().unwrap();
        let first = usize::try_from(request.first_seq).unwrap() - 1;
        assert!(first <= stored.len(), "a gap: {first} after {}", stored.len());
        let known = stored.len() - first;
        let taken =
            if fault == Fault::TakenInPart { request.records.len() / 2 } else { request.records.len() };
        stored.extend(request.records.into_iter().take(taken).skip(known));
        if fault == Fault::ReplyLost {
            return Err(Status::unavailable("reply lost"));
        }
        Ok(Response::new(v1::ReportMetricsResponse { acked_seq: stored.len() as u64 }))
    }

    async fn register_worker(
        &self,
        _: Request<v1::RegisterWorkerRequest>,
    ) -> Result<Response<v1::RegisterWorkerResponse>, Status> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn claim_trials(
        &self,
        _: Request<v1::ClaimTrialsRequest>,
    ) -> Result<Response<v1::ClaimTrialsResponse>, Status> {
        Err(Status::unimplemented("not in this test"))
    }

    type FetchUploadStream = Pin<Box<dyn Stream<Item = Result<v1::FetchUploadResponse, Status>> + Send>>;

    async fn fetch_upload(
        &self,
        request: Request<v1::FetchUploadRequest>,
    ) -> Result<Response<Self::FetchUploadStream>, Status> {
        let fault = self.0.faults.lock().unwrap().pop();
        let mut content = self.0.upload.clone();
        assert_eq!(request.into_inner().sha256, ContentHash::of(&content).to_string());
        match fault {
            Some(Fault::RequestLost) => return Err(Status::unavailable("request lost")),
            Some(Fault::LeaseLost) => return Err(Reason::LeaseLost.status("attempt 2 holds the trial")),
            Some(Fault::Gone) => return Err(Reason::UploadMissing.status("the file is gone")),
            Some(Fault::Damaged) => content[0] ^= 1,
            Some(Fault::TakenInPart) => content.truncate(content.len() / 2),
            _ => {}
        }
        let pieces =
            content.chunks(1 << 20).map(|piece| Ok(v1::FetchUploadResponse { data: piece.to_vec() }));
        let end = (fault == Some(Fault::TakenInPart)).then(|| Err(Status::unavailable("cut off")));
        let pieces: Vec<_> = pieces.chain(end).collect();
        Ok(Response::new(Box::pin(futures::stream::iter(pieces))))
    }

    async fn heartbeat(
        &self,
        _: Request<v1::HeartbeatRequest>,
    ) -> Result<Response<v1::HeartbeatResponse>, Status> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn report_findings(
        &self,
        request: Request<v1::ReportFindingsRequest>,
    ) -> Result<Response<v1::ReportFindingsResponse>, Status> {
        match self.0.faults.lock().unwrap().pop() {
            Some(Fault::RequestLost) => return Err(Status::unavailable("request lost")),
            Some(Fault::LeaseLost) => return Err(Reason::LeaseLost.status("attempt 2 holds the trial")),
            fault => {
                let mut found = self.0.found.lock().unwrap();
                found.push(request.into_inner().findings.unwrap());
                if fault == Some(Fault::ReplyLost) {
                    return Err(Status::unavailable("reply lost"));
                }
                let told = found.iter().map(|findings| findings.data_sha256.clone());
                let data_sha256 = told.into_iter().find(|sha256| !sha256.is_empty()).unwrap_or_default();
                Ok(Response::new(v1::ReportFindingsResponse { data_sha256 }))
            }
        }
    }

    async fn report_checkpoint(
        &self,
        request: Request<v1::ReportCheckpointRequest>,
    ) -> Result<Response<v1::ReportCheckpointResponse>, Status> {
        let fault = self.0.faults.lock().unwrap().pop();
        match fault {
            Some(Fault::RequestLost) => return Err(Status::unavailable("request lost")),
            Some(Fault::LeaseLost) => return Err(Reason::LeaseLost.status("attempt 2 holds the trial")),
            _ => {}
        }
        self.0.checkpoints.lock().unwrap().push(request.into_inner().checkpoint.unwrap());
        if fault == Some(Fault::ReplyLost) {
            return Err(Status::unavailable("reply lost"));
        }
        Ok(Response::new(v1::ReportCheckpointResponse {}))
    }

    async fn complete_trial(
        &self,
        _: Request<v1::CompleteTrialRequest>,
    ) -> Result<Response<v1::CompleteTrialResponse>, Status> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn fail_trial(
        &self,
        _: Request<v1::FailTrialRequest>,
    ) -> Result<Response<v1::FailTrialResponse>, Status> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn release_trial(
        &self,
        _: Request<v1::ReleaseTrialRequest>,
    ) -> Result<Response<v1::ReleaseTrialResponse>, Status> {
        Err(Status::unimplemented("not in this test"))
    }
}

/// Serves until the guard is dropped.
pub async fn serve(faulty: Arc<Faulty>) -> (Coordinator, tokio_util::sync::DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    tokio::spawn(async move {
        let service =
            WorkerServiceServer::new(Service(faulty)).max_decoding_message_size(proto::MAX_MESSAGE_BYTES);
        let incoming = TcpIncoming::from(listener);
        let server = tonic::transport::Server::builder().add_service(service);
        server.serve_with_incoming_shutdown(incoming, stopped).await.unwrap();
    });
    (Coordinator::new(&address, &Credentials::default()).unwrap(), stop.drop_guard())
}
