//! MJML to HTML, with the limits that `mrml` does not have.
//!
//! `mrml` hands texts and attributes through as they are written, so what was escaped stays escaped. It walks down nested
//! elements by recursion; a template nested without end would overflow the stack, and is refused before.
use mrml::prelude::parser::{ParserOptions, Warning};
use mrml::prelude::render::RenderOptions;

/// Deepest nesting of elements. Ours need 10.
pub(super) const MAX_DEPTH: usize = 100;

/// The error is the end of a sentence about the template.
pub(super) fn html(mjml: &str) -> Result<String, String> {
    let (parsed, _) = parse(mjml).map_err(|(_, problem)| problem)?;
    // Without fonts nothing is loaded from elsewhere.
    let options = RenderOptions {
        fonts: std::collections::HashMap::new(),
        ..RenderOptions::default()
    };
    let html = parsed.render(&options).map_err(|error| error.to_string())?;
    Ok(html.replace("\r\n", "\n"))
}

/// Reads MJML. The error names the byte where it is, when that is known.
pub(super) fn parse(mjml: &str) -> Result<(mrml::mjml::Mjml, Vec<Warning>), (Option<usize>, String)> {
    if let Some(at) = too_deep(mjml) {
        return Err((Some(at), format!("its elements are nested more than {MAX_DEPTH} deep")));
    }
    match mrml::parse_with_options(mjml, &ParserOptions::default()) {
        Ok(parsed) => Ok((parsed.element, parsed.warnings)),
        Err(error) => Err((place(&error), plain(&error))),
    }
}

fn plain(error: &mrml::prelude::parser::Error) -> String {
    use mrml::prelude::parser::Error;
    match error {
        Error::UnexpectedElement { .. } => "an element stands where MJML does not allow it".to_owned(),
        Error::UnexpectedToken { .. } => "something stands where MJML does not allow it".to_owned(),
        Error::EndOfStream { .. } => "an element is not closed".to_owned(),
        Error::NoRootNode => "it has no mjml element".to_owned(),
        Error::ParserError { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

fn place(error: &mrml::prelude::parser::Error) -> Option<usize> {
    use mrml::prelude::parser::Error;
    match error {
        Error::UnexpectedElement { position, .. }
        | Error::UnexpectedToken { position, .. }
        | Error::MissingAttribute { position, .. }
        | Error::InvalidAttribute { position, .. }
        | Error::InvalidFormat { position, .. }
        | Error::IncludeLoaderError { position, .. } => Some(position.start),
        _ => None,
    }
}

/// Where elements are nested too deep. Counts open and closed tags only; that an element without end (`<br>`) counts too
/// can only refuse more.
fn too_deep(mjml: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut rest = 0;
    while let Some(open) = mjml[rest..].find('<').map(|at| rest + at) {
        let end = mjml[open..].find('>').map_or(mjml.len(), |at| open + at);
        let inner = &mjml[open + 1..end];
        if inner.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if inner.starts_with(|c: char| c.is_ascii_alphabetic()) && !inner.ends_with('/') && !is_void(inner) {
            depth += 1;
        }
        if depth > MAX_DEPTH {
            return Some(open);
        }
        rest = open + 1;
    }
    None
}

fn is_void(inner: &str) -> bool {
    let name = inner
        .split(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    matches!(name, "br" | "hr" | "meta")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endless_nesting_is_refused_before_it_overflows_the_stack() {
        let deep = format!("<mjml><mj-body><mj-text>{}", "<div>".repeat(10_000));
        assert!(html(&deep).unwrap_err().contains("nested"));
        // Closing tags that were never opened do not make room for more.
        let tricky = format!("<mjml>{}{}", "</a>".repeat(500), "<a>".repeat(101));
        assert!(html(&tricky).unwrap_err().contains("nested"));
    }

    #[test]
    fn what_is_no_mjml_is_an_error() {
        assert_eq!(html("").unwrap_err(), "it has no mjml element");
        assert!(html("<mjml><mj-body><mj-text>").is_err());
    }
}
