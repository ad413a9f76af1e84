//! Every method that takes a lease, with somebody else's: over the wire, as the messages' own description tells which these
//! are.

use std::collections::{BTreeMap, BTreeSet};

use domain::access::Scope;
use http::uri::PathAndQuery;
use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorSet};
use proto::v1::worker_service_client::WorkerServiceClient;
use proto::{Reason, v1};
use sqlx::PgPool;
use tonic::{Request, Status};
use uuid::Uuid;

use crate::checkpoints::checkpoint;
use crate::hostile::Raw;
use crate::served::{Client, guarded, start_with, token};
use crate::world::{World, points, registration, result, spec};

/// The messages that hold a lease, at whatever depth, by their full names.
fn holding_a_lease(files: &FileDescriptorSet) -> BTreeSet<String> {
    let messages: BTreeMap<String, &DescriptorProto> = files
        .file
        .iter()
        .flat_map(|file| {
            let package = format!(".{}", file.package());
            file.message_type.iter().map(move |message| (format!("{package}.{}", message.name()), message))
        })
        .collect();
    let mut holding = BTreeSet::from([".batchsweep.v1.Lease".to_owned()]);
    assert!(messages.contains_key(".batchsweep.v1.Lease"), "a lease has another name now");
    loop {
        let more: Vec<String> = messages
            .iter()
            .filter(|(name, message)| {
                !holding.contains(*name)
                    && message.field.iter().any(|field| holding.contains(field.type_name()))
            })
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            return holding;
        }
        holding.extend(more);
    }
}

/// The paths of the methods that take a lease.
fn taking_a_lease() -> BTreeSet<String> {
    let files = FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).unwrap();
    let holding = holding_a_lease(&files);
    let mut paths = BTreeSet::new();
    for file in &files.file {
        for service in &file.service {
            let taking = service.method.iter().filter(|method| holding.contains(method.input_type()));
            paths.extend(
                taking.map(|method| format!("/{}.{}/{}", file.package(), service.name(), method.name())),
            );
        }
    }
    paths
}

/// What a worker sends under a lease, by the method's name. `worker` is the caller's own.
fn messages(lease: &v1::Lease, worker: &(String, String)) -> Vec<(&'static str, Vec<u8>)> {
    let attempt = lease.attempt;
    let lease = || Some(lease.clone());
    let beat = v1::HeartbeatRequest {
        worker_id: worker.0.clone(),
        instance_id: worker.1.clone(),
        leases: vec![v1::LeaseProgress { lease: lease(), progress: None }],
        removed: Vec::new(),
    };
    let report = v1::ReportMetricsRequest { lease: lease(), first_seq: 1, records: points(1, 2) };
    let found = v1::ReportFindingsRequest { lease: lease(), findings: Some(v1::Findings::default()) };
    let complete = v1::CompleteTrialRequest { lease: lease(), result: Some(result(0.5)), last_seq: 0 };
    let fail = v1::FailTrialRequest {
        lease: lease(),
        kind: v1::FailureKind::Trainer.into(),
        message: "broken".to_owned(),
    };
    let release = v1::ReleaseTrialRequest { lease: lease(), reason: String::new() };
    let save = v1::ReportCheckpointRequest {
        lease: lease(),
        checkpoint: Some(v1::Checkpoint { attempt, ..checkpoint(1, 0) }),
    };
    let fetch = v1::FetchUploadRequest { lease: lease(), sha256: "ab".repeat(32) };
    vec![
        ("Heartbeat", beat.encode_to_vec()),
        ("ReportMetrics", report.encode_to_vec()),
        ("ReportFindings", found.encode_to_vec()),
        ("ReportCheckpoint", save.encode_to_vec()),
        ("CompleteTrial", complete.encode_to_vec()),
        ("FailTrial", fail.encode_to_vec()),
        ("ReleaseTrial", release.encode_to_vec()),
        ("FetchUpload", fetch.encode_to_vec()),
    ]
}

/// Registers a worker that shows this lease; gives its id and process, and what it was told of the lease.
async fn register(
    client: &Client,
    name: &str,
    held: Option<&v1::Lease>,
) -> ((String, String), Vec<v1::HeldState>) {
    let instance_id = Uuid::new_v4().to_string();
    let request = v1::RegisterWorkerRequest {
        held: held.cloned().into_iter().collect(),
        ..registration(name, &instance_id)
    };
    let answer =
        WorkerServiceClient::new(client.clone()).register_worker(request).await.unwrap().into_inner();
    let states = answer.held().collect();
    ((answer.worker_id, instance_id), states)
}

async fn call(client: &Client, method: &str, bytes: Vec<u8>) -> Result<(), Status> {
    let path: PathAndQuery = format!("/batchsweep.v1.WorkerService/{method}").parse().unwrap();
    let mut client = tonic::client::Grpc::new(client.clone());
    client.ready().await.unwrap();
    client.unary(Request::new(bytes), path, Raw).await.map(drop)
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn every_method_that_takes_a_lease_refuses_another_holders(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let server = start_with(guarded(&pool)).await;
    let owner = server.with(&token(&pool, "owner", &[Scope::Work]).await).await;
    let thief = server.with(&token(&pool, "thief", &[Scope::Work]).await).await;
    let (owners, _) = register(&owner, "gpu-0", None).await;
    let (mut thiefs, _) = register(&thief, "gpu-1", None).await;
    let claim = v1::ClaimTrialsRequest {
        worker_id: owners.0.clone(),
        instance_id: owners.1.clone(),
        request_id: Uuid::new_v4().to_string(),
        max_trials: 1,
        wait: None,
    };
    let mut trials =
        WorkerServiceClient::new(owner.clone()).claim_trials(claim).await.unwrap().into_inner().trials;
    let lease = trials.pop().unwrap().lease.unwrap();

    // Registering is refused nothing, but takes and learns nothing.
    let tried: BTreeSet<String> = messages(&lease, &thiefs)
        .iter()
        .map(|(method, _)| *method)
        .chain(["RegisterWorker"])
        .map(|method| format!("/batchsweep.v1.WorkerService/{method}"))
        .collect();
    assert_eq!(tried, taking_a_lease(), "a method that takes a lease is to be tried with another's");

    for is_held in [true, false] {
        if !is_held {
            assert_eq!(world.expire_all().await, 1);
        }
        for (method, bytes) in messages(&lease, &thiefs) {
            let status = call(&thief, method, bytes).await.expect_err(method);
            let told = (Reason::of(&status), status.code());
            assert_eq!(told, (Some(Reason::NotHolder), tonic::Code::PermissionDenied), "{method}: {status}");
        }
        let states;
        (thiefs, states) = register(&thief, "gpu-1", Some(&lease)).await;
        assert_eq!(states, [v1::HeldState::Unknown]);
        let guessed = v1::Lease { token: vec![0; 16], ..lease.clone() };
        for (method, bytes) in messages(&guessed, &owners).into_iter().skip(1) {
            let status = call(&owner, method, bytes).await.expect_err(method);
            assert_eq!(Reason::of(&status), Some(Reason::LeaseLost), "{method} with a wrong token: {status}");
        }
        world.check_invariants().await;
        // Its owner noticed nothing of it.
        let (beat, bytes) = messages(&lease, &owners).swap_remove(0);
        call(&owner, beat, bytes).await.unwrap();
        assert_eq!(world.number("select count(*) from core.lease where attempt = 1").await, 1);
    }
    let (_, states) = register(&owner, "gpu-0", Some(&lease)).await;
    assert_eq!(states, [v1::HeldState::Ours]);
}
