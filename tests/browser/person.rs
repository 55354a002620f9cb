//! A person at a browser: reads words, presses buttons, fills fields in by their labels. Knows nothing of addresses and ids that
//! the page does not show.
use crate::chrome::Chrome;
use crate::support::demo::{Demo, until};
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};

/// A person with a browser of their own.
pub struct Person {
    pub chrome: Chrome,
    hosts: [String; 2],
}

/// A text as XPath writes it. No label of ours has a double quote.
fn quoted(text: &str) -> String {
    assert!(!text.contains('"'), "{text}");
    format!("\"{text}\"")
}

impl Person {
    /// Sits down at a fresh browser, which may go to this demo's two servers and nowhere else.
    pub async fn at(demo: &Demo) -> Person {
        Self::between([demo.said("base_url").to_owned(), demo.said("google_url").to_owned()]).await
    }

    /// The same, between any two servers.
    pub async fn between(hosts: [String; 2]) -> Person {
        Person {
            chrome: Chrome::start().await,
            hosts,
        }
    }

    fn client(&self) -> &Client {
        &self.chrome.client
    }

    /// Goes to an address.
    pub async fn open(&self, address: &str) {
        self.client().goto(address).await.expect("a page");
        self.is_shown_a_new_page().await;
    }

    /// All that can be read on the page.
    pub async fn text(&self) -> String {
        let text = self.run("return document.body.innerText").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Whether these words stand on the page now.
    pub async fn reads(&self, words: &str) -> bool {
        self.text().await.contains(words)
    }

    /// Reads the words on the page, or fails and shows what stands there instead.
    pub async fn sees(&self, words: &str) {
        let text = self.text().await;
        assert!(text.contains(words), "`{words}` is not on the page:\n{text}");
    }

    /// Does not read the words.
    pub async fn misses(&self, words: &str) {
        let text = self.text().await;
        assert!(!text.contains(words), "`{words}` is on the page:\n{text}");
    }

    /// Loads the page again until the words are there.
    pub async fn waits_for(&self, words: &str) {
        until(words, async || {
            self.client().refresh().await.expect("the page again");
            self.reads(words).await.then_some(())
        })
        .await;
    }

    async fn one(&self, xpath: &str) -> Element {
        match self.client().find(Locator::XPath(xpath)).await {
            Ok(element) => element,
            Err(error) => panic!("{xpath}: {error}\n{}", self.text().await),
        }
    }

    /// Presses a button and is on the next page.
    pub async fn presses(&self, button: &str) {
        let xpath = format!("//button[contains(normalize-space(.), {})]", quoted(button));
        self.leaves_by(self.one(&xpath).await).await;
    }

    /// Presses a button that belongs to what these words name.
    pub async fn presses_at(&self, words: &str, button: &str) {
        let (words, button) = (quoted(words), quoted(button));
        let xpath = format!("//form[contains(., {words})]//button[contains(normalize-space(.), {button})]");
        self.leaves_by(self.one(&xpath).await).await;
    }

    /// Follows a link and is on the next page.
    pub async fn follows(&self, link: &str) {
        let xpath = format!("//a[contains(normalize-space(.), {})]", quoted(link));
        self.leaves_by(self.one(&xpath).await).await;
    }

    async fn leaves_by(&self, element: Element) {
        self.marks_the_page().await;
        element.click().await.expect("it can be clicked");
        self.is_shown_a_new_page().await;
    }

    async fn marks_the_page(&self) {
        self.run("window.seen = true").await;
    }

    async fn is_shown_a_new_page(&self) {
        until("a new page", async || {
            let there = self.client().execute(NEW_PAGE_IS_SHOWN, vec![]).await;
            // While one page goes and another comes there may be none to ask.
            (there.ok()? == json!(true)).then_some(())
        })
        .await;
    }

    async fn control(&self, label: &str) -> Element {
        let xpath = format!("//label[contains(normalize-space(.), {})]", quoted(label));
        self.one(&format!("{xpath}//*[self::input or self::textarea or self::select]"))
            .await
    }

    /// Ticks or unticks a box, or chooses one of several, by the words beside it.
    pub async fn ticks(&self, label: &str) {
        self.control(label).await.click().await.expect("it can be clicked");
    }

    /// Replaces what stands in a field.
    pub async fn fills(&self, label: &str, text: &str) {
        let field = self.control(label).await;
        let kind = field.prop("type").await.expect("a field").unwrap_or_default();
        if kind == "text" || kind == "textarea" || kind == "email" {
            field.clear().await.expect("it can be emptied");
            field.send_keys(text).await.expect("it can be typed into");
        } else {
            // Which keys make a date depends on the browser's language; a choice made with a mouse does not.
            let script = "arguments[0].value = arguments[1]";
            let element = serde_json::to_value(field).expect("an element");
            let set = self.client().execute(script, vec![element, json!(text)]).await;
            set.expect("the value can be set");
        }
    }

    /// Opens a part of the page that is folded away, unless it is open.
    pub async fn opens_details(&self, summary: &str) {
        let xpath = format!("//details[not(@open)]/summary[contains(., {})]", quoted(summary));
        if let Ok(summary) = self.client().find(Locator::XPath(&xpath)).await {
            summary.click().await.expect("it can be clicked");
        }
    }

    /// What stands in a field.
    pub async fn field(&self, label: &str) -> String {
        let value = self.control(label).await.prop("value").await;
        value.expect("a field").unwrap_or_default()
    }

    /// Presses a key where the focus is.
    pub async fn types(&self, key: Key) {
        // Sent to an element, a key would set the focus on it anew; a keyboard knows no elements.
        let value = char::from(key);
        let press = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        self.client().perform_actions(press).await.expect("a key");
    }

    /// Goes with the tabulator alone to what a screen reader calls so. On the way every stop has a name and can be seen.
    pub async fn tabs_to(&self, name: &str) {
        for _ in 0..60 {
            self.types(Key::Tab).await;
            let called = self.chrome.name_of_focus().await;
            let seen = self.run(FOCUS_IS_VISIBLE).await;
            assert!(!called.is_empty(), "the focus is on something without a name: {seen}");
            assert_eq!(seen["outlined"], true, "the focus on `{called}` cannot be seen: {seen}");
            if called.contains(name) {
                return;
            }
        }
        panic!("`{name}` cannot be reached with the keyboard:\n{}", self.text().await);
    }

    /// Presses Enter on what is called so, and is on the next page.
    pub async fn enters(&self, name: &str) {
        self.tabs_to(name).await;
        self.marks_the_page().await;
        self.types(Key::Enter).await;
        self.is_shown_a_new_page().await;
    }

    /// The page does not reach beyond the window's right edge.
    pub async fn fits(&self) {
        let widths = self
            .run("return [document.documentElement.scrollWidth, screen.width]")
            .await;
        let wide = widths[0].as_u64() > widths[1].as_u64();
        assert!(
            !wide,
            "the page is wider than the window {widths}:\n{}",
            self.text().await
        );
    }

    /// What a script answers. It runs beside the page, as a developer's console does; the page itself has none.
    pub async fn run(&self, script: &str) -> Value {
        self.client().execute(script, vec![]).await.expect("a script")
    }

    /// Gets up, after a look at the console and at what went over the network.
    pub async fn leaves(self) {
        let complaints: Vec<Value> = self.chrome.console().await;
        // A page that says "not possible" has such a status, which the console repeats; the network's log below is stricter.
        let of_network = |entry: &&Value| entry["source"] == "network";
        // The browser's own first page complains when scripts are switched off under it.
        let of_browser = |entry: &&Value| {
            entry["message"]
                .as_str()
                .is_some_and(|text| text.starts_with("chrome://"))
        };
        let complaints: Vec<&Value> = complaints
            .iter()
            .filter(|entry| !of_network(entry) && !of_browser(entry))
            .collect();
        assert!(complaints.is_empty(), "the console complains: {complaints:#?}");
        let mut requests = 0;
        for event in self.chrome.network().await {
            let params = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Network.requestWillBeSent" => {
                    let url = params["request"]["url"].as_str().unwrap_or_default();
                    let at_home = self.hosts.iter().any(|host| url.starts_with(&format!("{host}/")));
                    // The browser's own empty page, and pictures that are part of a page.
                    let is_local = ["chrome://", "chrome-untrusted://", "data:"]
                        .iter()
                        .any(|scheme| url.starts_with(scheme));
                    assert!(at_home || is_local, "a request to {url}");
                    requests += usize::from(at_home);
                }
                "Network.responseReceived" if params["type"] != "Document" => {
                    let status = &params["response"]["status"];
                    assert_eq!(status, 200, "{}", params["response"]["url"]);
                }
                _ => {}
            }
        }
        assert!(requests > 0, "the network's log is empty");
    }
}

// Chromium throws keys away that come before a page's first picture, and WebDriver calls a page loaded before that. Nobody types
// at what cannot be seen yet.
const NEW_PAGE_IS_SHOWN: &str = "
    return !window.seen && document.readyState === 'complete'
        && performance.getEntriesByName('first-contentful-paint').length > 0";

const FOCUS_IS_VISIBLE: &str = "
    const it = document.activeElement, style = getComputedStyle(it);
    return {
        outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1,
        tag: it.outerHTML.slice(0, 200), outline: style.outline,
    }";
