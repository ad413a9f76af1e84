//! Bytes that no client of ours sends, to every method of a running server: each call is answered, and the server goes on.

use coordinator::access::methods;
use http::uri::PathAndQuery;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use prost::Message;
use prost::bytes::{Buf, BufMut};
use proto::{Reason, v1};
use sqlx::PgPool;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Status};
use uuid::Uuid;

use crate::checkpoints::checkpoint;
use crate::served::start;
use crate::world::{points, registration, result, spec};

/// Bytes as they are.
#[derive(Debug, Default, Clone, Copy)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, bytes: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&bytes);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining()).to_vec()))
    }
}

async fn call(channel: &Channel, path: &'static str, bytes: Vec<u8>) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(path);
    let answer = client.server_streaming(Request::new(bytes), path, Raw).await?;
    // The first message is answer enough; a watch has no end.
    answer.into_inner().message().await.map(drop)
}

/// A message to this method that says something, to be damaged.
fn sensible(path: &str) -> Vec<u8> {
    let id = || Uuid::new_v4().to_string();
    let sweep = || "@last".to_owned();
    let lease = || Some(v1::Lease { trial_id: id(), attempt: 1, token: vec![7; 16] });
    match path.rsplit('/').next().unwrap() {
        "GetServerInfo" => v1::GetServerInfoRequest {}.encode_to_vec(),
        "CreateSweep" => {
            let source = "# a sweep".to_owned();
            v1::CreateSweepRequest {
                request_id: id(),
                spec: Some(spec(2)),
                source,
                validate_only: false,
                weight: None,
            }
            .encode_to_vec()
        }
        "FindUpload" => v1::FindUploadRequest { sha256: "ab".repeat(32) }.encode_to_vec(),
        "UploadFile" => {
            let file = v1::Upload { name: "net.pt".to_owned(), sha256: "ab".repeat(32), bytes: 3 };
            v1::UploadFileRequest { file: Some(file), data: b"abc".to_vec() }.encode_to_vec()
        }
        "FetchUpload" => v1::FetchUploadRequest { lease: lease(), sha256: "ab".repeat(32) }.encode_to_vec(),
        "PauseSweep" => v1::PauseSweepRequest { sweep: sweep() }.encode_to_vec(),
        "ResumeSweep" => v1::ResumeSweepRequest { sweep: sweep() }.encode_to_vec(),
        "CancelSweep" => v1::CancelSweepRequest { sweep: sweep(), drain: true }.encode_to_vec(),
        "RetrySweep" => v1::RetrySweepRequest { sweep: sweep() }.encode_to_vec(),
        "ExtendSweep" => v1::ExtendSweepRequest { sweep: sweep(), grid: spec(2).grid }.encode_to_vec(),
        "WeighSweep" => v1::WeighSweepRequest { sweep: sweep(), weight: 2.0 }.encode_to_vec(),
        "RenameSweep" => v1::RenameSweepRequest { sweep: sweep(), name: "mlp".to_owned() }.encode_to_vec(),
        "TagSweep" => {
            let (add, remove) = (vec!["paper".to_owned()], vec!["draft".to_owned()]);
            v1::TagSweepRequest { sweep: sweep(), add, remove }.encode_to_vec()
        }
        "RemoveSweeps" => {
            v1::RemoveSweepsRequest { sweeps: vec![sweep()], validate_only: true }.encode_to_vec()
        }
        "GetSweep" => v1::GetSweepRequest { sweep: sweep() }.encode_to_vec(),
        "WatchSweep" => v1::WatchSweepRequest { sweep: sweep() }.encode_to_vec(),
        "ListSweeps" => v1::ListSweepsRequest { page_size: 10, page_token: id() }.encode_to_vec(),
        "ListRows" => v1::ListRowsRequest {
            view: v1::View::Result.into(),
            sweep: sweep(),
            trial: "0".to_owned(),
            status: "failed".to_owned(),
            page_size: 100,
            page_token: format!("{}/7", id()),
            ..v1::ListRowsRequest::default()
        }
        .encode_to_vec(),
        "ListKnownMemory" => v1::ListKnownMemoryRequest {
            spec: Some(spec(2)),
            device: "cpu".to_owned(),
            device_description: "a test".to_owned(),
            libtorch_version: "2.13.0".to_owned(),
        }
        .encode_to_vec(),
        "Query" => v1::QueryRequest { sql: "select 1".to_owned() }.encode_to_vec(),
        "RegisterWorker" => {
            v1::RegisterWorkerRequest { held: lease().into_iter().collect(), ..registration("odd", &id()) }
                .encode_to_vec()
        }
        "ClaimTrials" => v1::ClaimTrialsRequest {
            worker_id: id(),
            instance_id: id(),
            request_id: id(),
            max_trials: 1,
            wait: None,
        }
        .encode_to_vec(),
        "Heartbeat" => {
            let progress = v1::Progress { step: 7, total_steps: 9, ..v1::Progress::default() };
            let leases = vec![v1::LeaseProgress { lease: lease(), progress: Some(progress) }];
            let removed = vec![v1::StaleCheckpoints { trial_id: id(), attempt: 1 }];
            v1::HeartbeatRequest { worker_id: id(), instance_id: id(), leases, removed }.encode_to_vec()
        }
        "ReportMetrics" => {
            v1::ReportMetricsRequest { lease: lease(), first_seq: 1, records: points(1, 2) }.encode_to_vec()
        }
        "ReportFindings" => {
            let known = v1::KnownMemory { kind: "ab".to_owned(), ..v1::KnownMemory::default() };
            let findings = v1::Findings { data_sha256: "ab".repeat(32), memory: vec![known] };
            v1::ReportFindingsRequest { lease: lease(), findings: Some(findings) }.encode_to_vec()
        }
        "ReportCheckpoint" => {
            v1::ReportCheckpointRequest { lease: lease(), checkpoint: Some(checkpoint(1, 0)) }.encode_to_vec()
        }
        "CompleteTrial" => {
            v1::CompleteTrialRequest { lease: lease(), result: Some(result(0.5)), last_seq: 0 }
                .encode_to_vec()
        }
        "FailTrial" => {
            let kind = v1::FailureKind::Crash.into();
            v1::FailTrialRequest { lease: lease(), kind, message: "signal 11".to_owned() }.encode_to_vec()
        }
        "ReleaseTrial" => {
            v1::ReleaseTrialRequest { lease: lease(), reason: "SIGTERM".to_owned() }.encode_to_vec()
        }
        "DrainWorker" => v1::DrainWorkerRequest { worker: "one".to_owned(), hand_over: true }.encode_to_vec(),
        "ResumeWorker" => v1::ResumeWorkerRequest { worker: "one".to_owned() }.encode_to_vec(),
        "CreateToken" => {
            let lifetime = Some(prost_types::Duration { seconds: 60, nanos: 0 });
            let scopes = vec!["read".to_owned()];
            v1::CreateTokenRequest { name: "anna".to_owned(), scopes, lifetime }.encode_to_vec()
        }
        "ListTokens" => v1::ListTokensRequest { all: true }.encode_to_vec(),
        "RevokeTokens" => v1::RevokeTokensRequest { token: "anna".to_owned() }.encode_to_vec(),
        _ => panic!("what is a sensible message to {path}?"),
    }
}

