//! Draws an error at its place in a file.

use std::sync::Arc;

use docket_model::document::Located;
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource};

use crate::print;

/// The longest line to show on a terminal.
const LONGEST_LINE: usize = 400;

/// The maximum width of a message.
const WIDTH: usize = 100;

/// Draws the errors of one file.
pub(super) struct Snippets<'a> {
    name: &'a str,
    text: Arc<str>,
    handler: GraphicalReportHandler,
}

impl<'a> Snippets<'a> {
    /// Draws errors in this text.
    pub(super) fn new(name: &'a str, text: &str) -> Self {
        let theme = if print::has_colours() {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(WIDTH);
        Self { name, text: harmless(text).into(), handler: handler.with_links(false) }
    }

    /// The error in words, with the lines around it.
    pub(super) fn show(&self, located: &Located) -> String {
        let message = print::without_control(&located.finding.to_string());
        let (line, column) = (located.line, located.column);
        let bare = || format!("  × {message}\n   ╭─[{}:{line}:{column}]\n", self.name);
        // Minified JSON is one line: drawn, it would fill the terminal and hide the message.
        if self.has_long_lines(line) {
            return bare();
        }
        let place = LabeledSpan::underline((located.offset, located.length));
        let diagnostic = MietteDiagnostic::new(&message).with_label(place);
        let source = NamedSource::new(self.name, Arc::clone(&self.text));
        let report = miette::Report::new(diagnostic).with_source_code(source);
        let mut drawn = String::new();
        match self.handler.render_report(&mut drawn, report.as_ref()) {
            Ok(()) => drawn,
            Err(_) => bare(),
        }
    }

    /// True if one of the lines to draw is too long.
    fn has_long_lines(&self, line: usize) -> bool {
        // The drawing has one line before and one after the error.
        let drawn = self.text.lines().skip(line.saturating_sub(2)).take(3);
        drawn.map(str::len).any(|length| length > LONGEST_LINE)
    }
}

/// Replaces characters that could control a terminal; keeps the number of bytes.
fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && !matches!(c, '\n' | '\r' | '\t') {
            // The offsets of the errors count bytes, and some control characters have two.
            harmless.extend(std::iter::repeat_n('?', c.len_utf8()));
        } else {
            harmless.push(c);
        }
    }
    harmless
}
