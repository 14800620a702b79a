//! Fits texts into a width of the terminal: cut texts have a `…`. Wide characters count as two.

use ratatui::text::{Line, Span};
use unicode_truncate::UnicodeTruncateStr;
use unicode_width::UnicodeWidthStr;

use crate::table;

/// The beginning of a text.
pub(super) fn within(text: &str, width: u16) -> String {
    table::cut(text, width.into())
}

/// The end of a text, for text that is being typed.
pub(super) fn end_within(text: &str, width: u16) -> String {
    let width = usize::from(width);
    if text.width() <= width {
        return text.to_owned();
    }
    let (end, _) = text.unicode_truncate_start(width.saturating_sub(1));
    format!("…{end}")
}

/// The beginning of a line with styles.
pub(super) fn fitted(spans: Vec<Span<'static>>, width: u16) -> Line<'static> {
    let mut room = usize::from(width);
    if spans.iter().map(Span::width).sum::<usize>() <= room {
        return Line::from(spans);
    }
    let mut line = Vec::new();
    for span in spans {
        // Also if it fits exactly: then the sign for the omitted spans has no room.
        if span.width() >= room {
            // More spans follow, or this span is too wide itself.
            let text = table::cut(&format!("{} …", span.content), room);
            line.push(Span::styled(text, span.style));
            break;
        }
        room -= span.width();
        line.push(span);
    }
    Line::from(line)
}

#[cfg(test)]
mod tests {
    use ratatui::style::Stylize;

    use super::*;

    #[test]
    fn a_cut_text_has_an_ellipsis_at_the_side_that_was_cut() {
        assert_eq!(within("backup of the day", 17), "backup of the day");
        assert_eq!(within("backup of the day", 16), "backup of the…");
        assert_eq!(within("バックアップ", 12), "バックアップ");
        assert_eq!(within("バックアップ", 11), "バックアッ…");
        assert_eq!(within("バックアップ", 10), "バックア…");
        assert_eq!(within("x", 0), "");
        assert_eq!(end_within("why? the disk is full", 10), "…k is full");
        assert_eq!(end_within("バックアップ", 6), "…ップ");
        assert_eq!(end_within("バックアップ", 12), "バックアップ");
    }

    #[test]
    fn a_line_with_styles_is_cut_within_the_span_that_does_not_fit() {
        let line = |width| {
            let spans = vec![Span::raw("docket ").bold(), Span::raw("http://x"), Span::raw("  ok")];
            fitted(spans, width).to_string()
        };

        assert_eq!(line(19), "docket http://x  ok");
        assert_eq!(line(18), "docket http://x…");
        assert_eq!(line(15), "docket http://…");
        assert_eq!(line(7), "docket…");
        assert_eq!(line(0), "");
    }
}
