//! Somebody looks at a sweep while it runs, at what came of it, and ends another.

use super::chromium::{Browser, driver};
use super::sandbox::Sandbox;

/// Thirty-six trials of half a second or more, some of which diverge.
const SWEEP: &str = r#"
name = "seen-live"
[data]
format = "synthetic"
examples = 2400
features = [20]
classes = 4
labels = "teacher"
seed = 1
validation = 400
[model]
kind = "mlp"
hidden = [256, 256]
[grid]
batch_size = [16, 64, 256]
learning_rate = [0.01, 0.1, 1.0, 30.0]
seed = [0, 1, 2]
[train]
epochs = 60
"#;

/// One that ends only when it is told to.
const ENDLESS: &str = r#"
name = "endless"
[data]
format = "synthetic"
examples = 1000
features = [10]
classes = 2
labels = "random"
[model]
kind = "linear"
[grid]
batch_size = [1, 8]
learning_rate = [0.01, 0.1]
[train]
epochs = 1000000
"#;

/// The link that signs in, as a person finds it in a terminal.
pub fn link(sandbox: &Sandbox) -> String {
    let said = sandbox.on_a_terminal_of_80_columns(&["status"]);
    let line = said.lines().find_map(|line| line.strip_prefix("live page: "));
    line.unwrap_or_else(|| panic!("no link in\n{said}")).trim().to_owned()
}

/// How many cells of the heatmap tell a score, or that their trials diverged.
const TOLD: &str = r#"[...document.querySelectorAll("figure#heatmap svg.wide a title")].filter((tip) => !tip.textContent.includes("not finished")).length"#;

/// The state of the sweep that is open.
pub const STATE: &str = "document.querySelector('#piece-state .badge').textContent";

#[tokio::test]
async fn a_sweep_is_watched_to_its_end_a_trial_opened_and_another_sweep_cancelled() {
    let Some(driver) = driver() else { return };
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    // Where others may read what is said, no link is made.
    let said = sandbox.call(&["status"]).stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("live page: http://127.0.0.1:") && !said.contains('#'), "{said}");
    let link = link(&sandbox);
    let browser = Browser::start(&driver).await;
    browser.look(1400, "light").await;

    sign_in(&browser, &link).await;
    let port = browser.address().await.port();
    submit_beside_the_page(&sandbox, &browser).await;
    watch_to_the_end(&browser).await;
    open_a_cell_and_a_trial(&browser).await;
    skip_by_keyboard(&browser).await;
    let page = cancel_from_the_page(&sandbox, &browser, &link).await;
    assert_nothing_went_wrong_unseen(&browser, port).await;

    // The page is found where it was, by who was signed in, when the stack comes back.
    sandbox.read(&["down"]);
    sandbox.read(&["up"]);
    browser.open(&page).await;
    assert_eq!(browser.ask("document.querySelector('h1').textContent").await, "endless");

    sign_out(&browser, &link, &page).await;
    browser.close().await;
    let log = std::fs::read_to_string(sandbox.state().log("coordinator")).unwrap();
    assert!(log.contains("serving HTTP") && !log.contains("bst_"), "{log}");
}

/// Signed in by the link; what counts in it is in no address afterwards, and no script can read the cookie.
async fn sign_in(browser: &Browser, link: &str) {
    browser.open(link).await;
    browser.until("document.querySelector('h1').textContent === 'Sweeps'").await;
    let here = browser.address().await;
    assert_eq!((here.path(), here.fragment()), ("/", None));
    assert_eq!(browser.ask("document.cookie").await, "");
    browser.photograph("no-sweep").await;
}

/// A sweep that is submitted appears by itself.
async fn submit_beside_the_page(sandbox: &Sandbox, browser: &Browser) {
    browser.ask("window.mark = 1").await;
    let spec = sandbox.file("sweep.toml", SWEEP);
    let sweep = sandbox.read(&["submit", &spec.to_string_lossy()]);
    browser.until("document.querySelector('[data-place=sweep-rows] a')").await;
    assert_eq!(browser.ask("window.mark").await, 1);
    browser.follow("[data-place=sweep-rows] a").await;
    assert_eq!(browser.address().await.path(), format!("/sweeps/{}", sweep.trim()));
}

