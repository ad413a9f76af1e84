//! Every method of a running server, and who may call it.

use std::collections::BTreeSet;

use coordinator::access::methods::{self, Access};
use domain::access::Scope;
use http::uri::PathAndQuery;
use prost::Message;
use proto::connection::Bearer;
use proto::{Reason, Token};
use sqlx::PgPool;
use tonic::service::Interceptor;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_types::StatusExt;

use crate::served::{Client, Server, guarded, start_with, token};

/// The answer to one question to the server's reflection.
async fn reflect(client: &Client, question: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let answers =
        ServerReflectionClient::new(client.clone()).server_reflection_info(tokio_stream::once(request)).await;
    answers.unwrap().into_inner().message().await.unwrap().unwrap().message_response.unwrap()
}

/// The paths of all methods, as the server tells them.
async fn all_methods(client: &Client) -> BTreeSet<String> {
    let answer = reflect(client, MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    let mut paths = BTreeSet::new();
    for service in list.service {
        let answer = reflect(client, MessageRequest::FileContainingSymbol(service.name.clone())).await;
        let MessageResponse::FileDescriptorResponse(files) = answer else { panic!("{answer:?}") };
        for file in files.file_descriptor_proto {
            let file = prost_types::FileDescriptorProto::decode(file.as_slice()).unwrap();
            for found in &file.service {
                let name = format!("{}.{}", file.package(), found.name());
                let paths_of = found.method.iter().map(|method| format!("/{name}/{}", method.name()));
                paths.extend(paths_of.filter(|_| name == service.name));
            }
        }
    }
    paths
}

/// Calls a method with an empty message, whatever it takes; `header` is what stands in `authorization`.
async fn call(channel: &Channel, path: &str, header: Option<&[u8]>) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let mut request = http::Request::new(());
    if let Some(header) = header {
        let value = http::HeaderValue::from_bytes(header).unwrap();
        request.headers_mut().insert(http::header::AUTHORIZATION, value);
    }
    let metadata = tonic::metadata::MetadataMap::from_headers(request.headers().clone());
    let request = Request::from_parts(metadata, http::Extensions::default(), ());
    let path: PathAndQuery = path.parse().unwrap();
    client.unary(request, path, ProstCodec::<(), ()>::default()).await.map(drop)
}

async fn call_with(channel: &Channel, path: &str, token: &Token) -> Result<(), Status> {
    let shown = Bearer::of(token.clone()).call(Request::new(())).unwrap();
    let header = shown.metadata().get("authorization").unwrap().as_encoded_bytes().to_owned();
    call(channel, path, Some(&header)).await
}

/// A server that asks for tokens, its methods, and a token that allows everything.
async fn guarded_server(pool: &PgPool) -> (Server, BTreeSet<String>, Token) {
    let server = start_with(guarded(pool)).await;
    let admin = token(pool, "root", &[Scope::Admin]).await;
    let methods = all_methods(&server.with(&admin).await).await;
    assert!(methods.len() > 20, "{methods:?}");
    (server, methods, admin)
}

#[track_caller]
fn assert_refused(refused: Result<(), Status>, reason: Reason, what: &str) -> Status {
    let status = refused.expect_err(what);
    assert_eq!((Reason::of(&status), status.code()), (Some(reason), reason.code()), "{what}: {status}");
    status
}

fn needed(path: &str) -> Option<Scope> {
    match methods::access(path) {
        Some(Access::Scope(needed)) => Some(needed),
        _ => None,
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn every_method_of_a_server_says_who_may_call_it(pool: PgPool) {
    let (_server, methods, _) = guarded_server(&pool).await;
    let unlisted: Vec<_> = methods.iter().filter(|path| methods::access(path).is_none()).collect();
    assert!(unlisted.is_empty(), "add to coordinator/src/access/methods.rs: {unlisted:?}");
    let gone: Vec<_> = methods::listed().filter(|path| !methods.contains(*path)).collect();
    assert!(gone.is_empty(), "no server has these methods any more: {gone:?}");
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_method_that_is_not_listed_is_refused_whoever_calls(pool: PgPool) {
    let (server, _, admin) = guarded_server(&pool).await;
    let channel = server.channel().await;
    for path in ["/batchsweep.v1.SweepService/DropEverything", "/other.Service/Method", "/"] {
        assert_refused(call_with(&channel, path, &admin).await, Reason::MissingScope, path);
        assert_refused(call(&channel, path, None).await, Reason::TokenMissing, path);
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn every_method_but_health_refuses_callers_without_a_valid_token(pool: PgPool) {
    let (server, methods, _) = guarded_server(&pool).await;
    let channel = server.channel().await;
    let all = Scope::ALL.map(|(_, scope)| scope);
    let (expired, revoked) = (token(&pool, "late", &all).await, token(&pool, "gone", &all).await);
    sqlx::query("update core.token set expires_at = now() where name = 'late'").execute(&pool).await.unwrap();
    sqlx::query("update core.token set revoked_at = now() where name = 'gone'").execute(&pool).await.unwrap();
    let bearer = |token: &Token| format!("Bearer {}", token.expose()).into_bytes();
    let cases = [
        (None, Reason::TokenMissing),
        (Some(bearer(&Token::random().unwrap())), Reason::TokenInvalid),
        (Some(bearer(&expired)), Reason::TokenExpired),
        (Some(bearer(&revoked)), Reason::TokenRevoked),
        (Some(b"Bearer \xff\xfe".to_vec()), Reason::TokenInvalid),
        (Some(b"Basic cm9vdDpyb290".to_vec()), Reason::TokenInvalid),
        (Some(b"Bearer".to_vec()), Reason::TokenInvalid),
    ];
    for (header, reason) in &cases {
        call(&channel, "/grpc.health.v1.Health/Check", header.as_deref()).await.unwrap();
        for path in methods.iter().filter(|path| methods::access(path) != Some(Access::Open)) {
            assert_refused(call(&channel, path, header.as_deref()).await, *reason, path);
        }
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn each_scope_opens_its_methods_and_no_others(pool: PgPool) {
    let (server, methods, _) = guarded_server(&pool).await;
    let channel = server.channel().await;
    for (word, scope) in Scope::ALL {
        let token = token(&pool, word, &[scope]).await;
        for path in methods.iter().filter(|path| methods::access(path) != Some(Access::Open)) {
            let answer = call_with(&channel, path, &token).await;
            match needed(path) {
                Some(needed) if !scope.allows(needed) => {
                    let status = assert_refused(answer, Reason::MissingScope, path);
                    let info = status.get_details_error_info().unwrap();
                    assert_eq!(info.metadata["scope"], needed.word());
                    let said =
                        format!("needs a token with scope `{needed}`; the token of `{word}` has `{word}`");
                    assert!(status.message().contains(&said), "{status}");
                }
                // What is wrong with an empty message is the handler's business: it was reached.
                _ => {
                    let code = answer.err().map(|status| status.code());
                    assert!(
                        !matches!(code, Some(Code::Unauthenticated | Code::PermissionDenied)),
                        "{path} with {scope}: {code:?}"
                    );
                }
            }
        }
    }
}
