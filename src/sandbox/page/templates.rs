//! The HTML templates of the sandbox, strict about names, escaped by default.
use minijinja::{Environment, UndefinedBehavior, Value};
use std::sync::LazyLock;

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, text) in [
        ("layout.html", include_str!("../../../templates/sandbox/layout.html")),
        ("home.html", include_str!("../../../templates/sandbox/home.html")),
        ("week.html", include_str!("../../../templates/sandbox/week.html")),
        (
            "contacts.html",
            include_str!("../../../templates/sandbox/contacts.html"),
        ),
        ("contact.html", include_str!("../../../templates/sandbox/contact.html")),
        (
            "contact_fields.html",
            include_str!("../../../templates/sandbox/contact_fields.html"),
        ),
        ("mailbox.html", include_str!("../../../templates/sandbox/mailbox.html")),
        ("message.html", include_str!("../../../templates/sandbox/message.html")),
        ("event.html", include_str!("../../../templates/sandbox/event.html")),
        ("problem.html", include_str!("../../../templates/sandbox/problem.html")),
        ("consent.html", include_str!("../../../templates/sandbox/consent.html")),
        (
            "oauth_error.html",
            include_str!("../../../templates/sandbox/oauth_error.html"),
        ),
    ] {
        environment
            .add_template(name, text)
            .expect("the templates in the binary are well formed");
    }
    environment
});

/// A page from one of the templates in the binary.
pub fn render(name: &str, context: Value) -> String {
    let rendered = TEMPLATES
        .get_template(name)
        .and_then(|template| template.render(context));
    // A page with a missing value is a mistake of this crate; it is shown instead of taking the connection down.
    rendered.unwrap_or_else(|error| format!("<!DOCTYPE html><title>Error</title><pre>{name}: {}</pre>", error.kind()))
}
