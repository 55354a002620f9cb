//! A real Chromium without a window, steered over WebDriver: one driver, one browser, one fresh profile for each test.
//!
//! Both come from Debian (`chromium`, `chromium-driver`). They speak over loopback on a port that the driver chooses, and no name
//! but this machine's can be resolved, so nothing that the browser might want by itself leaves the machine.
use crate::support::demo::PATIENCE;
use crate::support::http::Http;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::time::timeout;

const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,900",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// A running browser; it is ended when the test is.
pub struct Chrome {
    driver: Driver,
    /// What the browser is told to do.
    pub client: Client,
    session: String,
    http: Http,
    _profile: TempDir,
}

/// The driver's process. The browser is its child and goes with it.
struct Driver {
    process: Child,
    port: u16,
}

impl Drop for Driver {
    #[expect(
        clippy::disallowed_methods,
        reason = "the end of a test cannot await, and the browser keeps real time"
    )]
    fn drop(&mut self) {
        // Asked to shut down, the driver ends its browser, too; killed, it would leave it behind.
        if let Ok(mut wire) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = wire.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = wire.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
            let _ = wire.read_to_end(&mut Vec::new());
        }
        let end = Instant::now() + Duration::from_secs(10);
        while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Driver {
    async fn start() -> Driver {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("chromedriver: {error}; scripts/test installs chromium and chromium-driver")
            });
        let lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let (tell, told) = tokio::sync::oneshot::channel();
        // Reads on to the end, so that the driver never waits for a reader.
        std::thread::spawn(move || {
            let mut tell = Some(tell);
            for line in lines.map_while(Result::ok) {
                let port = line.split_once("started successfully on port ");
                if let Some(port) = port.and_then(|(_, port)| port.trim_end_matches('.').parse().ok())
                    && let Some(tell) = tell.take()
                {
                    let _ = tell.send(port);
                }
            }
        });
        let mut driver = Driver { process, port: 0 };
        let port = timeout(PATIENCE, told).await.expect("chromedriver starts in time");
        driver.port = port.expect("chromedriver tells its port");
        driver
    }
}

impl Chrome {
    /// Starts driver and browser.
    pub async fn start() -> Chrome {
        let driver = Driver::start().await;
        let profile = tempfile::tempdir().expect("a folder");
        let mut flags: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": {"binary": "/usr/bin/chromium", "args": flags},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        });
        let address = format!("http://127.0.0.1:{}", driver.port);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted.as_object().expect("an object").clone())
            .connect(&address)
            .await
            .expect("Chromium starts");
        let session = client.session_id().await.expect("an answer").expect("a session");
        Chrome {
            driver,
            client,
            session,
            http: Http::default(),
            _profile: profile,
        }
    }

    /// A command of Chromium's own, beside the standard.
    async fn vendor(&self, path: &str, body: &Value) -> Value {
        let address = format!("http://127.0.0.1:{}/session/{}/{path}", self.driver.port, self.session);
        self.http.post(&address, &[], body).await.expect(200).json()["value"].clone()
    }

    /// Takes on the screen of a telephone.
    pub async fn is_a_telephone(&self) {
        self.has_screen(390, 844).await;
    }

    /// Takes on a small screen of this size.
    pub async fn has_screen(&self, width: u32, height: u32) {
        let screen = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": true});
        let command = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": screen});
        self.vendor("goog/cdp/execute", &command).await;
    }

    /// Runs no script of any page from now on.
    pub async fn runs_no_script(&self) {
        let command = json!({"cmd": "Emulation.setScriptExecutionDisabled", "params": {"value": true}});
        self.vendor("goog/cdp/execute", &command).await;
    }

    /// What the console got since this was last asked: objects with `source`, `level`, `message`.
    pub async fn console(&self) -> Vec<Value> {
        let log = self.vendor("se/log", &json!({"type": "browser"})).await;
        log.as_array().expect("a log").clone()
    }

    /// What went over the network since this was last asked: `Network.*` events with `method` and `params`.
    pub async fn network(&self) -> Vec<Value> {
        let log = self.vendor("se/log", &json!({"type": "performance"})).await;
        let entries = log.as_array().expect("a log").clone();
        let events = entries.iter().map(|entry| {
            let text = entry["message"].as_str().expect("a message");
            serde_json::from_str::<Value>(text).expect("in JSON")["message"].clone()
        });
        events
            .filter(|event| {
                event["method"]
                    .as_str()
                    .is_some_and(|name| name.starts_with("Network."))
            })
            .collect()
    }

    /// The name that a screen reader would say for the element that has the focus.
    pub async fn name_of_focus(&self) -> String {
        let focus = self.client.active_element().await.expect("a focus");
        let path = format!(
            "http://127.0.0.1:{}/session/{}/element/{}/computedlabel",
            self.driver.port,
            self.session,
            focus.element_id().as_ref()
        );
        let answer = self.http.get(&path, &[]).await.expect(200).json();
        answer["value"].as_str().unwrap_or_default().to_owned()
    }
}
