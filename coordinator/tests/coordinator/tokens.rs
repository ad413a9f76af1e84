//! Tokens: made, used, expired, revoked, and never stored.

use std::time::{Duration, Instant};

use coordinator::ServeConfig;
use coordinator::access::authenticator::{Authenticator, CACHE_TIME};
use coordinator::config::{AuthConfig, AuthMode};
use coordinator::store::token as tokens;
use domain::access::Scope;
use http::HeaderMap;
use proto::v1::sweep_service_client::SweepServiceClient;
use proto::v1::token_service_client::TokenServiceClient;
use proto::{Reason, Token, v1};
use sqlx::PgPool;
use tonic::Status;

use crate::served::{config, guarded, start_with, token};
use crate::world::{World, reason};

fn headers(token: &Token) -> HeaderMap {
    let value = format!("Bearer {}", token.expose()).parse().unwrap();
    HeaderMap::from_iter([(http::header::AUTHORIZATION, value)])
}

fn wish(name: &str, scopes: &[&str]) -> v1::CreateTokenRequest {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    v1::CreateTokenRequest { name: name.to_owned(), scopes, lifetime: None }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_token_that_signs_a_browser_in_is_good_for_no_call(pool: PgPool) {
    let server = start_with(guarded(&pool)).await;
    let link = token(&pool, "sign-in", &[Scope::Read]).await;
    let refused =
        SweepServiceClient::new(server.with(&link).await).list_sweeps(v1::ListSweepsRequest::default()).await;
    assert!(refused.as_ref().unwrap_err().message().contains("signs a browser in"), "{refused:?}");
    assert_eq!(reason(refused), Reason::TokenInvalid);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn an_administrator_makes_lists_and_revokes_tokens(pool: PgPool) {
    let server = start_with(guarded(&pool)).await;
    let admin = token(&pool, "root", &[Scope::Admin]).await;
    let mut service = TokenServiceClient::new(server.with(&admin).await);
    let made = service.create_token(wish("anna", &["read", "submit", "read"])).await.unwrap().into_inner();
    let info = made.info.unwrap();
    assert_eq!(
        (info.name.as_str(), info.scopes, info.valid),
        ("anna", vec!["submit".into(), "read".into()], true)
    );
    assert_eq!(info.expires_at, None);

    let made = Token::parse(&made.token).unwrap();
    let mut sweeps = SweepServiceClient::new(server.with(&made).await);
    sweeps.list_sweeps(v1::ListSweepsRequest::default()).await.unwrap();
    let refused =
        TokenServiceClient::new(server.with(&made).await).create_token(wish("eve", &["admin"])).await;
    assert_eq!(reason(refused), Reason::MissingScope);

    let listed = service.list_tokens(v1::ListTokensRequest { all: false }).await.unwrap().into_inner().tokens;
    let names: Vec<_> = listed.iter().map(|token| (token.name.as_str(), token.used_at.is_some())).collect();
    assert_eq!(names, [("anna", true), ("root", true)]);

    let revoke = || v1::RevokeTokensRequest { token: "anna".to_owned() };
    assert_eq!(service.revoke_tokens(revoke()).await.unwrap().into_inner().revoked.len(), 1);
    assert_eq!(service.revoke_tokens(revoke()).await.unwrap().into_inner().revoked.len(), 0);
    let listed = service.list_tokens(v1::ListTokensRequest { all: false }).await.unwrap().into_inner().tokens;
    assert_eq!(listed.len(), 1);
    let all = service.list_tokens(v1::ListTokensRequest { all: true }).await.unwrap().into_inner().tokens;
    assert!(all.iter().any(|token| token.name == "anna" && token.revoked_at.is_some() && !token.valid));
    let unknown = service.revoke_tokens(v1::RevokeTokensRequest { token: "nobody".to_owned() }).await;
    assert_eq!(reason(unknown), Reason::NotFound);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_token_that_says_nothing_sensible_is_not_made(pool: PgPool) {
    let server = start_with(guarded(&pool)).await;
    let admin = token(&pool, "root", &[Scope::Admin]).await;
    let mut service = TokenServiceClient::new(server.with(&admin).await);
    let lifetime = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    for wrong in [
        wish("", &["read"]),
        wish("two words", &["read"]),
        wish("anna", &[]),
        wish("anna", &["root"]),
        v1::CreateTokenRequest { lifetime: lifetime(0), ..wish("anna", &["read"]) },
        v1::CreateTokenRequest { lifetime: lifetime(-1), ..wish("anna", &["read"]) },
        v1::CreateTokenRequest { lifetime: lifetime(i64::MAX), ..wish("anna", &["read"]) },
    ] {
        assert_eq!(reason(service.create_token(wrong.clone()).await), Reason::InvalidRequest, "{wrong:?}");
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_database_holds_the_hash_alone(pool: PgPool) {
    let token = token(&pool, "anna", &[Scope::Read]).await;
    let row: String =
        sqlx::query_scalar("select to_json(token)::text from core.token").fetch_one(&pool).await.unwrap();
    let hash: String = token.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(row.contains(&hash), "{row}");
    assert!(!row.contains(&token.expose()[4..]), "{row}");
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_revocation_holds_once_a_coordinator_has_forgotten_the_token(pool: PgPool) {
    let world = World::new(&pool);
    let authenticator = Authenticator::new(world.store.clone(), None);
    let token = token(&pool, "anna", &[Scope::Read]).await;
    assert_eq!(authenticator.principal(&headers(&token), None).await.unwrap().name, "anna");
    tokens::revoke(&mut pool.acquire().await.unwrap(), "anna").await.unwrap();
    assert!(
        authenticator.principal(&headers(&token), None).await.is_ok(),
        "it is remembered for {CACHE_TIME:?}"
    );
    authenticator.forget();
    assert_eq!(reason(authenticator.principal(&headers(&token), None).await), Reason::TokenRevoked);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_token_is_remembered_no_longer_than_it_lasts(pool: PgPool) {
    let world = World::new(&pool);
    let authenticator = Authenticator::new(world.store.clone(), None);
    let token = Token::random().unwrap();
    let lifetime = Some(Duration::from_millis(500));
    let mut connection = pool.acquire().await.unwrap();
    tokens::insert(&mut connection, "brief", &token.hash(), &[Scope::Read], lifetime).await.unwrap();
    let start = Instant::now();
    let mut accepted = 0;
    let refused = loop {
        match authenticator.principal(&headers(&token), None).await {
            Ok(_) => accepted += 1,
            Err(status) => break status,
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(Reason::of(&refused), Some(Reason::TokenExpired));
    assert!(accepted > 0 && start.elapsed() < CACHE_TIME, "{accepted} in {:?}", start.elapsed());
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn without_a_database_nobody_is_let_in_or_called_a_stranger(pool: PgPool) {
    let world = World::new(&pool);
    let authenticator = Authenticator::new(world.store.clone(), None);
    let token = token(&pool, "anna", &[Scope::Read]).await;
    world.store.vital.close().await;
    let refused: Result<_, Status> = authenticator.principal(&headers(&token), None).await;
    assert_eq!(reason(refused), Reason::DatabaseUnavailable);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_token_of_a_file_may_do_everything_and_is_asked_for_on_loopback_too(pool: PgPool) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let admin = Token::random().unwrap();
    admin.write_new(&file).unwrap();
    let auth = AuthConfig { auth: AuthMode::Auto, admin_token_file: Some(file) };
    let server = start_with(ServeConfig { auth, ..config(&pool) }).await;
    let made = TokenServiceClient::new(server.with(&admin).await).create_token(wish("anna", &["read"])).await;
    assert!(made.is_ok(), "{made:?}");
    let stranger =
        SweepServiceClient::new(server.channel().await).get_server_info(v1::GetServerInfoRequest {}).await;
    assert_eq!(reason(stranger), Reason::TokenMissing);
}
