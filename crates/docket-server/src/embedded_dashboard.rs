//! The files of the page, embedded in the program. No HTTP here: `http/dashboard_files.rs` serves them.
//!
//! 1. Everything on the page comes from this server: [`POLICY`] forbids browsers to load anything else.
//! 2. The page uses the public API only, so it needs nothing from any other module.

use std::{collections::HashMap, sync::LazyLock};

use ring::digest::{SHA256, digest};

/// The Content-Security-Policy of the page: a browser loads from and connects to this server only.
// `frame-ancestors` keeps other sites from framing the page, where a hidden click could start a
// run.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                                 connect-src 'self'; img-src 'self' data:; form-action 'none'; \
                                 base-uri 'none'; frame-ancestors 'none'";

macro_rules! embed {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/dashboard/", $name))
    };
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, embed!($name))),*]
    };
}

static FILES: LazyLock<HashMap<&str, File>> = LazyLock::new(|| {
    let files = files![
        "activity_view.js",
        "address_filters.js",
        "allocation_list_header.js",
        "bulk_actions.js",
        "failure_alert.js",
        "filter_controls.js",
        "icon_failing.svg",
        "early_requests.js",
        "journal_entries.js",
        "list_pages.js",
        "journal_view.js",
        "manual_actions.js",
        "next_up.js",
        "page_title.js",
        "related_links.js",
        "allocation_view.js",
        "announcements.js",
        "terminal_colours.js",
        "api_client.js",
        "live_check.js",
        "edit_conflict.js",
        "connection_status.js",
        "confirm_dialog.js",
        "line_diff.js",
        "dom_elements.js",
        "allocation_editor.js",
        "event_stream.js",
        "coming_starts_chart.js",
        "specification_form.js",
        "help_dialog.js",
        "run_list.js",
        "icon.svg",
        "upcoming_instants.js",
        "allocation_list.js",
        "main.js",
        "state_mark.js",
        "live_times.js",
        "not_found_view.js",
        "output_view.js",
        "output_search.js",
        "output_sheet.js",
        "duration_plots.js",
        "redraw_scheduler.js",
        "reload_on_missing_file.js",
        "view_router.js",
        "allocation_row.js",
        "virtual_list.js",
        "run_view.js",
        "parts_table.js",
        "runs_table.js",
        "sign_in.js",
        "allocation_sidebar.js",
        "listeners.js",
        "allocation_cache.js",
        "recent_runs_strip.js",
        "text_editor.js",
        "second_ticker.js",
        "run_timeline.js",
        "format_times.js",
    ];
    let style_sheet = (STYLE_SHEET_NAME, STYLE_SHEET.as_str());
    files
        .into_iter()
        .chain([style_sheet])
        .map(|(name, text)| (name, File::new(name, text)))
        .collect()
});

/// The name of the style sheet.
const STYLE_SHEET_NAME: &str = "page.css";

/// The style sheet: its sources in their order, as one file, because the first paint waits for it.
static STYLE_SHEET: LazyLock<String> =
    LazyLock::new(|| style_sources().map(|(_, text)| text).concat());

const fn style_sources() -> [(&'static str, &'static str); 5] {
    files![
        "page_base.css",
        "buttons_and_fields.css",
        "allocation_list.css",
        "allocation_and_run.css",
        "allocation_editor.css",
    ]
}

static PAGE: LazyLock<File> = LazyLock::new(|| File::new("index.html", &HTML));

/// What `early_requests.js` imports: until these are there, the list of allocations is not requested.
const EARLY: [&str; 4] = ["api_client.js", "event_stream.js", "list_pages.js", "listeners.js"];

/// The document, with all scripts to be loaded at once: otherwise a browser learns of a script only when
/// it has loaded one that imports it.
static HTML: LazyLock<String> = LazyLock::new(|| {
    let is_script = |file: &File| file.content_type.starts_with("text/javascript");
    let scripts = FILES
        .iter()
        // That one is no module. The page loads it in a way that does not depend on the others.
        .filter(|(name, file)| is_script(file) && **name != "reload_on_missing_file.js");
    let mut names: Vec<_> = scripts.map(|(name, _)| *name).collect();
    names.sort_unstable_by_key(|name| (!EARLY.contains(name), *name));
    let links = names.into_iter().map(|name| {
        let priority = if EARLY.contains(&name) { "high" } else { "low" };
        format!(
            "<link rel=\"modulepreload\" fetchpriority=\"{priority}\" href=\"-/page/{name}\">\n"
        )
    });
    // At the end: the first paint waits for the style sheet only, and a browser has few connections.
    let end = "</body>";
    embed!("index.html").replacen(end, &format!("{}{end}", links.collect::<String>()), 1)
});

