//! Who is told what happens to runs, to allocations and to the server. No observer holds up what it
//! observes; how things are shown to anybody is not known here.

mod events;
mod ring;

pub(crate) use self::events::Labels;
pub use self::events::{Behind, Event, Events, MOST_READERS, Missed, News, Reader, TooMany};
