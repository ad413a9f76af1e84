//! The live page over HTTP: what it shows, whom it lets in, and what it refuses.

use domain::access::Scope;
use proto::v1;
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::served::{Http, config, guarded, start_with_http, token};
use crate::world::{World, named, points, result};

/// A header with which a browser posts a form of this page.
fn origin(page: &Http) -> String {
    format!("Origin: http://{}", page.address)
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
    let (_server, page) = start_with_http(config(&pool)).await;

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
    let (_server, page) = start_with_http(config(&pool)).await;
    let pause = format!("POST /sweeps/{sweep}/pause");
    let form = "Content-Type: application/x-www-form-urlencoded";

    for foreign in [&[form, "Origin: http://evil.example"][..], &[form], &[form, "Origin: null"]] {
        assert_eq!(code(&page.ask(&pause, foreign, "").await), "403", "{foreign:?}");
    }
    let turned = page.ask("GET /", &["Host: evil.example"], "").await;
    assert_eq!(code(&turned), "421");
    assert!(!turned.contains("a-sweep"), "{turned}");
    assert_ne!(world.sweep(&sweep).await.state(), v1::SweepState::Paused);

    let origin = origin(&page);
    assert_eq!(code(&page.ask(&pause, &[form, &origin], "").await), "303");
    assert_eq!(world.sweep(&sweep).await.state(), v1::SweepState::Paused);
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
    let (_server, page) = start_with_http(guarded(&pool)).await;
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

    let (origin, form) = (origin(&page), "Content-Type: application/x-www-form-urlencoded");
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
    assert_ne!(world.sweep(&sweep).await.state(), v1::SweepState::Paused);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_page_that_watches_hears_when_a_trial_ends(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(named("a-sweep", 3)).await;
    let worker = world.worker("one").await;
    let (_server, page) = start_with_http(config(&pool)).await;
    let mut stream = TcpStream::connect(&page.address).await.unwrap();
    let request = format!("GET /sweeps/{sweep}/events HTTP/1.1\r\nHost: {}\r\n\r\n", page.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = String::new();
    until(&mut stream, &mut heard, r#"data: {"ended":0}"#).await;
    assert!(heard.contains("text/event-stream"), "{heard}");

    let lease = world.claim_one(&worker).await;
    world.complete(&lease, result(0.25), 0).await.unwrap();
    until(&mut stream, &mut heard, r#"data: {"ended":1}"#).await;
}

/// Reads until this has come.
async fn until(stream: &mut TcpStream, heard: &mut String, wanted: &str) {
    let mut bytes = [0; 4_096];
    while !heard.contains(wanted) {
        let count = stream.read(&mut bytes).await.unwrap();
        assert_ne!(count, 0, "the stream ended: {heard}");
        *heard += std::str::from_utf8(&bytes[..count]).unwrap();
    }
}
