//! The effect of each key.

use docket_model::{AllocationName, RunId};

use super::{
    model_inputs_and_effects::Effect,
    run_details::{Opened, Subject},
    screen_state::{Model, Pane},
};

/// The lines of a page.
// Keys are handled without knowing the heights of the panes.
const PAGE: isize = 10;
/// The longest text that can be typed.
// A reason is one line of the journal; a paste by mistake must not become one.
const LONGEST_ANSWER: usize = 200;

/// A key, independent of the terminal library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Tab,
    BackTab,
    Enter,
    Escape,
    Backspace,
    Char(char),
    Interrupt,
}

/// A question to the user before an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Prompt {
    /// A confirmation.
    Confirm(Effect),
    /// The reason of a suspension.
    Reason(AllocationName, String),
    /// The text to search for.
    Search,
}

impl Prompt {
    /// The question and the text typed so far. The search text changes the list at once.
    pub(super) fn in_words(&self, search: &str) -> String {
        match self {
            Self::Confirm(Effect::Run(name)) => format!("Run {name} now? [y/n]"),
            Self::Confirm(Effect::Cancel(run, false)) => format!("Cancel {run}? [y/n]"),
            Self::Confirm(Effect::Cancel(run, true)) => format!("Kill {run} immediately? [y/n]"),
            Self::Confirm(Effect::Resume(name)) => format!("Resume {name}? [y/n]"),
            Self::Confirm(_) => "Are you sure? [y/n]".to_owned(),
            Self::Reason(name, text) => format!("Suspend {name}. Reason: {text}▏"),
            Self::Search => format!("Search in name, description, labels, schedule: {search}▏"),
        }
    }
}

/// All keys with their effect, for the help.
pub(super) const HELP: [(&str, &str); 15] = [
    ("↑ ↓ k j", "move one line up or down"),
    ("PgUp PgDn", "move ten lines up or down"),
    ("Home End", "go to the first or last line"),
    ("Tab", "next pane: allocations, under way, failures, output"),
    ("a", "show all runs instead of failures, or failures again"),
    ("o", "change the order of the allocations"),
    ("Enter", "show the run's record and explanation; Esc goes back"),
    ("/", "search; Esc clears the search"),
    ("r", "run the allocation now"),
    ("c", "cancel the run: its container gets time to stop"),
    ("K", "kill the run's container immediately (SIGKILL)"),
    ("s", "suspend the allocation"),
    ("u", "resume the allocation"),
    ("?", "show or hide this help"),
    ("q Ctrl-C", "quit"),
];

impl Model {
    /// Handles a key; returns the effect to carry out.
    pub(super) fn press(&mut self, key: Key) -> Option<Effect> {
        // Before everything else: Ctrl-C must quit from every prompt.
        if key == Key::Interrupt {
            return Some(Effect::Quit);
        }
        self.notice.clear();
        // Any key closes the help and does nothing else, since what is below it cannot be seen.
        if std::mem::take(&mut self.is_help_shown) {
            return None;
        }
        match self.prompt.take() {
            Some(prompt) => self.answer(prompt, key),
            None if self.opened.is_some() => self.command_opened(key),
            None => self.command(key),
        }
    }

    /// Handles a key while a record is shown.
    fn command_opened(&mut self, key: Key) -> Option<Effect> {
        match key {
            Key::Escape => {
                self.opened = None;
                None
            }
            // A record has no other panes, no search and no order.
            Key::Tab | Key::BackTab | Key::Enter | Key::Char('/' | 'a' | 'o') => None,
            key => self.command(key),
        }
    }

