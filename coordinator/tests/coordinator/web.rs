//! The live page over HTTP: what it shows, whom it lets in, and what it refuses.

use coordinator::ServeConfig;
use domain::access::Scope;
use proto::v1;
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::served::{Server, config, guarded, start_with, token};
use crate::world::{World, named, points, result};

/// A coordinator with its page.
struct Page {
    _server: Server,
    address: String,
}

impl Page {
    async fn of(config: ServeConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("http");
        let http_listen = "127.0.0.1:0".parse().unwrap();
        let config = ServeConfig { http_listen, http_address_file: Some(file.clone()), ..config };
        let server = start_with(config).await;
        let url = std::fs::read_to_string(&file).unwrap();
        Self { _server: server, address: url.trim().strip_prefix("http://").unwrap().to_owned() }
    }

    /// The whole answer to a request with these headers.
    async fn ask(&self, request: &str, headers: &[&str], body: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(&self.address).await.unwrap();
        let host = format!("Host: {}", self.address);
        let named = headers.iter().any(|header| header.starts_with("Host:"));
        let mut text = format!("{request} HTTP/1.1\r\nConnection: close\r\n");
        for header in headers.iter().copied().chain((!named).then_some(host.as_str())) {
            text += &format!("{header}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path}"), &[], "").await
    }

    /// A header with which a browser posts a form of this page.
    fn origin(&self) -> String {
        format!("Origin: http://{}", self.address)
    }
}

