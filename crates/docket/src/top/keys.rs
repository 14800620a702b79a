//! What each key does.

use docket_model::{AllocationName, RunId};

use super::{
    model::{Effect, Model, Pane},
    record::{Opened, Subject},
};

/// How far a page goes, in lines.
const PAGE: isize = 10;
/// The longest answer that is typed.
const LONGEST_ANSWER: usize = 200;

/// A key, whatever the terminal calls it.
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

/// What the terminal asks before it does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Prompt {
    /// Whether that is meant.
    Sure(Effect),
    /// Why nothing of it shall start by itself.
    Reason(AllocationName, String),
    /// What to search for.
    Search,
}

impl Prompt {
    /// The question, and what was answered so far; what is searched for changes the list at once.
    pub(super) fn in_words(&self, search: &str) -> String {
        match self {
            Self::Sure(Effect::Run(name)) => format!("Run {name} now? [y/n]"),
            Self::Sure(Effect::Cancel(run, false)) => format!("Cancel {run}? [y/n]"),
            Self::Sure(Effect::Cancel(run, true)) => format!("Kill {run} at once? [y/n]"),
            Self::Sure(Effect::Resume(name)) => format!("Let {name} start again? [y/n]"),
            Self::Sure(_) => "Sure? [y/n]".to_owned(),
            Self::Reason(name, text) => format!("Suspend {name}; why? {text}▏"),
            Self::Search => format!("Search name, description, labels, schedule: {search}▏"),
        }
    }
}

/// Every key and what it does, for the help.
pub(super) const HELP: [(&str, &str); 13] = [
    ("↑ ↓ k j", "one line up or down"),
    ("PgUp PgDn", "ten lines up or down"),
    ("Home End", "to the first or the last line"),
    ("Tab", "to the next part: allocations, running, went wrong, output"),
    ("Enter", "the record of the run, and why; Esc goes back"),
    ("/", "search; Esc shows all again"),
    ("r", "run the allocation now"),
    ("c", "cancel the run: its container gets time to end"),
    ("K", "kill the run's container at once"),
    ("s", "suspend the allocation, with a reason"),
    ("u", "resume the allocation"),
    ("?", "this help"),
    ("q Ctrl-C", "leave"),
];

impl Model {
    /// Does what a key means here; returns what that asks for.
    pub(super) fn press(&mut self, key: Key) -> Option<Effect> {
        if key == Key::Interrupt {
            return Some(Effect::Quit);
        }
        self.told.clear();
        if std::mem::take(&mut self.is_help_shown) {
            return None;
        }
        match self.prompt.take() {
            Some(prompt) => self.answer(prompt, key),
            None if self.opened.is_some() => self.command_opened(key),
            None => self.command(key),
        }
    }

    /// What a key means while a record is shown.
    fn command_opened(&mut self, key: Key) -> Option<Effect> {
        match key {
            Key::Escape => {
                self.opened = None;
                None
            }
            // There is no other part to go to, and nothing to search.
            Key::Tab | Key::BackTab | Key::Enter | Key::Char('/') => None,
            key => self.command(key),
        }
    }

    fn answer(&mut self, prompt: Prompt, key: Key) -> Option<Effect> {
        match (prompt, key) {
            (Prompt::Sure(effect), Key::Char('y' | 'Y') | Key::Enter) => return Some(effect),
            (Prompt::Search, Key::Escape) => self.search.clear(),
            (Prompt::Sure(_), Key::Char('n' | 'N'))
            | (Prompt::Search, Key::Enter)
            | (_, Key::Escape) => {}
            (Prompt::Sure(effect), _) => self.prompt = Some(Prompt::Sure(effect)),
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
            Key::Home => self.go(isize::MIN),
            Key::End => self.go(isize::MAX),
            Key::Tab => self.turn(1),
            Key::BackTab => self.turn(Pane::COUNT - 1),
            Key::Escape => self.search.clear(),
            Key::Char('q') => return Some(Effect::Quit),
            Key::Char('?') => self.is_help_shown = true,
            Key::Char('/') => {
                self.pane = Pane::Allocations;
                self.prompt = Some(Prompt::Search);
            }
            Key::Char('r') => self.ask_about_allocation(|name| Prompt::Sure(Effect::Run(name))),
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

    /// Opens the record of the run that is meant.
    fn open(&mut self) -> Option<Effect> {
        let Some(allocation) = self.allocation() else {
            "there is nothing under the cursor".clone_into(&mut self.told);
            return None;
        };
        let time_zone = self.time_zone(&allocation);
        let opened = Opened::new(Subject { allocation, run: self.wanted() }, time_zone);
        let effect = Effect::Open(opened.subject.clone());
        self.opened = Some(opened);
        Some(effect)
    }

    fn ask_about_allocation(&mut self, prompt: impl FnOnce(AllocationName) -> Prompt) {
        match self.allocation() {
            Some(name) => self.prompt = Some(prompt(name)),
            None => "there is nothing under the cursor".clone_into(&mut self.told),
        }
    }

    fn ask_to_resume(&mut self) {
        match self.allocation() {
            Some(name) if !self.is_held(&name) => self.told = format!("{name} is not suspended"),
            _ => self.ask_about_allocation(|name| Prompt::Sure(Effect::Resume(name))),
        }
    }

    fn ask_about_run(&mut self, effect: impl FnOnce(RunId) -> Effect) {
        let under_way = self.wanted().filter(|run| self.is_under_way(run));
        match under_way {
            Some(run) => self.prompt = Some(Prompt::Sure(effect(run))),
            None => "no run of it is under way".clone_into(&mut self.told),
        }
    }
}

/// Types a key into a text.
fn edit(text: &mut String, key: Key) {
    match key {
        Key::Char(c) if text.chars().count() < LONGEST_ANSWER => text.push(c),
        Key::Backspace => {
            text.pop();
        }
        _ => {}
    }
}
