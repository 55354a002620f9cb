//! One strict template environment for mails and pages.
//!
//! Templates are embedded; a name that a template uses and its context lacks is an error, never an empty place. Everything
//! in `.html` is escaped.
mod dates;
pub mod mail;
mod repeats;

pub use dates::WhenWords;

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

macro_rules! embedded {
    ($($name:literal),+ $(,)?) => { &[$(($name, include_str!(concat!("../templates/", $name)))),+] };
}

const TEMPLATES: &[(&str, &str)] = embedded![
    "pages/base.html",
    "pages/choices_fields.html",
    "pages/connect.html",
    "pages/choices.html",
    "pages/without_access.html",
    "pages/done.html",
    "pages/sign_in.html",
    "pages/me.html",
    "pages/question.html",
    "pages/disconnect.html",
    "pages/disconnected.html",
    "pages/problem.html",
    "pages/mail_line.html",
    "pages/mail.html",
    "pages/consents.html",
    "pages/unsubscribe.html",
];

/// A template could not be rendered: a mistake in the template or its context, not in what a user did.
#[derive(Debug, thiserror::Error)]
#[error("the template {name} cannot be rendered: {source}")]
pub struct TemplateError {
    name: String,
    source: minijinja::Error,
}

/// The embedded templates.
#[derive(Debug)]
pub struct Templates(Environment<'static>);

impl Templates {
    /// Reads all of them.
    ///
    /// # Errors
    /// When one of them is not a template.
    pub fn embedded() -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|name| match name.ends_with(".html") {
            true => AutoEscape::Html,
            false => AutoEscape::None,
        });
        for (name, source) in TEMPLATES {
            environment.add_template(name, source).map_err(|source| TemplateError {
                name: (*name).to_owned(),
                source,
            })?;
        }
        Ok(Self(environment))
    }

    /// Renders one.
    pub fn render(&self, name: &str, context: Value) -> Result<String, TemplateError> {
        let rendered = self.0.get_template(name).and_then(|template| template.render(context));
        rendered.map_err(|source| TemplateError {
            name: name.to_owned(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::context;

    #[test]
    fn a_missing_name_is_an_error_and_not_an_empty_place() {
        let templates = Templates::embedded().unwrap();
        assert!(templates.render("pages/sign_in.html", context! {}).is_err());
    }

    #[test]
    fn names_are_escaped() {
        let templates = Templates::embedded().unwrap();
        let context = context! { tenant => "<b>Eve & Co</b>", path => "/me/x", form => "f" };
        let page = templates.render("pages/sign_in.html", context).unwrap();
        assert!(page.contains("&lt;b&gt;Eve &amp; Co"));
        assert!(!page.contains("<b>Eve"));
    }
}
