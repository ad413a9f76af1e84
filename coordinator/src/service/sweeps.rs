//! `SweepService`: for people and their scripts.

use std::pin::Pin;
use std::sync::Arc;

use domain::table::View;
use domain::units::SweepId;
use proto::v1::{self, sweep_service_server::SweepService};
use proto::{MAX_MESSAGE_BYTES, PROTOCOL_VERSION, Reason, table};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::steer::{Steer, steer};
use super::{decode, encode, extend, findings, removal, submit, uploads};
use crate::access::Caller;
use crate::access::status::{ask_again, invalid, of_reader, of_store, shutting_down};
use crate::config::public_url;
use crate::context::Context;
use crate::store::rows::{self, Page, Wanted, reader};
use crate::store::sweep::{self, Cancel};
use crate::store::{self, resolve};
use crate::tasks::watches::Snapshot;

/// The longest SQL statement, in bytes.
const MAX_SQL: usize = 1 << 20;

/// The handlers.
#[derive(Debug, Clone)]
pub struct Sweeps {
    context: Context,
}

impl Sweeps {
    /// Handlers over this context.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self { context }
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl SweepService for Sweeps {
    type WatchSweepStream = Pin<Box<dyn Stream<Item = Result<v1::WatchSweepResponse, Status>> + Send>>;

    async fn get_server_info(
        &self,
        _: Request<v1::GetServerInfoRequest>,
    ) -> Answer<v1::GetServerInfoResponse> {
        let patience = std::time::Duration::from_secs(2);
        let database_version = self.context.store.ping(patience).await.map_err(of_store)?;
        Ok(Response::new(v1::GetServerInfoResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol_version: PROTOCOL_VERSION,
            database_version,
            reader_url: public_url(&self.context.reader),
        }))
    }

    async fn find_upload(&self, request: Request<v1::FindUploadRequest>) -> Answer<v1::FindUploadResponse> {
        let found = uploads::find(&self.context, request.get_ref()).await?;
        Ok(Response::new(v1::FindUploadResponse { found }))
    }

    async fn upload_file(
        &self,
        request: Request<Streaming<v1::UploadFileRequest>>,
    ) -> Answer<v1::UploadFileResponse> {
        let caller = Caller::of(&request);
        uploads::take(&self.context, &caller, request.into_inner()).await?;
        Ok(Response::new(v1::UploadFileResponse {}))
    }

    async fn create_sweep(
        &self,
        request: Request<v1::CreateSweepRequest>,
    ) -> Answer<v1::CreateSweepResponse> {
        let caller = Caller::of(&request);
        let sweep = submit::create(&self.context, &caller, request.into_inner()).await?;
        Ok(Response::new(v1::CreateSweepResponse { sweep: Some(sweep) }))
    }

    async fn get_sweep(&self, request: Request<v1::GetSweepRequest>) -> Answer<v1::GetSweepResponse> {
        let request = request.into_inner();
        let sweep = decode::reference("sweep", &request.sweep)?;
        let sweep = get(&self.context, sweep).await.map_err(of_store)?;
        Ok(Response::new(v1::GetSweepResponse { sweep: Some(sweep) }))
    }

    async fn list_sweeps(&self, request: Request<v1::ListSweepsRequest>) -> Answer<v1::ListSweepsResponse> {
        let request = request.into_inner();
        let size = match request.page_size {
            0 => 50,
            size => i64::from(size.min(1_000)),
        };
        let before = match request.page_token.as_str() {
            "" => None,
            token => Some(decode::parsed("page_token", token)?),
        };
        list(&self.context, before, size).await.map(Response::new).map_err(of_store)
    }

