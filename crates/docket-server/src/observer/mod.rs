//! Observers of runs, allocations and the server. An observer never delays what it observes; the format of
//! responses belongs to `http`.

mod events;
mod ring;

pub(crate) use self::events::Labels;
pub use self::events::{Behind, Event, Events, MOST_READERS, Missed, News, Reader, TooMany};
