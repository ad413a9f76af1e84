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

use crate::served::start;
use crate::world::{points, registration, result, spec};

/// Bytes as they are.
#[derive(Debug, Default, Clone, Copy)]
struct Raw;

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

/// Messages that say something, to be damaged.
fn sensible() -> Vec<Vec<u8>> {
    let id = || Uuid::new_v4().to_string();
    let lease = Some(v1::Lease { trial_id: id(), attempt: 1, token: vec![7; 16] });
    let submission = v1::CreateSweepRequest { request_id: id(), spec: Some(spec(2)), ..Default::default() };
    let claim = v1::ClaimTrialsRequest {
        worker_id: id(),
        instance_id: id(),
        request_id: id(),
        max_trials: 1,
        wait: None,
    };
    let report = v1::ReportMetricsRequest { lease: lease.clone(), first_seq: 1, records: points(1, 2) };
    let complete = v1::CompleteTrialRequest { lease, result: Some(result(0.5)), last_seq: 0 };
    let rows = v1::ListRowsRequest {
        view: v1::View::Result.into(),
        sweep: "@last".to_owned(),
        trial: "0".to_owned(),
        ..v1::ListRowsRequest::default()
    };
    let query = v1::QueryRequest { sql: "select 1".to_owned() };
    vec![
        submission.encode_to_vec(),
        registration("odd", &id()).encode_to_vec(),
        claim.encode_to_vec(),
        report.encode_to_vec(),
        complete.encode_to_vec(),
        rows.encode_to_vec(),
        query.encode_to_vec(),
    ]
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let damaged = (
        prop::sample::select(sensible()),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
        prop::option::of(any::<prop::sample::Index>()),
    )
        .prop_map(|(mut bytes, damage, end)| {
            for (place, byte) in damage {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            bytes.truncate(end.map_or(bytes.len(), |end| end.index(bytes.len())));
            bytes
        });
    prop_oneof![damaged, prop::collection::vec(any::<u8>(), 0..64)]
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
        for _ in 0..30 {
            let bytes = hostile().new_tree(&mut runner).unwrap().current();
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