fn damaged(message: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    (
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
        prop::option::of(any::<prop::sample::Index>()),
    )
        .prop_map(move |(damage, end)| {
            let mut bytes = message.clone();
            if bytes.is_empty() {
                return bytes;
            }
            for (place, byte) in damage {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            bytes.truncate(end.map_or(bytes.len(), |end| end.index(bytes.len())));
            bytes
        })
}

/// The method's own message damaged, another's, or no message at all.
fn hostile(path: &str) -> impl Strategy<Value = Vec<u8>> {
    let others: Vec<_> =
        methods::listed().filter(|path| path.starts_with("/batchsweep.")).map(sensible).collect();
    prop_oneof![
        4 => damaged(sensible(path)),
        1 => prop::sample::select(others),
        1 => prop::collection::vec(any::<u8>(), 0..64),
    ]
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn whatever_comes_in_is_answered_with_a_reason(pool: PgPool) {
    let server = start(&pool).await;
    let channel = server.channel().await;
    let seed: [u8; 32] = rand_seed();
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let ours = methods::listed().filter(|path| path.starts_with("/batchsweep."));
    for path in ours {
        let hostile = hostile(path);
        for _ in 0..40 {
            let bytes = hostile.new_tree(&mut runner).unwrap().current();
            let Err(status) = call(&channel, path, bytes.clone()).await else { continue };
            assert!(
                Reason::of(&status).is_some_and(|reason| reason != Reason::Internal),
                "{path} {bytes:?} (seed {seed:?}): {status:?}"
            );
        }
    }
    assert!(!server.running.is_finished());
}

/// New each time; a failure names it.
fn rand_seed() -> [u8; 32] {
    [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat().try_into().unwrap()
}
