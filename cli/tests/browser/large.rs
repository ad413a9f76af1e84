//! A sweep of a thousand trials, watched while they end.

use serde_json::Value;

use super::chromium::{Browser, driver};
use super::sandbox::Sandbox;
use super::visit::{STATE, link};

/// Ten batch sizes, twenty learning rates, five seeds; each trial is over at once.
const SWEEP: &str = r#"
name = "a-thousand"
[data]
format = "synthetic"
examples = 600
features = [10]
classes = 2
labels = "teacher"
validation = 100
[model]
kind = "linear"
[grid]
batch_size = [1, 2, 4, 8, 16, 32, 64, 128, 256, 500]
learning_rate = { from = 0.001, to = 1.0, count = 20 }
seed = [0, 1, 2, 3, 4]
[train]
steps = 40
"#;

/// From here on each task of the page that holds up a reader for 50 ms or more is remembered (that is what Chromium calls
/// long).
const LISTEN: &str = "(() => {
    window.tasks = [];
    new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((task) => Math.round(task.duration))))
        .observe({ type: 'longtask', buffered: true });
    performance.setResourceTimingBufferSize(5000);
    return true;
})()";

/// What was measured since, in milliseconds, bytes and elements.
const MEASURED: &str = "(() => {
    const [page] = performance.getEntriesByType('navigation');
    const updates = performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/pieces'));
    const most = (numbers) => Math.round(Math.max(0, ...numbers));
    return {
        page_bytes: page.decodedBodySize,
        answered: most([page.responseEnd]),
        loaded: most([page.loadEventEnd]),
        elements: document.querySelectorAll('*').length,
        updates: updates.length,
        largest_update_bytes: most(updates.map((update) => update.decodedBodySize)),
        longest_update: most(updates.map((update) => update.duration)),
        long_tasks: window.tasks.length,
        longest_task: most(window.tasks),
    };
})()";

/// Prints what it takes: `cargo test -p cli --test browser a_thousand -- --nocapture`.
#[tokio::test]
async fn a_thousand_trials_are_watched_without_holding_up_who_reads() {
    let Some(driver) = driver() else { return };
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let link = link(&sandbox);
    let browser = Browser::start(&driver).await;
    browser.look(1400, "light").await;
    browser.open(&link).await;
    browser.until("document.querySelector('h1').textContent === 'Sweeps'").await;

    let spec = sandbox.file("sweep.toml", SWEEP);
    let sweep = sandbox.read(&["submit", &spec.to_string_lossy()]);
    let page = format!("{}/sweeps/{}", &link[..link.find("/sign-in").unwrap()], sweep.trim());
    browser.open(&page).await;
    browser.ask(LISTEN).await;
    browser.ask("window.mark = 1").await;
    browser.until(&format!("{STATE} === 'finished'")).await;
    // The last analysis comes after the last trial.
    let is_told = "!document.querySelector('#piece-conclusion').textContent.includes('have not ended')";
    browser.until(is_told).await;
    assert_eq!(browser.ask("window.mark").await, 1, "the page was loaded again");
    let live = browser.ask(MEASURED).await;
    assert_eq!(browser.ask("document.querySelectorAll('[data-place=trial-rows] tr').length").await, 100);
    assert_eq!(browser.ask("document.querySelectorAll('nav.pages a').length").await, 10);

    browser.open(&page).await;
    browser.ask(LISTEN).await;
    let finished = browser.ask(MEASURED).await;
    browser.photograph("sweep-of-a-thousand").await;
    assert_eq!(browser.console().await, [""; 0]);
    browser.close().await;

    eprintln!("while trials end: {live:#}\nwhen all have: {finished:#}");
    let number = |measured: &Value, name: &str| measured[name].as_u64().unwrap();
    assert!(number(&live, "updates") >= 3, "{live}");
    for measured in [live, finished] {
        // What a reader waits for grows with the elements of a page; how long that is, depends on the machine.
        assert!(number(&measured, "elements") < 30_000, "{measured}");
    }
}
