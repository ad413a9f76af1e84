//! The live web page: sweeps, one sweep, one trial, workers, as HTML that works without a script and keeps itself up to
//! date with one. It shows the words of the command line and the figures of the report.
//!
//! In reading order:
//! - [`router`]: which page is where, and what each of them takes,
//! - `guard`: tokens, scopes, and requests that other sites made,
//! - `sign_in`: from a token to a cookie,
//! - `sweeps`, `sweep`, `trial`, `workers`: the pages,
//! - `steer`: pause, resume, cancel, retry,
//! - `live`: what tells a page that something has changed,
//! - `analysis`: the analysis of a sweep, worked out once for all who look; `beside`: what a trial's page shows besides,
//! - `piece`, `sheet`, `words`, `layout`, `assets`: what pages are made of,
//! - `refusal`: pages that say why not.

mod analysis;

mod assets;

mod beside;

mod guard;

mod layout;

mod live;

mod piece;

mod refusal;

mod sheet;

mod sign_in;

mod steer;

mod sweep;

mod sweeps;

mod trial;

mod words;

mod workers;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use domain::access::Scope;
use tokio::sync::Semaphore;

use crate::access::authenticator::Authenticator;
use crate::context::Context;
use analysis::Analyses;
use guard::Door;

/// The longest form. A form that never ends is kept as far as it came, and anybody may send one.
const MOST_FORM_BYTES: usize = 4 << 10;

/// Pages that are kept up to date at once; more are told to reload by hand.
const MOST_WATCHERS: usize = 512;

/// What the pages work with.
#[derive(Debug, Clone)]
pub struct Web {
    context: Context,
    authenticator: Option<Arc<Authenticator>>,
    analyses: Analyses,
    watchers: Arc<Semaphore>,
}

impl Web {
    /// Pages over this context; `authenticator` is who knows the tokens, `None` at a coordinator that asks for none.
    #[must_use]
    pub fn new(context: Context, authenticator: Option<Arc<Authenticator>>) -> Self {
        Self {
            analyses: Analyses::default(),
            watchers: Arc::new(Semaphore::new(MOST_WATCHERS)),
            context,
            authenticator,
        }
    }
}

/// All pages. What stands in none of the three groups does not exist, so that nothing is open by mistake.
pub fn router(web: Web) -> Router {
    let door = |scope| Door { authenticator: web.authenticator.clone(), scope };
    let open = Router::new()
        .route("/assets/page.css", get(assets::page_css))
        .route("/assets/plots/{series}", get(assets::plots_css))
        .route("/assets/page.js", get(assets::page_js))
        .route("/assets/icon.svg", get(assets::icon))
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out));
    let read = Router::new()
        .route("/", get(sweeps::page))
        .route("/pieces", get(sweeps::pieces))
        .route("/sweeps/{sweep}", get(sweep::page))
        .route("/sweeps/{sweep}/pieces", get(sweep::pieces))
        .route("/sweeps/{sweep}/events", get(live::events))
        .route("/trials/{trial}", get(trial::page))
        .route("/trials/{trial}/pieces", get(trial::pieces))
        .route("/workers", get(workers::page))
        .route("/workers/pieces", get(workers::pieces))
        .route_layer(from_fn_with_state(door(Scope::Read), guard::admit));
    let steering = Router::new()
        .route("/sweeps/{sweep}/pause", post(steer::pause))
        .route("/sweeps/{sweep}/resume", post(steer::resume))
        .route("/sweeps/{sweep}/cancel", post(steer::cancel))
        .route("/sweeps/{sweep}/retry", post(steer::retry))
        .route_layer(from_fn_with_state(door(Scope::Submit), guard::admit));
    open.merge(read)
        .merge(steering)
        .fallback(refusal::no_such_page)
        .layer(from_fn_with_state(web.authenticator.is_some(), guard::check_origin))
        .layer(from_fn(guard::with_headers))
        .layer(DefaultBodyLimit::max(MOST_FORM_BYTES))
        .with_state(web)
}