    async fn watch_sweep(&self, request: Request<v1::WatchSweepRequest>) -> Answer<Self::WatchSweepStream> {
        let request = request.into_inner();
        let sweep = decode::reference("sweep", &request.sweep)?;
        let sweep_id = {
            let mut transaction = self.context.store.begin().await.map_err(of_store)?;
            resolve::sweep(&mut transaction, sweep).await.map_err(of_store)?
        };
        let snapshots = self.context.watches.watch(sweep_id).await.map_err(of_store)?;
        // So a token that was revoked meanwhile does not watch on for ever.
        let too_old = Instant::now() + self.context.watch_age;
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(send(snapshots, sender, self.context.drain.clone(), too_old));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn pause_sweep(&self, request: Request<v1::PauseSweepRequest>) -> Answer<v1::PauseSweepResponse> {
        let (sweep, _) = steer(&self.context, &request.into_inner().sweep, Steer::Pause).await?;
        Ok(Response::new(v1::PauseSweepResponse { sweep: Some(sweep) }))
    }

    async fn resume_sweep(
        &self,
        request: Request<v1::ResumeSweepRequest>,
    ) -> Answer<v1::ResumeSweepResponse> {
        let (sweep, _) = steer(&self.context, &request.into_inner().sweep, Steer::Resume).await?;
        Ok(Response::new(v1::ResumeSweepResponse { sweep: Some(sweep) }))
    }

    async fn cancel_sweep(
        &self,
        request: Request<v1::CancelSweepRequest>,
    ) -> Answer<v1::CancelSweepResponse> {
        let request = request.into_inner();
        let how = Steer::Cancel(if request.drain { Cancel::Drain } else { Cancel::Stop });
        let (sweep, _) = steer(&self.context, &request.sweep, how).await?;
        Ok(Response::new(v1::CancelSweepResponse { sweep: Some(sweep) }))
    }

    async fn weigh_sweep(&self, request: Request<v1::WeighSweepRequest>) -> Answer<v1::WeighSweepResponse> {
        let request = request.into_inner();
        let how = Steer::Weigh(decode::weight(request.weight)?);
        let (sweep, _) = steer(&self.context, &request.sweep, how).await?;
        Ok(Response::new(v1::WeighSweepResponse { sweep: Some(sweep) }))
    }

    async fn retry_sweep(&self, request: Request<v1::RetrySweepRequest>) -> Answer<v1::RetrySweepResponse> {
        let (sweep, retried) = steer(&self.context, &request.into_inner().sweep, Steer::Retry).await?;
        Ok(Response::new(v1::RetrySweepResponse { sweep: Some(sweep), retried }))
    }

    async fn extend_sweep(
        &self,
        request: Request<v1::ExtendSweepRequest>,
    ) -> Answer<v1::ExtendSweepResponse> {
        let caller = Caller::of(&request);
        let (sweep, added) = extend::extend(&self.context, &caller, request.into_inner()).await?;
        Ok(Response::new(v1::ExtendSweepResponse { sweep: Some(sweep), added }))
    }

    async fn rename_sweep(
        &self,
        request: Request<v1::RenameSweepRequest>,
    ) -> Answer<v1::RenameSweepResponse> {
        let sweep = removal::rename(&self.context, request.into_inner()).await?;
        Ok(Response::new(v1::RenameSweepResponse { sweep: Some(sweep) }))
    }

    async fn tag_sweep(&self, request: Request<v1::TagSweepRequest>) -> Answer<v1::TagSweepResponse> {
        let sweep = removal::tag(&self.context, request.into_inner()).await?;
        Ok(Response::new(v1::TagSweepResponse { sweep: Some(sweep) }))
    }

    async fn remove_sweeps(
        &self,
        request: Request<v1::RemoveSweepsRequest>,
    ) -> Answer<v1::RemoveSweepsResponse> {
        let caller = Caller::of(&request);
        removal::remove(&self.context, &caller, request.into_inner()).await.map(Response::new)
    }

    async fn list_rows(&self, request: Request<v1::ListRowsRequest>) -> Answer<v1::ListRowsResponse> {
        let request = request.into_inner();
        let view: View = decode::wire(request.view())?;
        decode::reference("sweep", &request.sweep)?;
        decode::reference("trial", &request.trial)?;
        let wanted = decode::wanted(view, &request)?;
        let page = page(&self.context, view, &request, wanted).await.map_err(of_store)?;
        let table = table::to_wire(page.table);
        if !encode::fits(&table) {
            let message = "the rows are more than one message holds; ask for one trial, or use SQL";
            return Err(Reason::LimitExceeded.status(message));
        }
        let next_page_token = page.next.map(encode::cursor).unwrap_or_default();
        Ok(Response::new(v1::ListRowsResponse { table: Some(table), next_page_token }))
    }

    async fn list_known_memory(
        &self,
        request: Request<v1::ListKnownMemoryRequest>,
    ) -> Answer<v1::ListKnownMemoryResponse> {
        let caller = Caller::of(&request);
        findings::list(&self.context, &caller, request.into_inner()).await.map(Response::new)
    }

    async fn query(&self, request: Request<v1::QueryRequest>) -> Answer<v1::QueryResponse> {
        let caller = Caller::of(&request);
        let sql = request.into_inner().sql;
        if sql.trim().is_empty() || sql.len() > MAX_SQL || sql.contains('\0') {
            return Err(invalid("sql", "is empty, too long, or no text"));
        }
        let _running = self.context.rates.statement(&caller)?;
        let answer = reader::query(&self.context.store, &self.context.reader, &sql).await;
        let answer = answer.map_err(|error| of_reader(&error))?;
        let table = Some(table::to_wire(answer.table));
        Ok(Response::new(v1::QueryResponse { table, truncated: answer.truncated }))
    }
}

/// Sends snapshots until the sweep has ended, the caller is gone, the coordinator drains, or the watch is too old.
async fn send(
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    sender: mpsc::Sender<Result<v1::WatchSweepResponse, Status>>,
    drain: CancellationToken,
    too_old: Instant,
) {
    snapshots.mark_changed();
    loop {
        let is_changed = tokio::select! {
            () = sender.closed() => return,
            () = drain.cancelled() => false,
            () = tokio::time::sleep_until(too_old) => {
                let _ = sender.send(Err(ask_again())).await;
                return;
            }
            changed = snapshots.changed() => changed.is_ok(),
        };
        if !is_changed {
            let _ = sender.send(Err(shutting_down())).await;
            return;
        }
        let snapshot = snapshots.borrow_and_update().clone();
        let sent = sender.send(encode::snapshot(&snapshot).map_err(of_store)).await;
        if sent.is_err() || snapshot.sweep.is_finished() {
            return;
        }
    }
}

async fn get(context: &Context, text: &str) -> store::Result<v1::Sweep> {
    let mut transaction = context.store.begin().await?;
    let sweep_id = resolve::sweep(&mut transaction, text).await?;
    encode::sweep(&sweep::get(&mut transaction, sweep_id).await?)
}

async fn list(
    context: &Context,
    before: Option<SweepId>,
    size: i64,
) -> store::Result<v1::ListSweepsResponse> {
    let mut transaction = context.store.begin().await?;
    // One more than asked for tells whether there is a next page.
    let mut rows = sweep::list(&mut transaction, before, size + 1).await?;
    let limit = usize::try_from(size).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    // Many large sweeps are more than a message holds: then the page is shorter.
    let mut bytes = 0;
    let fitting = rows.iter().take_while(|row| {
        bytes += row.spec.bytes().len();
        bytes <= MAX_MESSAGE_BYTES / 2
    });
    let fitting = fitting.count().max(1).min(rows.len());
    let has_more = has_more || fitting < rows.len();
    rows.truncate(fitting);
    let last = rows.last().map(|row| row.sweep_id.to_string()).filter(|_| has_more);
    Ok(v1::ListSweepsResponse {
        sweeps: rows.iter().map(encode::sweep).collect::<Result<_, _>>()?,
        next_page_token: last.unwrap_or_default(),
    })
}

async fn page(
    context: &Context,
    view: View,
    request: &v1::ListRowsRequest,
    wanted: Wanted<'_>,
) -> store::Result<Page> {
    let mut transaction = context.store.begin().await?;
    if view == View::Worker {
        return rows::list(&mut transaction, view, &wanted).await;
    }
    // A trial's id says which sweep it is of.
    let sweep_id = match (request.sweep.as_str(), request.trial.as_str()) {
        ("", trial) if !trial.is_empty() => None,
        (sweep, _) => Some(resolve::sweep(&mut transaction, sweep).await?),
    };
    let trial = match request.trial.as_str() {
        "" => None,
        trial => Some(resolve::trial(&mut transaction, sweep_id, trial).await?),
    };
    let sweep_id = sweep_id.or(trial.map(|trial| trial.sweep_id));
    let trial_id = trial.map(|trial| trial.trial_id);
    rows::list(&mut transaction, view, &Wanted { sweep_id, trial_id, ..wanted }).await
}
