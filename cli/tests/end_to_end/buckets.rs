//! Checkpoints in a bucket, which workers on any host see.

use std::fs;
use std::sync::{Arc, mpsc};
use std::thread;

use nix::sys::signal::Signal;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{self, ServerConfig};

use super::checkpoints::sweep;
use super::own_worker::OwnWorker;
use super::s3_server::{Bucket, SECRET};
use super::sandbox::{Sandbox, wait_for};

const STEPS: u64 = 8_000;

/// A server of buckets on a thread of its own, over TLS, and the certificate that its callers are to trust.
fn bucket() -> (Bucket, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let (served, serving) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            served.send(Bucket::serve(Some(TlsAcceptor::from(Arc::new(config)))).await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    (serving.recv().unwrap(), made.cert.pem())
}

#[test]
fn a_trial_goes_on_from_a_bucket_on_another_worker() {
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let (bucket, certificate) = bucket();
    let authority = sandbox.file("authority.pem", &certificate).to_string_lossy().into_owned();
    let worker = |name: &str| {
        let store = ["--checkpoint-store", "s3://models/of/fleet", "--checkpoint-interval", "0"];
        let variables = [bucket.right(), vec![("SSL_CERT_FILE".to_owned(), authority.clone())]].concat();
        let spool = sandbox.state().file(&format!("{name}-spool"));
        OwnWorker::start_with(&sandbox, name, &spool, &store, variables)
    };
    let mut one = worker("one");
    sandbox.read(&["submit", &sweep(&sandbox, STEPS)]);
    wait_for("first steps", || (sandbox.steps_told() > 0).then_some(()));
    one.agent().signal(Signal::SIGTERM);
    assert!(one.ended());
    assert_eq!(bucket.files("of/fleet"), 1);

    let two = worker("two");
    sandbox.read(&["watch", "@last"]);
    assert_eq!(two.times_said("goes on from a checkpoint"), 1);
    let row = &sandbox.rows(&["results", "@last"])[0];
    assert_eq!((&row["status"], &row["steps"]), (&"succeeded".into(), &STEPS.into()));
    assert_eq!(sandbox.steps_told(), STEPS);
    wait_for("an empty bucket", || (bucket.files("") == 0).then_some(()));
    for log in [&one.log, &two.log] {
        assert!(!fs::read_to_string(log).unwrap().contains(SECRET), "the secret is in {}", log.display());
    }
}
