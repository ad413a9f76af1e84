//! The live page over HTTP: what it shows, whom it lets in, and what it refuses.

use domain::access::Scope;
use proto::{Wire, v1};
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::served::{Http, config, guarded, start_with_http, token};
use crate::world::{World, draft, named, points, result};

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
    // One that diverged shows how, and is compared to nobody.
    let lease = world.claim_one(&worker).await;
    world.report(&lease, 1, points(1, 4)).await.unwrap();
    let outcome = v1::Outcome::Diverged.into();
    let diverged = v1::TrialResult { outcome, train_set_loss: None, ..result(0.25) };
    world.complete(&lease, diverged, 4).await.unwrap();
    let trial = page.get(&format!("/trials/{}", lease.trial_id)).await;
    assert!(trial.contains("diverged") && trial.contains("<figure id=\"curves\""), "{trial}");
    assert!(trial.contains("<dt>seed</dt>") && !trial.contains("Grey lines"), "{trial}");
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

    let long = page.ask("POST /sign-in", &[form, &origin], &format!("token={}", "x".repeat(5_000))).await;
    assert_eq!(code(&long), "413", "{long}");

    let port = page.address.rsplit(':').next().unwrap();
    let cookie = format!("Cookie: batchsweep_token_{port}={}", reader.expose());
    let seen = page.ask("GET /", &[&cookie], "").await;
    assert!(seen.starts_with("HTTP/1.1 200") && seen.contains("a-sweep"), "{seen}");
    let steering = page.ask(&format!("POST /sweeps/{sweep}/pause"), &[form, &origin, &cookie], "").await;
    assert_eq!(code(&steering), "403", "{steering}");
    assert_ne!(world.sweep(&sweep).await.state(), v1::SweepState::Paused);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn who_may_only_look_is_not_offered_to_steer(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(named("a-sweep", 3)).await;
    let (_server, page) = start_with_http(guarded(&pool)).await;
    let path = format!("GET /sweeps/{sweep}");
    for (name, scopes, is_offered) in
        [("reader", &[Scope::Read][..], false), ("owner", &[Scope::Read, Scope::Submit], true)]
    {
        let token = token(&pool, name, scopes).await;
        let seen = page.ask(&path, &[&format!("Authorization: Bearer {}", token.expose())], "").await;
        assert_eq!((code(&seen), seen.contains("/cancel\"")), ("200", is_offered), "{name}");
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_link_signs_in_once_and_what_it_leaves_ends_with_signing_out(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(named("a-sweep", 3)).await;
    let (_server, page) = start_with_http(guarded(&pool)).await;
    let link = token(&pool, "sign-in", &[Scope::Read]).await;
    let (origin, form) = (origin(&page), "Content-Type: application/x-www-form-urlencoded");
    let filled = format!("token={}", link.expose());

    // Of several who follow it at once, one gets in.
    let headers = [form, origin.as_str()];
    let (one, other) = tokio::join!(
        page.ask("POST /sign-in", &headers, &filled),
        page.ask("POST /sign-in", &headers, &filled),
    );
    let (first, second) = if code(&one) == "303" { (one, other) } else { (other, one) };
    assert_eq!((code(&first), code(&second)), ("303", "401"), "{second}");
    assert!(second.contains("works once") && !second.contains("set-cookie"), "{second}");
    let (_, cookie) = first.split_once("set-cookie: ").unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    // What the browser keeps is another token, which allows the same and no more.
    assert!(!cookie.contains(link.expose()), "{cookie}");
    let seen = page.ask("GET /", &[&cookie], "").await;
    assert!(seen.starts_with("HTTP/1.1 200") && seen.contains("a-sweep"), "{seen}");
    let steering = page.ask("POST /sweeps/a-sweep/pause", &[form, &origin, &cookie], "").await;
    assert_eq!(code(&steering), "403");

    let out = page.ask("POST /sign-out", &[form, &origin, &cookie], "").await;
    assert!(out.contains("Max-Age=0"), "{out}");
    let after = page.ask("GET /", &[&cookie], "").await;
    assert!(after.starts_with("HTTP/1.1 303") && after.contains("location: /sign-in"), "{after}");
    // A token of one's own is not ended by signing out.
    let own = token(&pool, "own", &[Scope::Read]).await;
    let port = page.address.rsplit(':').next().unwrap();
    let cookie = format!("Cookie: batchsweep_token_{port}={}", own.expose());
    assert_eq!(code(&page.ask("POST /sign-out", &[form, &origin, &cookie], "").await), "303");
    assert_eq!(code(&page.ask("GET /", &[&cookie], "").await), "200");
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn connections_past_the_limit_are_closed_and_a_place_that_is_left_is_free_again(pool: PgPool) {
    let mut limited = config(&pool);
    limited.limits.max_connections = 2;
    let (_server, page) = start_with_http(limited).await;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", page.address);
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(&page.address).await.unwrap();
        // Its request is still on its way.
        stream.write_all(&request.as_bytes()[..20]).await.unwrap();
        held.push(stream);
    }
    let mut third = TcpStream::connect(&page.address).await.unwrap();
    // Nothing comes: it was closed, or is as soon as something is said.
    let _ = third.write_all(request.as_bytes()).await;
    assert_eq!(third.read(&mut [0; 64]).await.unwrap_or(0), 0);
    drop(held);
    // The server hears of it when it looks.
    loop {
        let mut stream = TcpStream::connect(&page.address).await.unwrap();
        let _ = stream.write_all(request.as_bytes()).await;
        if stream.read(&mut [0; 64]).await.is_ok_and(|count| count > 0) {
            return;
        }
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_cell_leads_to_its_trials_before_anything_has_ended(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(draft(&[8, 32], &[0.01, 0.1], &[0, 1]).to_wire()).await;
    let (_server, page) = start_with_http(config(&pool)).await;
    let seen = page.get(&format!("/sweeps/{sweep}")).await;
    let link = format!("/sweeps/{sweep}?trials=1,5#trials");
    assert!(seen.contains(&link), "{seen}");
    let cell = page.get(&format!("/sweeps/{sweep}?trials=1,5")).await;
    let rows = |page: &str| page.matches("data-piece=\"trial-").count() - 1;
    assert_eq!((rows(&seen), rows(&cell)), (8, 2));
    assert!(cell.contains("Batch size 8, learning rate 0.1."), "{cell}");
    let one = page.get(&format!("/sweeps/{sweep}?trials=2")).await;
    assert!(one.starts_with("HTTP/1.1 303") && one.contains("location: /trials/"), "{one}");
    for nonsense in ["?trials=", "?trials=x", "?trials=99", "?page=0", "?page=99"] {
        assert_eq!(code(&page.get(&format!("/sweeps/{sweep}{nonsense}")).await), "200", "{nonsense}");
    }
}

/// Prints what it takes as well: `cargo test -p coordinator a_thousand_trials -- --nocapture`.
#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_thousand_trials_make_a_page_of_a_readable_size_and_an_update_of_what_changed(pool: PgPool) {
    let world = World::new(&pool);
    let sizes: Vec<u64> = (0..10).map(|power| 1 << power).collect();
    let rates: Vec<f64> = (0..20).map(|step| 1e-4 * 1.5_f64.powi(step)).collect();
    let sweep = world.submit(draft(&sizes, &rates, &[0, 1, 2, 3, 4]).to_wire()).await;
    let worker = world.worker("one").await;
    loop {
        let leases = world.claim(&worker, 100).await;
        for (index, leased) in leases.iter().enumerate() {
            let lease = leased.lease.as_ref().unwrap();
            world.report(lease, 1, points(1, 20)).await.unwrap();
            world.complete(lease, result(0.2 + index as f64 / 1e3), 20).await.unwrap();
        }
        if leases.is_empty() {
            break;
        }
    }
    assert_eq!(world.counts(&sweep).await.succeeded, 1000);
    let (_server, page) = start_with_http(config(&pool)).await;

    let path = format!("/sweeps/{sweep}");
    let mut took = Vec::new();
    let mut timed = async |path: &str| {
        let start = std::time::Instant::now();
        let answer = page.get(path).await;
        assert_eq!(code(&answer), "200");
        took.push((start.elapsed(), answer.len()));
        answer
    };
    let whole = timed(&path).await;
    timed(&path).await;
    let known: Vec<String> = whole
        .split("data-piece=\"")
        .skip(1)
        .filter_map(|rest| {
            let (id, rest) = rest.split_once('"')?;
            let version = rest.strip_prefix(" data-version=\"")?;
            Some(format!("{id}:{}", version.split('"').next()?))
        })
        .collect();
    let update = timed(&format!("{path}/pieces?page=1&known={}", known.join(","))).await;
    eprintln!("first, second, update: {took:?}");
    assert!(whole.len() < 1_500_000, "{} bytes", whole.len());
    // Nothing has changed, so nothing is sent again.
    assert!(!update.contains("<div") && !update.contains("<tr"), "{update}");
    assert!(update.len() < 20_000, "{} bytes", update.len());
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
    until(&mut stream, &mut heard, r#"data: {"ended":0,"trials":3}"#).await;
    assert!(heard.contains("text/event-stream"), "{heard}");

    let lease = world.claim_one(&worker).await;
    world.complete(&lease, result(0.25), 0).await.unwrap();
    until(&mut stream, &mut heard, r#"data: {"ended":1,"trials":3}"#).await;
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
