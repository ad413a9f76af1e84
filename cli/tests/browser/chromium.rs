//! A Chromium without a screen, driven by its own driver over WebDriver.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::wd::{TimeoutConfiguration, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::{ParseError, Url};

const VARIABLE: &str = "BATCHSWEEP_CHROMEDRIVER";

/// No single wait takes longer than this on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// The widths that pages are looked at: a phone and a desk.
const WIDTHS: [u32; 2] = [400, 1400];

/// The driver's program; `None`, and a word about it, where there is none.
pub fn driver() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return Some(PathBuf::from(named));
    }
    let usual = PathBuf::from("/usr/bin/chromedriver");
    if !usual.exists() {
        eprintln!("SKIPPED, nothing was checked: there is no {}; run scripts/setup --tests", usual.display());
        return None;
    }
    Some(usual)
}

/// A browser with a profile of its own.
pub struct Browser {
    client: Client,
    screenshots: PathBuf,
    driver: Child,
    _profile: TempDir,
}

impl Browser {
    pub async fn start(driver: &Path) -> Self {
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Its browser is in its group, and ends with it however the test ends.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run scripts/setup --tests", driver.display()));
        let port = port(&mut driver);
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless=new".to_owned(),
            // Root, as in a container, has no sandbox.
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--disable-background-networking".to_owned(),
            // No other host has a name, so that whatever is asked of one fails and is found below.
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let wanted = json!({
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let Value::Object(wanted) = wanted else { unreachable!() };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder.capabilities(wanted).connect(&format!("http://127.0.0.1:{port}")).await.unwrap();
        let timeouts = TimeoutConfiguration::new(Some(LIMIT), Some(LIMIT), Some(Duration::ZERO));
        client.update_timeouts(timeouts).await.unwrap();
        let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
        fs::create_dir_all(&screenshots).unwrap();
        let browser = Self { client, screenshots, driver, _profile: profile };
        // What the browser's own first page has asked for is none of ours.
        browser.open("about:blank").await;
        browser.requests().await;
        browser
    }

    pub async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    pub async fn address(&self) -> Url {
        self.client.current_url().await.unwrap()
    }

    /// What a script returns; it runs in the page, past its rules for scripts.
    #[track_caller]
    pub fn ask(&self, script: &str) -> impl Future<Output = Value> {
        let (client, script) = (self.client.clone(), format!("return ({script});"));
        async move {
            client.execute(&script, Vec::new()).await.unwrap_or_else(|error| panic!("{script}: {error}"))
        }
    }

    /// Waits until this holds in the page that is open, looking whenever something in it changes.
    pub async fn until(&self, condition: &str) {
        let script = format!(
            "const told = arguments[arguments.length - 1];
             const holds = () => {{ try {{ return Boolean({condition}); }} catch {{ return false; }} }};
             const observer = new MutationObserver(() => {{ if (holds()) {{ observer.disconnect(); told(true); }} }});
             observer.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
             if (holds()) {{ observer.disconnect(); told(true); }}"
        );
        if let Err(error) = self.client.execute_async(&script, Vec::new()).await {
            let shown = self.ask("document.body.innerText").await;
            panic!("`{condition}` never held: {error}\n{}", shown.as_str().unwrap_or_default());
        }
    }

    /// Clicks on what a selector finds first, and waits for the page that this opens.
    pub async fn follow(&self, selector: &str) {
        self.ask("window.left = true").await;
        self.click(selector).await;
        self.arrive().await;
    }

    /// Waits for a page other than the one that was marked as left.
    pub async fn arrive(&self) {
        let arrived = async || {
            let script = "return !window.left && document.readyState === 'complete'";
            // While one page goes and the next comes there is no page to ask.
            matches!(self.client.execute(script, Vec::new()).await, Ok(Value::Bool(true)))
        };
        let wait = async {
            while !arrived().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LIMIT, wait).await.expect("no other page was opened");
    }

    pub async fn click(&self, selector: &str) {
        // The live page replaces its pieces: what was found may be gone before it is clicked, and another one is there.
        let clicked = async {
            loop {
                let element = self.client.find(Locator::Css(selector)).await;
                match element.unwrap_or_else(|error| panic!("{selector}: {error}")).click().await {
                    Err(error) if error.is_stale_element_reference() => {}
                    done => return done,
                }
            }
        };
        let done = tokio::time::timeout(LIMIT, clicked).await.expect("an element that stays is found");
        done.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Presses a key, wherever the focus is.
    pub async fn press(&self, key: &str) {
        self.client.active_element().await.unwrap().send_keys(key).await.unwrap();
    }

    /// Pictures of the whole page, on a phone and on a desk, by day and by night. Nothing may be cut off at the side.
    pub async fn photograph(&self, name: &str) {
        for width in WIDTHS {
            for scheme in ["light", "dark"] {
                self.look(width, scheme).await;
                let wide = "document.documentElement.scrollWidth";
                let wide = self.ask(wide).await.as_u64().unwrap();
                assert!(wide <= u64::from(width), "{name} is {wide} pixels wide on a screen of {width}");
                let picture =
                    self.chrome("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
                let file = self.screenshots.join(format!("{name}-{width}-{scheme}.png"));
                fs::write(&file, base64(picture["data"].as_str().unwrap())).unwrap();
            }
        }
        self.look(WIDTHS[1], "light").await;
    }

    /// A screen of this width, in this colour scheme.
    pub async fn look(&self, width: u32, scheme: &str) {
        let screen = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.chrome("Emulation.setDeviceMetricsOverride", screen).await;
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.chrome("Emulation.setEmulatedMedia", scheme).await;
    }

    /// A command of Chromium's own.
    async fn chrome(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(Extension { path: "goog/cdp/execute", body }).await.unwrap()
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let command = Extension { path: "se/log", body: json!({ "type": kind }) };
        let entries = self.client.issue_cmd(command).await.unwrap();
        entries.as_array().unwrap().clone()
    }

    /// What the console said, of whatever importance.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.log("browser").await;
        entries.iter().map(|entry| format!("{}: {}", entry["level"], entry["message"])).collect()
    }

    /// The address of every request that was made.
    pub async fn requests(&self) -> Vec<Url> {
        let entries = self.log("performance").await;
        let messages = entries.iter().filter_map(|entry| entry["message"].as_str());
        let messages = messages.map(|text| serde_json::from_str::<Value>(text).unwrap()["message"].clone());
        let sent = messages.filter(|message| message["method"] == "Network.requestWillBeSent");
        sent.map(|message| message["params"]["request"]["url"].as_str().unwrap().parse().unwrap()).collect()
    }

    pub async fn close(self) {
        self.client.clone().close().await.unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = nix::unistd::Pid::from_raw(self.driver.id() as i32);
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.driver.wait();
    }
}

/// Reads where the driver listens.
fn port(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        line.trim_end_matches('.')
            .rsplit_once(" on port ")
            .and_then(|(_, port)| port.parse().ok())
            .filter(|&port| port > 0)
    });
    // It goes on talking; nobody listening would end it.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    port.expect("the driver says on which port it is")
}

/// What WebDriver itself has no word for.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// Bytes from base64, as the driver writes pictures.
fn base64(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0u32, 0);
    for value in text.bytes().filter_map(value) {
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}
