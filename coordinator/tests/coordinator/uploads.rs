//! Files that are sent along with sweeps, and fetched by workers: a whole coordinator over TCP, and a real folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use coordinator::ServeConfig;
use coordinator::config::LimitsConfig;
use coordinator::store::connect;
use coordinator::uploads::{self, Uploads};
use domain::access::Scope;
use domain::units::ContentHash;
use proto::v1::sweep_service_client::SweepServiceClient;
use proto::v1::worker_service_client::WorkerServiceClient;
use proto::{Reason, v1};
use sqlx::PgPool;
use tonic::Status;
use uuid::Uuid;

use crate::served::{Client, Server, guarded, start_with, token};
use crate::world::{World, registration, spec};

/// A coordinator with a folder of its own, someone who submits, and someone who works.
struct Place {
    folder: tempfile::TempDir,
    _server: Server,
    submitter: SweepServiceClient<Client>,
    worker: WorkerServiceClient<Client>,
}

impl Place {
    async fn new(pool: &PgPool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store").to_string_lossy().into_owned();
        let limits = LimitsConfig {
            max_upload: domain::Bytes(8 << 20),
            upload_quota: domain::Bytes(8 << 20),
            ..LimitsConfig::default()
        };
        let server = start_with(ServeConfig { upload_store: Some(store), limits, ..guarded(pool) }).await;
        let submitter = server.with(&token(pool, "submitter", &[Scope::Submit]).await).await;
        let worker = server.with(&token(pool, "worker", &[Scope::Work]).await).await;
        Self {
            folder,
            submitter: SweepServiceClient::new(submitter),
            worker: WorkerServiceClient::new(worker),
            _server: server,
        }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Every file that was sent along, whole or not.
    fn files(&self) -> Vec<PathBuf> {
        files(&self.store().join("uploads"))
    }

    async fn find(&self, content: &[u8]) -> bool {
        let request = v1::FindUploadRequest { sha256: ContentHash::of(content).to_string() };
        self.submitter.clone().find_upload(request).await.unwrap().into_inner().found
    }

    async fn send(&self, messages: Vec<v1::UploadFileRequest>) -> Result<(), Status> {
        self.submitter.clone().upload_file(tokio_stream::iter(messages)).await.map(drop)
    }

    async fn submit(&self, file: v1::Upload) -> Result<String, Status> {
        let model = v1::ScriptModel { path: String::new(), upload: Some(file) };
        let model = v1::ModelSpec { kind: Some(v1::model_spec::Kind::Torchscript(model)) };
        let request = v1::CreateSweepRequest {
            request_id: Uuid::new_v4().to_string(),
            spec: Some(v1::SweepSpec { model: Some(model), ..spec(2) }),
            ..v1::CreateSweepRequest::default()
        };
        Ok(self.submitter.clone().create_sweep(request).await?.into_inner().sweep.unwrap().sweep_id)
    }

    async fn claim(&self) -> v1::LeasedTrial {
        let mut worker = self.worker.clone();
        let registration = registration("one", &Uuid::new_v4().to_string());
        let instance_id = registration.instance_id.clone();
        let worker_id = worker.register_worker(registration).await.unwrap().into_inner().worker_id;
        let request_id = Uuid::new_v4().to_string();
        let claim = v1::ClaimTrialsRequest { worker_id, instance_id, request_id, max_trials: 1, wait: None };
        worker.claim_trials(claim).await.unwrap().into_inner().trials.pop().unwrap()
    }

    async fn fetch(&self, lease: Option<v1::Lease>, content: &[u8]) -> Result<Vec<u8>, Status> {
        let request = v1::FetchUploadRequest { lease, sha256: ContentHash::of(content).to_string() };
        let mut pieces = self.worker.clone().fetch_upload(request).await?.into_inner();
        let mut fetched = Vec::new();
        while let Some(piece) = pieces.message().await? {
            fetched.extend(piece.data);
        }
        Ok(fetched)
    }
}

fn upload(content: &[u8]) -> v1::Upload {
    let sha256 = ContentHash::of(content).to_string();
    v1::Upload { name: "net.pt".to_owned(), sha256, bytes: content.len() as u64 }
}

fn messages(file: v1::Upload, content: &[u8]) -> Vec<v1::UploadFileRequest> {
    let first = v1::UploadFileRequest { file: Some(file), data: Vec::new() };
    let pieces =
        content.chunks(1 << 20).map(|piece| v1::UploadFileRequest { file: None, data: piece.to_vec() });
    [first].into_iter().chain(pieces).collect()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Three and a half pieces, none like another.
fn large() -> Vec<u8> {
    (0..(7_u32 << 17)).flat_map(u32::to_le_bytes).collect()
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_file_that_was_sent_along_reaches_whoever_trains_with_it(pool: PgPool) {
    let place = Place::new(&pool).await;
    let content = large();
    assert!(!place.find(&content).await);
    let early = place.submit(upload(&content)).await.unwrap_err();
    assert_eq!(Reason::of(&early), Some(Reason::UploadMissing), "{early}");
    assert!(early.message().contains("net.pt"), "{early}");
    // Twice is once.
    for _ in 0..2 {
        place.send(messages(upload(&content), &content)).await.unwrap();
        assert!(place.find(&content).await);
    }
    place.submit(upload(&content)).await.unwrap();
    let leased = place.claim().await;
    assert!(place.fetch(leased.lease.clone(), &content).await.unwrap() == content);

    let another = place.fetch(leased.lease.clone(), b"another").await.unwrap_err();
    assert_eq!(Reason::of(&another), Some(Reason::UploadMissing), "{another}");
    let guessed = v1::Lease { token: vec![0; 16], ..leased.lease.clone().unwrap() };
    let refused = place.fetch(Some(guessed), &content).await.unwrap_err();
    assert_eq!(Reason::of(&refused), Some(Reason::LeaseLost), "{refused}");

    // Whoever lost the folder is told, and can send the file again.
    std::fs::remove_dir_all(place.store().join("uploads")).unwrap();
    let gone = place.fetch(leased.lease.clone(), &content).await.unwrap_err();
    assert_eq!(Reason::of(&gone), Some(Reason::UploadMissing), "{gone}");
    assert!(!place.find(&content).await);
    place.send(messages(upload(&content), &content)).await.unwrap();
    assert!(place.fetch(leased.lease, &content).await.unwrap() == content);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn what_is_not_what_was_announced_is_refused_and_leaves_nothing(pool: PgPool) {
    let place = Place::new(&pool).await;
    let (content, small) = (large(), b"abc");
    let named = |name: &str| v1::Upload { name: name.to_owned(), ..upload(small) };
    let piece = |data: &[u8]| v1::UploadFileRequest { file: None, data: data.to_vec() };
    let twice = v1::UploadFileRequest { file: Some(upload(small)), data: Vec::new() };
    let cases = [
        ("nothing", vec![], Reason::InvalidRequest),
        ("no file", vec![piece(small)], Reason::InvalidRequest),
        ("a file twice", vec![twice.clone(), piece(small), twice], Reason::InvalidRequest),
        ("a path", messages(named("../../net.pt"), small), Reason::InvalidRequest),
        ("no name", messages(named(""), small), Reason::InvalidRequest),
        (
            "no hash",
            messages(v1::Upload { sha256: "../secret".to_owned(), ..upload(small) }, small),
            Reason::InvalidRequest,
        ),
        ("another", messages(upload(small), b"abd"), Reason::UploadDamaged),
        ("too short", messages(upload(small), b"ab"), Reason::UploadDamaged),
        ("too long", messages(upload(small), &content), Reason::UploadDamaged),
        ("half", messages(upload(&content), &content[..content.len() / 2]), Reason::UploadDamaged),
        ("too large", messages(v1::Upload { bytes: 9 << 20, ..upload(small) }, small), Reason::LimitExceeded),
        (
            "a huge piece",
            vec![messages(upload(&content), &[])[0].clone(), piece(&vec![0; 5 << 20])],
            Reason::LimitExceeded,
        ),
    ];
    for (what, sent, reason) in cases {
        let refused = place.send(sent).await.expect_err(what);
        assert_eq!(Reason::of(&refused), Some(reason), "{what}: {refused}");
    }
    assert_eq!(place.files(), Vec::<PathBuf>::new());
    assert!(!place.find(small).await && !place.find(&content).await);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn files_of_one_token_have_a_share_of_the_store(pool: PgPool) {
    let place = Place::new(&pool).await;
    let content = large();
    let other: Vec<u8> = content.iter().map(|byte| !byte).collect();
    for content in [&content, &other] {
        place.send(messages(upload(content), content)).await.unwrap();
    }
    let third = &content[4..];
    let refused = place.send(messages(upload(third), third)).await.unwrap_err();
    assert_eq!(Reason::of(&refused), Some(Reason::LimitExceeded), "{refused}");
    assert!(refused.message().contains("batchsweep rm"), "{refused}");
    assert_eq!(place.files().len(), 2);
    place.send(messages(upload(b"small"), b"small")).await.unwrap();
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn files_on_their_way_count_as_well(pool: PgPool) {
    let world = World::new(&pool);
    let uploads = &world.context.uploads;
    let quota = uploads.limits().quota;
    let first = uploads.reserve(Some("anna"), 10, quota - 20).unwrap();
    assert!(uploads.reserve(Some("anna"), 10, 11).is_none());
    assert!(uploads.reserve(Some("anna"), 10, u64::MAX).is_none());
    assert!(uploads.reserve(Some("ben"), 10, 11).is_some());
    let second = uploads.reserve(Some("anna"), 10, 10).unwrap();
    drop(first);
    assert!(uploads.reserve(Some("anna"), 10, 11).is_some());
    drop(second);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_file_that_no_sweep_reads_goes_after_a_while_and_others_stay(pool: PgPool) {
    let place = Place::new(&pool).await;
    let store = connect::open(&pool.connect_options());
    let uploads =
        Uploads::new(place.store().to_string_lossy().into_owned(), LimitsConfig::default().uploads());
    for content in [&b"read"[..], b"unread"] {
        place.send(messages(upload(content), content)).await.unwrap();
    }
    place.submit(upload(b"read")).await.unwrap();
    let forget = async |age| uploads::forget(&store, &uploads, age).await.unwrap();
    assert_eq!(forget(Duration::from_secs(60)).await, 0);
    assert_eq!(forget(Duration::ZERO).await, 1);
    assert_eq!(forget(Duration::ZERO).await, 0);
    assert!(place.find(b"read").await && !place.find(b"unread").await);
    assert_eq!(place.files().len(), 1);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_file_goes_with_the_last_sweep_that_reads_it(pool: PgPool) {
    let place = Place::new(&pool).await;
    for content in [&b"one"[..], b"both", b"again"] {
        place.send(messages(upload(content), content)).await.unwrap();
    }
    let mut sweeps = Vec::new();
    for content in [&b"one"[..], b"both", b"again", b"both"] {
        sweeps.push(place.submit(upload(content)).await.unwrap());
    }
    let other = sweeps.pop().unwrap();
    // Somebody asks for it after its only sweep was submitted, and so is about to submit another.
    assert!(place.find(b"again").await);
    let remove = async |sweeps: Vec<String>| {
        for sweep in &sweeps {
            let request = v1::CancelSweepRequest { sweep: sweep.clone(), drain: false };
            place.submitter.clone().cancel_sweep(request).await.unwrap();
        }
        let request = v1::RemoveSweepsRequest { sweeps, validate_only: false };
        place.submitter.clone().remove_sweeps(request).await.unwrap();
        place.files().len()
    };
    assert_eq!(remove(sweeps).await, 2, "the one that nobody wants any more is gone");
    assert!(!place.find(b"one").await);
    assert_eq!(remove(vec![other]).await, 1);
    assert!(!place.find(b"both").await && place.find(b"again").await);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_coordinator_without_a_store_says_so_and_does_all_the_rest(pool: PgPool) {
    let server =
        start_with(ServeConfig { upload_store: Some("/proc/none".to_owned()), ..guarded(&pool) }).await;
    let client = server.with(&token(&pool, "submitter", &[Scope::Submit]).await).await;
    let mut sweeps = SweepServiceClient::new(client);
    let sent = sweeps.upload_file(tokio_stream::iter(messages(upload(b"abc"), b"abc"))).await.unwrap_err();
    assert_eq!(Reason::of(&sent), Some(Reason::StoreUnavailable), "{sent}");
    assert!(sent.message().contains("--upload-store"), "{sent}");
    let request = v1::CreateSweepRequest {
        request_id: Uuid::new_v4().to_string(),
        spec: Some(spec(1)),
        ..v1::CreateSweepRequest::default()
    };
    sweeps.create_sweep(request).await.unwrap();
}