    fn answer(&mut self, prompt: Prompt, key: Key) -> Option<Effect> {
        match (prompt, key) {
            (Prompt::Confirm(effect), Key::Char('y' | 'Y') | Key::Enter) => return Some(effect),
            (Prompt::Search, Key::Escape) => self.search.clear(),
            (Prompt::Confirm(_), Key::Char('n' | 'N'))
            | (Prompt::Search, Key::Enter)
            | (_, Key::Escape) => {}
            // Another key is probably a slip; it is neither yes nor no.
            (Prompt::Confirm(effect), _) => self.prompt = Some(Prompt::Confirm(effect)),
            (Prompt::Reason(name, text), Key::Enter) => return Some(Effect::Suspend(name, text)),
            (Prompt::Reason(name, mut text), key) => {
                edit(&mut text, key);
                self.prompt = Some(Prompt::Reason(name, text));
            }
            (Prompt::Search, key) => {
                edit(&mut self.search, key);
                self.prompt = Some(Prompt::Search);
            }
        }
        None
    }

    fn command(&mut self, key: Key) -> Option<Effect> {
        match key {
            Key::Up | Key::Char('k') => self.go(-1),
            Key::Down | Key::Char('j') => self.go(1),
            Key::PageUp => self.go(-PAGE),
            Key::PageDown => self.go(PAGE),
            // Moves saturate at both ends.
            Key::Home => self.go(isize::MIN),
            Key::End => self.go(isize::MAX),
            Key::Tab => self.turn(1),
            // Panes are counted cyclically, so this is one step back.
            Key::BackTab => self.turn(Pane::COUNT - 1),
            Key::Escape => self.search.clear(),
            Key::Char('q') => return Some(Effect::Quit),
            Key::Char('?') => self.is_help_shown = true,
            Key::Char('a') => self.toggle_all_runs(),
            Key::Char('o') => self.order = self.order.following(),
            Key::Char('/') => {
                // The search filters allocations, and its effect must be visible.
                self.pane = Pane::Allocations;
                self.prompt = Some(Prompt::Search);
            }
            Key::Char('r') => self.ask_about_allocation(|name| Prompt::Confirm(Effect::Run(name))),
            Key::Char('s') => {
                self.ask_about_allocation(|name| Prompt::Reason(name, String::new()));
            }
            Key::Char('u') => self.ask_to_resume(),
            Key::Char('c') => self.ask_about_run(|run| Effect::Cancel(run, false)),
            Key::Char('K') => self.ask_about_run(|run| Effect::Cancel(run, true)),
            Key::Enter => return self.open(),
            Key::Char(_) | Key::Backspace | Key::Interrupt => {}
        }
        None
    }

    /// Opens the record of the selected run.
    fn open(&mut self) -> Option<Effect> {
        let Some(allocation) = self.allocation() else {
            "nothing is selected".clone_into(&mut self.notice);
            return None;
        };
        let time_zone = self.time_zone(&allocation);
        let opened = Opened::new(Subject { allocation, run: self.selected_run() }, time_zone);
        let effect = Effect::Open(opened.subject.clone());
        self.opened = Some(opened);
        Some(effect)
    }

    fn ask_about_allocation(&mut self, prompt: impl FnOnce(AllocationName) -> Prompt) {
        match self.allocation() {
            Some(name) => self.prompt = Some(prompt(name)),
            None => "nothing is selected".clone_into(&mut self.notice),
        }
    }

    fn ask_to_resume(&mut self) {
        match self.allocation() {
            Some(name) if !self.is_suspended(&name) => {
                self.notice = format!("{name} is not suspended");
            }
            _ => self.ask_about_allocation(|name| Prompt::Confirm(Effect::Resume(name))),
        }
    }

    fn ask_about_run(&mut self, effect: impl FnOnce(RunId) -> Effect) {
        // Checked when the key is pressed: a run that ends while the question is open is rejected
        // by the server.
        let under_way = self.selected_run().filter(|run| self.runs.is_under_way(run));
        match under_way {
            Some(run) => self.prompt = Some(Prompt::Confirm(effect(run))),
            None => "it has no run under way".clone_into(&mut self.notice),
        }
    }
}

/// Edits a text by a key.
fn edit(text: &mut String, key: Key) {
    match key {
        Key::Char(c) if text.chars().count() < LONGEST_ANSWER => text.push(c),
        Key::Backspace => {
            text.pop();
        }
        _ => {}
    }
}