/// Cells get their numbers one after the other, on the same page all the time.
async fn watch_to_the_end(browser: &Browser) {
    browser.ask("window.mark = 2").await;
    let cells = browser.ask("document.querySelectorAll('figure#heatmap svg.wide a').length").await;
    assert_eq!(cells, 12, "the grid is there from the beginning");
    browser.until(&format!("{TOLD} >= 2")).await;
    let told = browser.ask(TOLD).await.as_u64().unwrap();
    assert!(told < 12, "the sweep was over before it was seen");
    // What a reader has opened stays open, and a keyboard stays where it is, while the figure around it is replaced.
    browser.click("figure#heatmap summary").await;
    browser.until(&format!("{TOLD} > {told}")).await;
    assert_eq!(browser.ask("window.mark").await, 2, "the page was loaded again");
    assert_eq!(browser.ask("document.querySelector('figure#heatmap details').open").await, true);
    let focused = "document.activeElement === document.querySelector('figure#heatmap summary')";
    assert_eq!(browser.ask(focused).await, true);
    // One sentence now and then is read aloud, and no row that changes.
    browser.until("document.querySelector('#told').textContent.includes('trials have ended')").await;
    assert_eq!(browser.ask("document.querySelectorAll('[aria-live], [role=status]').length").await, 1);
    browser.follow(".steer form[action$='/pause'] button").await;
    browser.until(&format!("{STATE} === 'paused'")).await;
    browser.photograph("sweep-live").await;
    browser.follow(".steer form[action$='/resume'] button").await;
    browser.ask("window.mark = 3").await;
    browser.until(&format!("{STATE} === 'finished' && {TOLD} === 12")).await;
    assert_eq!(browser.ask("window.mark").await, 3, "the page was loaded again");
    // Which cell is named, and in which of two ways, also depends on how long its trials took.
    let named = "/^(Train with|Best so far:) batch size \\d+ at learning rate/";
    browser.until(&format!("{named}.test(document.querySelector('.advice').textContent)")).await;
    browser.photograph("sweep-finished").await;
}

/// From a cell to its trials, one of them, and the workers.
async fn open_a_cell_and_a_trial(browser: &Browser) {
    browser.follow("figure#heatmap svg.wide a").await;
    let trials = "document.querySelectorAll('[data-place=trial-rows] tr').length";
    assert_eq!(browser.ask(trials).await, 3, "a cell stands for its three seeds");
    browser.photograph("cell").await;
    browser.follow("[data-place=trial-rows] a").await;
    for shown in ["figure#curves svg", "figure#memory svg", "#piece-splits td", "#piece-attempts td"] {
        assert_eq!(
            browser.ask(&format!("Boolean(document.querySelector('{shown}'))")).await,
            true,
            "{shown}"
        );
    }
    browser.photograph("trial").await;
    browser.follow("a[href='/workers']").await;
    browser.until("document.querySelector('#piece-workers').textContent.includes('local-0')").await;
    browser.photograph("workers").await;
}

/// Past the navigation in one step.
async fn skip_by_keyboard(browser: &Browser) {
    browser.press("\u{e004}").await;
    assert_eq!(browser.ask("document.activeElement.className").await, "skip");
    browser.press("\u{e007}").await;
    browser.until("document.activeElement.id === 'main'").await;
}

/// An endless sweep is ended from its page, whose address this gives.
async fn cancel_from_the_page(sandbox: &Sandbox, browser: &Browser, link: &str) -> String {
    let spec = sandbox.file("endless.toml", ENDLESS);
    let endless = sandbox.read(&["submit", &spec.to_string_lossy()]);
    let page = format!("{}/sweeps/{}", &link[..link.find("/sign-in").unwrap()], endless.trim());
    browser.open(&page).await;
    browser.until("document.querySelector('.running li progress')").await;
    browser.photograph("sweep-running").await;
    browser.click(".steer summary").await;
    browser.follow(".steer form[action$='/cancel'] button").await;
    browser.until(&format!("{STATE} === 'finished'")).await;
    assert_eq!(sandbox.rows(&["ls"])[0]["state"], "finished");
    assert!(sandbox.rows(&["trials", endless.trim()]).iter().all(|trial| trial["status"] == "cancelled"));

    browser.follow("a[href='/']").await;
    browser.photograph("sweeps").await;
    page
}

/// The console is empty, and nobody else was asked for anything.
async fn assert_nothing_went_wrong_unseen(browser: &Browser, port: Option<u16>) {
    assert_eq!(browser.console().await, [""; 0]);
    browser.ask("console.error('heard')").await;
    assert_eq!(browser.console().await.len(), 1, "the console is not heard");
    let requests = browser.requests().await;
    let foreign: Vec<_> =
        requests.iter().filter(|url| url.scheme() != "data" && url.port() != port).collect();
    assert!(foreign.is_empty() && requests.len() > 20, "{foreign:?} of {}", requests.len());
}

/// Signed out for good: the link worked once.
async fn sign_out(browser: &Browser, link: &str, page: &str) {
    browser.follow("form[action='/sign-out'] button").await;
    assert_eq!(browser.address().await.path(), "/sign-in");
    browser.photograph("sign-in").await;
    browser.open(link).await;
    browser.until("document.querySelector('.problem')").await;
    browser.open(page).await;
    assert_eq!(browser.address().await.path(), "/sign-in");
}