fn code(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn every_page_shows_what_the_database_holds(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(named("a-sweep", 3)).await;
    let worker = world.worker("one").await;
    let lease = world.claim_one(&worker).await;
    world.report(&lease, 1, points(1, 4)).await.unwrap();
    world.complete(&lease, result(0.25), 4).await.unwrap();
    let page = Page::of(config(&pool)).await;

    let sweeps = page.get("/").await;
    assert!(sweeps.starts_with("HTTP/1.1 200") && sweeps.contains("a-sweep"), "{sweeps}");
    for header in ["content-security-policy: default-src 'none'", "x-content-type-options: nosniff"] {
        assert!(sweeps.contains(header), "{header} in {sweeps}");
    }
    let one = page.get(&format!("/sweeps/{sweep}")).await;
    assert!(one.starts_with("HTTP/1.1 200") && one.contains("succeeded"), "{one}");
    assert!(one.contains(&format!("/trials/{}", lease.trial_id)), "{one}");
    let trial = page.get(&format!("/trials/{}", lease.trial_id)).await;
    assert!(trial.starts_with("HTTP/1.1 200") && trial.contains("a-sweep"), "{trial}");
    let workers = page.get("/workers").await;
    assert!(workers.starts_with("HTTP/1.1 200") && workers.contains("one"), "{workers}");
    for path in ["/assets/page.css", "/assets/page.js", "/assets/icon.svg", "/pieces", "/workers/pieces"] {
        assert_eq!(code(&page.get(path).await), "200", "{path}");
    }
    for path in ["/nothing", "/sweeps/nothing", "/trials/00000000-0000-7000-8000-000000000000"] {
        assert_eq!(code(&page.get(path).await), "404", "{path}");
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_page_steers_for_its_own_forms_and_for_no_other_site(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(named("a-sweep", 3)).await;
    let page = Page::of(config(&pool)).await;
    let pause = format!("POST /sweeps/{sweep}/pause");
    let form = "Content-Type: application/x-www-form-urlencoded";

    for foreign in [&[form, "Origin: http://evil.example"][..], &[form], &[form, "Origin: null"]] {
        assert_eq!(code(&page.ask(&pause, foreign, "").await), "403", "{foreign:?}");
    }
    let turned = page.ask("GET /", &["Host: evil.example"], "").await;
    assert_eq!(code(&turned), "421");
    assert!(!turned.contains("a-sweep"), "{turned}");
    assert!(world.sweep(&sweep).await.state() != v1::SweepState::Paused);

    let origin = page.origin();
    assert_eq!(code(&page.ask(&pause, &[form, &origin], "").await), "303");
    assert!(world.sweep(&sweep).await.state() == v1::SweepState::Paused);
    assert_eq!(code(&page.ask(&format!("POST /sweeps/{sweep}/resume"), &[form, &origin], "").await), "303");
    assert_eq!(code(&page.ask(&format!("POST /sweeps/{sweep}/cancel"), &[form, &origin], "").await), "303");
    assert_eq!(world.counts(&sweep).await.cancelled, 3);
    assert_eq!(code(&page.ask(&format!("POST /sweeps/{sweep}/retry"), &[form, &origin], "").await), "303");
    assert_eq!(world.counts(&sweep).await.pending, 3);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_guarded_page_wants_a_token_with_the_scope(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(named("a-sweep", 3)).await;
    let page = Page::of(guarded(&pool)).await;
    let reader = token(&pool, "reader", &[Scope::Read]).await;

    let sent = page.get("/").await;
    assert!(sent.starts_with("HTTP/1.1 303") && sent.contains("location: /sign-in"), "{sent}");
    for path in [format!("/sweeps/{sweep}"), "/workers".to_owned()] {
        let sent = page.get(&path).await;
        assert!(
            sent.starts_with("HTTP/1.1 303") && sent.contains(&format!("/sign-in?next={path}")),
            "{sent}"
        );
    }
    for path in ["/pieces".to_owned(), format!("/sweeps/{sweep}/events"), format!("/sweeps/{sweep}/pieces")] {
        let refused = page.get(&path).await;
        assert_eq!(code(&refused), "401", "{path}");
        assert!(!refused.contains("a-sweep"), "{refused}");
    }

    let (origin, form) = (page.origin(), "Content-Type: application/x-www-form-urlencoded");
    let wrong = page.ask("POST /sign-in", &[form, &origin], "token=wrong").await;
    assert!(wrong.starts_with("HTTP/1.1 401") && !wrong.contains("set-cookie"), "{wrong}");
    let filled = format!("token={}&next=//evil.example", reader.expose());
    let signed_in = page.ask("POST /sign-in", &[form, &origin], &filled).await;
    assert!(signed_in.starts_with("HTTP/1.1 303") && signed_in.contains("location: /\r\n"), "{signed_in}");
    assert!(signed_in.contains("HttpOnly; SameSite=Strict"), "{signed_in}");

    let cookie = format!("Cookie: batchsweep_token={}", reader.expose());
    let seen = page.ask("GET /", &[&cookie], "").await;
    assert!(seen.starts_with("HTTP/1.1 200") && seen.contains("a-sweep"), "{seen}");
    let steering = page.ask(&format!("POST /sweeps/{sweep}/pause"), &[form, &origin, &cookie], "").await;
    assert_eq!(code(&steering), "403", "{steering}");
    assert!(world.sweep(&sweep).await.state() != v1::SweepState::Paused);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_page_that_watches_hears_when_a_trial_ends(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(named("a-sweep", 3)).await;
    let worker = world.worker("one").await;
    let page = Page::of(config(&pool)).await;
    let mut stream = tokio::net::TcpStream::connect(&page.address).await.unwrap();
    let request = format!("GET /sweeps/{sweep}/events HTTP/1.1\r\nHost: {}\r\n\r\n", page.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = String::new();
    until(&mut stream, &mut heard, 1).await;
    assert!(heard.contains("text/event-stream"), "{heard}");

    let lease = world.claim_one(&worker).await;
    world.complete(&lease, result(0.25), 0).await.unwrap();
    until(&mut stream, &mut heard, 2).await;
}

/// Reads until so many events have come.
async fn until(stream: &mut tokio::net::TcpStream, heard: &mut String, events: usize) {
    let mut bytes = [0; 4_096];
    while heard.matches("data:").count() < events {
        let count = stream.read(&mut bytes).await.unwrap();
        assert_ne!(count, 0, "the stream ended: {heard}");
        *heard += std::str::from_utf8(&bytes[..count]).unwrap();
    }
}
