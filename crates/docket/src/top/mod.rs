//! `docket top`: running, upcoming and failed runs on a terminal, live.
//!
//! ```text
//! feed ─ messages ─┐
//! keys ────────────┼─→ model.update ─→ effects ─→ server
//! clock ───────────┘        │
//!                           └─→ view.draw, at most every 100 ms
//! ```
//!
//! The terminal is restored whenever the command ends.

mod allocation_rows;
mod column_list;
mod draw;
mod engine_line;
mod fit_text;
mod key_bindings;
mod model_inputs_and_effects;
mod output_tail;
mod run_details;
mod screen_state;
mod server_updates;
mod shown_runs;
#[cfg(test)]
mod tests;

use std::{io, pin::pin, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use docket_model::{
    RunId,
    wire::{CancelRequest, ResumeRequest, RunRequest, SuspendRequest},
};
use futures_util::StreamExt;
use ratatui::{
    DefaultTerminal, Terminal, TerminalOptions, Viewport,
    backend::CrosstermBackend,
    crossterm::event::{
        Event as TerminalEvent, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers,
    },
    layout::Rect,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc::{self, Receiver, Sender},
    task::JoinHandle,
    time::{self, MissedTickBehavior},
};

use self::{
    key_bindings::Key,
    model_inputs_and_effects::{Effect, Message},
    screen_state::Model,
};
use crate::{
    author_of_change,
    client::{Client, Event, Follow, RunResponse},
    clock,
};

/// The number of messages to buffer for the model; faster senders are slowed down.
const MESSAGES: usize = 256;
/// The minimum time between two frames.
// Ten frames a second look live, and cost little over a slow SSH connection.
const FRAME: Duration = Duration::from_millis(100);
/// The columns and lines of a screen that does not report its size.
const USUAL_SIZE: (u16, u16) = (80, 24);
/// How often the displayed time is updated.
const TICK: Duration = Duration::from_secs(1);

/// Shows a server until the user quits.
pub(crate) async fn show(client: Client, server: String) -> Result<()> {
    let terminal = ratatui::try_init().context("cannot use the terminal")?;
    // The terminal is restored before the error is reported: in raw mode it would be unreadable.
    let ended = match with_size(terminal) {
        Ok(mut terminal) => Show::new(client, server).run(&mut terminal).await,
        Err(error) => Err(error).context("cannot use the terminal"),
    };
    ratatui::try_restore().context("cannot restore the terminal")?;
    ended
}

/// The terminal, with the usual size if it reports none.
fn with_size(terminal: DefaultTerminal) -> io::Result<DefaultTerminal> {
    // Serial lines and some terminal emulators report a width of 0.
    if !terminal.size().is_ok_and(|size| size.width.min(size.height) == 0) {
        return Ok(terminal);
    }
    let (width, height) = USUAL_SIZE;
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    Terminal::with_options(CrosstermBackend::new(io::stdout()), TerminalOptions { viewport })
}

struct Show {
    client: Arc<Client>,
    model: Model,
    sender: Sender<Message>,
    messages: Receiver<Message>,
    follower: Option<JoinHandle<()>>,
    /// The load of the opened record.
    loader: Option<JoinHandle<()>>,
    is_drawn: bool,
}

impl Show {
    fn new(client: Client, server: String) -> Self {
        let (sender, messages) = mpsc::channel(MESSAGES);
        let model = Model::new(server, clock::now());
        let client = Arc::new(client);
        Self { client, model, sender, messages, follower: None, loader: None, is_drawn: false }
    }

    async fn run(mut self, terminal: &mut DefaultTerminal) -> Result<()> {
        let mut pressed = EventStream::new();
        // The default of these signals would end the process and leave the terminal in raw mode.
        // SIGINT comes from other processes: in raw mode Ctrl-C is a key.
        let mut ended = signal(SignalKind::terminate())?;
        let mut hung_up = signal(SignalKind::hangup())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut feed = pin!(server_updates::run(Arc::clone(&self.client), self.sender.clone()));
        let (mut frames, mut ticks) = (time::interval(FRAME), time::interval(TICK));
        // Missed frames are not made up for: only the newest state is worth drawing.
        frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let area = terminal.get_frame().area();
        self.model.update(Message::Size(area.width, area.height));
        let outcome = loop {
            let message = tokio::select! {
                Some(event) = pressed.next() => match event.context("lost the terminal")? {
                    TerminalEvent::Key(event) => key(event).map(Message::Key),
                    TerminalEvent::Resize(width, height) => Some(Message::Size(width, height)),
                    _ => Some(Message::Tick(clock::now())),
                },
                Some(message) = self.messages.recv() => Some(message),
                _ = ticks.tick() => Some(Message::Tick(clock::now())),
                // An idle server costs nothing: nothing is drawn before a message changes the
                // model.
                _ = frames.tick(), if !self.is_drawn => {
                    terminal.draw(|frame| draw::draw(&self.model, frame))?;
                    self.is_drawn = true;
                    None
                }
                ended = &mut feed => break ended,
                _ = ended.recv() => break Ok(()),
                _ = hung_up.recv() => break Ok(()),
                _ = interrupted.recv() => break Ok(()),
            };
            let Some(message) = message else { continue };
            self.is_drawn = false;
            let effects = self.model.update(message);
            if effects.contains(&Effect::Quit) {
                break Ok(());
            }
            for effect in effects {
                self.carry_out(effect);
            }
        };
        self.follow(None);
        outcome
    }

    fn carry_out(&mut self, effect: Effect) {
        if let Effect::Watch(run) = effect {
            return self.follow(run);
        }
        let (client, sender) = (Arc::clone(&self.client), self.sender.clone());
        if let Effect::Open(subject) = effect {
            let load = tokio::spawn(async move {
                let details = run_details::load(&client, &subject).await;
                let details = details.map_err(|error| format!("{error:#}"));
                let _ = sender.send(Message::Opened(subject, details)).await;
            });
            // An older load must not replace the record of a newer one.
            if let Some(older) = self.loader.replace(load) {
                older.abort();
            }
            return;
        }
        tokio::spawn(async move {
            let notice = carry_out(&client, effect).await;
            let notice = notice.unwrap_or_else(|error| format!("{error:#}"));
            let _ = sender.send(Message::Notice(notice)).await;
        });
    }

    /// Follows one run instead of the previous one.
    fn follow(&mut self, run: Option<RunId>) {
        // The old follower is aborted, but its last messages may be in the channel: the model
        // compares the run.
        if let Some(follower) = self.follower.take() {
            follower.abort();
        }
        let (client, sender) = (Arc::clone(&self.client), self.sender.clone());
        self.follower = run.map(|run| {
            tokio::spawn(async move {
                if let Err(error) = follow(&client, run, &sender).await {
                    let _ = sender.send(Message::Notice(format!("{error:#}"))).await;
                }
            })
        });
    }
}

/// Sends the output of a run to the model.
async fn follow(client: &Client, run: RunId, sender: &Sender<Message>) -> Result<()> {
    let mut follow = Follow::new(client, run.clone(), false);
    loop {
        match follow.next().await? {
            Event::Bytes(_, bytes) => sender.send(Message::Output(run.clone(), bytes)).await?,
            // The status line already shows it.
            Event::State(_) | Event::Lost(_) | Event::Back => {}
            Event::Over(_) => return Ok(()),
        }
    }
}

/// Carries out an effect; returns a message about its result.
async fn carry_out(client: &Client, effect: Effect) -> Result<String> {
    let by = Some(author_of_change::current());
    Ok(match effect {
        Effect::Run(name) => {
            let request = RunRequest { by, ..RunRequest::default() };
            match client.run(&name, &request).await? {
                RunResponse::Accepted(record) => format!("started {name}/{}", record.run),
                RunResponse::Skipped(record) => {
                    format!("{name} did not start: {}", record.reason.unwrap_or_default())
                }
            }
        }
        Effect::Cancel(run, kill) => {
            client.cancel(&run, &CancelRequest { kill, by }).await?;
            format!("cancelling {run}")
        }
        Effect::Suspend(name, reason) => {
            // Enter without a text means no reason.
            let reason = Some(reason).filter(|reason| !reason.is_empty());
            let request = SuspendRequest { reason, until: None, by, all: false };
            client.change(&name, "suspend", &request).await?;
            format!("suspended {name}")
        }
        Effect::Resume(name) => {
            client.change(&name, "resume", &ResumeRequest { by, all: false }).await?;
            format!("resumed {name}")
        }
        Effect::Watch(_) | Effect::Open(_) | Effect::Quit => String::new(),
    })
}

fn key(event: KeyEvent) -> Option<Key> {
    // Some terminals report the release of a key as well, which would press it twice.
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let is_control = event.modifiers.contains(KeyModifiers::CONTROL);
    Some(match event.code {
        KeyCode::Char('c') if is_control => Key::Interrupt,
        // Ctrl-R must not ask to run anything.
        KeyCode::Char(_) if is_control => return None,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    })
}