/// The HTML document of the page.
pub(crate) fn page() -> &'static File {
    &PAGE
}

/// A script, style sheet or image of the page.
pub(crate) fn file(name: &str) -> Option<&'static File> {
    FILES.get(name)
}

/// An embedded file and the headers that describe it.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) text: &'static str,
    pub(crate) content_type: &'static str,
    /// The entity tag, quoted: a digest of the text.
    pub(crate) tag: String,
}

impl File {
    fn new(name: &str, text: &'static str) -> Self {
        let content_type = match name.rsplit_once('.') {
            Some((_, "html")) => "text/html; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ => "text/plain; charset=utf-8",
        };
        let digest = digest(&SHA256, text.as_bytes());
        // Eight bytes are enough to distinguish the versions of a file.
        let tag = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}"));
        Self { text, content_type, tag: format!("\"{}\"", tag.collect::<String>()) }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeSet, HashSet},
        fs,
        path::Path,
    };

    use docket_model::run::StateWord;

    use super::{FILES, POLICY, STYLE_SHEET_NAME, page, style_sources};

    #[test]
    fn every_file_of_the_directory_is_embedded() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboard");
        let entries = fs::read_dir(directory).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let on_disk: HashSet<_> = names.filter(|name| name != "index.html").collect();

        let styles = style_sources().map(|(name, _)| name);
        let files = FILES.keys().copied().filter(|name| *name != STYLE_SHEET_NAME).chain(styles);
        let embedded: HashSet<_> = files.map(ToOwned::to_owned).collect();

        assert_eq!(embedded, on_disk);
    }

    #[test]
    fn the_page_loads_nothing_from_other_hosts_and_has_no_inline_code() {
        let scripts = FILES.values().filter(|file| file.content_type.contains("javascript"));
        assert!(!POLICY.contains("unsafe"));
        for (name, file) in FILES.iter() {
            let schemes = file.text.match_indices("://").map(|(at, _)| &file.text[..at]);
            let addresses = schemes.filter(|before| before.ends_with("http")).count();
            // The name of the SVG namespace is not an address.
            let namespaces = file.text.matches("http://www.w3.org/2000/svg").count();
            assert_eq!(addresses, namespaces, "{name}");
            for forbidden in ["https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "eval("] {
                assert!(!file.text.contains(forbidden), "{name} contains {forbidden}");
            }
        }
        // `reload_on_missing_file.js` is no module.
        assert_eq!(page().text.matches("modulepreload").count(), scripts.count() - 1);
        assert!(page().text.rfind("stylesheet") < page().text.find("modulepreload"));
        for forbidden in ["<style", "style=", "onload="] {
            assert!(!page().text.contains(forbidden), "the page contains {forbidden}");
        }
    }

    /// The words in a list of the page that begins with this text.
    fn words_of(text: &str, begin: &str, end: &str) -> Vec<String> {
        let (_, list) = text.split_once(begin).unwrap();
        let (list, _) = list.split_once(end).unwrap();
        list.split(',').map(|word| word.trim().trim_matches('"').to_owned()).collect()
    }

    #[test]
    fn the_page_has_the_states_of_runs_and_their_words() {
        let text = &FILES["state_mark.js"].text;
        let (_, states) = text.split_once("const STATES = {\n").unwrap();
        let (states, _) = states.split_once("\n};").unwrap();
        let of_page: BTreeSet<_> = states
            .lines()
            .map(|line| {
                let (state, values) = line.trim().split_once(':').unwrap();
                let (_, shown) = values.trim_end_matches("\"],").rsplit_once('"').unwrap();
                (state.trim_matches('"').to_owned(), shown.to_owned())
            })
            .filter(|(state, _)| state != "none")
            .collect();

        let all = StateWord::WORDS.map(|word| StateWord::parse(word).unwrap());
        let expected = all.iter().map(|state| (state.to_string(), state.shown().to_owned()));
        assert_eq!(of_page, expected.collect());
        for word in words_of(text, "const FAILURES = new Set([", "])") {
            assert!(StateWord::parse(&word).unwrap().is_failure(), "{word}");
        }
        let failures = all.iter().filter(|state| state.is_failure()).count();
        assert_eq!(words_of(text, "const FAILURES = new Set([", "])").len(), failures);
        for word in words_of(text, "const UNDER_WAY = new Set([", "])") {
            assert!(StateWord::WORDS.contains(&word.as_str()), "{word}");
        }
    }
}
