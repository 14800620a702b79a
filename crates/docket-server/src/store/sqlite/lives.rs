//! The lives of the servers that had a store open, and what a restored copy does not know.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use docket_model::Life;
use parking_lot::RwLock;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{
    super::{KnownLife, Restoration, Settlement, rules},
    fault::Fault,
    home::{COPIED_AT, HOME, Home},
    values::{self, number},
    work::Work,
};

/// How many lives are listed. A server that is started every minute has so many in a week.
const MOST: u64 = 10_000;

/// The lives that are listed, in memory.
#[derive(Debug)]
pub(super) struct Lives(RwLock<Listed>);

#[derive(Debug, Default)]
struct Listed {
    /// The least number that is listed, and the greatest.
    numbers: Option<(u64, u64)>,
    /// When containers of this life were taken over, where it was another copy's.
    lives: HashMap<Uuid, Option<DateTime<Utc>>>,
}

impl Lives {
    pub(super) fn load(sql: &Connection) -> rusqlite::Result<Self> {
        let mut statement =
            sql.prepare("SELECT number, id, adopted_at FROM lives ORDER BY number")?;
        let mut rows = statement.query([])?;
        let mut listed = Listed::default();
        while let Some(row) = rows.next()? {
            let number = values::count(row.get(0)?)?;
            let id = values::parsed(row.get_ref(1)?.as_str()?.parse())?;
            let adopted_at = row.get_ref(2)?.as_str_or_null()?;
            let adopted_at = adopted_at.map(|at| values::parsed(at.parse())).transpose()?;
            listed.add(number, id, adopted_at);
        }
        Ok(Self(RwLock::new(listed)))
    }

    /// A life that begins now, with a number that was not given before.
    pub(super) fn next(&self, at: DateTime<Utc>) -> Life {
        Life::new(self.0.read().next(), at)
    }

    pub(super) fn list(&self, life: Life, adopted_at: Option<DateTime<Utc>>) {
        let mut listed = self.0.write();
        let number = listed.next();
        listed.add(number, life.id, adopted_at);
    }

    pub(super) fn known(&self, life: &Life) -> KnownLife {
        let listed = self.0.read();
        match (listed.lives.get(&life.id), listed.numbers) {
            (Some(None), _) => KnownLife::Listed,
            (Some(Some(adopted_at)), _) => KnownLife::Adopted(*adopted_at),
            // It may have been listed once: containers may stay for longer than their life is listed.
            (None, Some((least, _))) if life.number < least => KnownLife::Listed,
            _ => KnownLife::Unlisted,
        }
    }
}

impl Listed {
    fn next(&self) -> u64 {
        self.numbers.map_or(1, |(_, greatest)| greatest + 1)
    }

    fn add(&mut self, number: u64, id: Uuid, adopted_at: Option<DateTime<Utc>>) {
        let (least, _) = self.numbers.unwrap_or((number, number));
        self.numbers = Some((least, number));
        self.lives.insert(id, adopted_at);
    }
}

impl Work<'_> {
    /// Lists a life, and notes where the store is served from now on, if that is settled.
    pub(super) fn begin_life(&self, life: &Life, home: Option<&Home>) -> rusqlite::Result<()> {
        self.insert_life(life, None)?;
        let too_old = number(life.number.saturating_sub(MOST));
        self.sql.prepare_cached("DELETE FROM lives WHERE number <= ?1")?.execute([too_old])?;
        home.map_or(Ok(()), |home| self.note_home(home))
    }

    pub(super) fn note_home(&self, home: &Home) -> rusqlite::Result<()> {
        self.set(HOME, &values::json(home)?)
    }

    /// Records what a copy cannot know, that it was taken over, and where it is served from now on.
    pub(super) fn restore(&mut self, restoration: &Restoration, home: &Home) -> Result<(), Fault> {
        let Restoration { doubt, at, zone, lives } = restoration;
        let (at, zone, reason) = (*at, *zone, doubt.reason());
        self.settle_all(&Settlement { at, zone, reason })?;
        lives.iter().try_for_each(|life| self.insert_life(life, Some(at)))?;
        self.sql.prepare_cached("DELETE FROM meta WHERE key = ?1")?.execute([COPIED_AT])?;
        self.note_home(home)?;
        Ok(self.note_down(vec![rules::restored(doubt, at)])?)
    }

    fn insert_life(&self, life: &Life, adopted_at: Option<DateTime<Utc>>) -> rusqlite::Result<()> {
        self.sql
            .prepare_cached(
                "INSERT OR REPLACE INTO lives (number, id, started_at, adopted_at) \
                 VALUES ((SELECT ifnull(max(number), 0) + 1 FROM lives), ?1, ?2, ?3)",
            )?
            .execute(params![
                life.id.to_string(),
                values::text(life.start()),
                adopted_at.map(values::text)
            ])
            .map(drop)
    }
}
