//! What the first line says of the engines.

use anyhow::Result;
use ratatui::{style::Stylize, text::Span};
use serde::Deserialize;

use crate::{client::Client, print::on_one_line};

/// The state of the engines, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EngineLine {
    /// Each engine answers.
    AllUp(String),
    /// Some are away, for these reasons; the others start containers.
    SomeAway(String),
    /// Nothing can start, for this reason.
    NothingStarts(String),
}

/// An engine of the list, as far as it is shown.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    kind: String,
    version: Option<String>,
}

impl EngineLine {
    /// Asks the server.
    pub(super) async fn load(client: &Client) -> Result<Self> {
        Ok(match client.ready().await? {
            Err(reason) => Self::NothingStarts(reason),
            Ok(away) if away.is_empty() => Self::AllUp(all_up(&client.engines().await?)),
            Ok(away) => Self::SomeAway(away.join("; ")),
        })
    }

    /// The span that shows it. Colour is never the only sign.
    pub(super) fn span(&self) -> Span<'static> {
        match self {
            Self::AllUp(engines) => Span::raw(format!("  ✓ {}", on_one_line(engines))).green(),
            Self::SomeAway(away) => Span::raw(format!("  ! {}", on_one_line(away))).yellow(),
            Self::NothingStarts(why) => {
                Span::raw(format!("  ✗ nothing can start: {}", on_one_line(why))).red()
            }
        }
    }
}

/// The only engine by its kind and version; of several, how many there are.
fn all_up(engines: &[Listed]) -> String {
    let [Listed { kind, version }] = engines else { return format!("{} engines", engines.len()) };
    let kind = match kind.as_str() {
        "docker" => "Docker",
        "swarm" => "Swarm",
        "kubernetes" => "Kubernetes",
        other => other,
    };
    format!("{kind} {}", version.as_deref().unwrap_or_default())
}
