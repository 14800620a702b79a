//! Which requests meet a fault: the first ones, those a rule names, or some by chance.
//!
//! Chance depends on the seed, the call, what it is about, and how often that was asked before; not
//! on the order in which requests about different containers arrive. So a seed repeats a test.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
};

use crate::{Call, Fault};

type Rule = dyn Fn(Call, &str) -> Option<Fault> + Send + Sync;

/// Decides which requests meet a fault.
///
/// For each request the first ones are asked, then the rule, then chance; the first to say anything
/// is heard.
#[derive(Clone, Default)]
pub struct Faults {
    seed: u64,
    first: HashMap<Call, VecDeque<Option<Fault>>>,
    rule: Option<Arc<Rule>>,
    chances: Vec<Chance>,
}

#[derive(Debug, Clone)]
struct Chance {
    call: Call,
    per_mille: u16,
    fault: Fault,
}

impl Faults {
    /// No faults: every request is answered at once.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// No faults yet; chance will go by `seed`.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// So many of a thousand of each of these calls meet `fault`.
    ///
    /// The chances of one call add up: each request meets one fault at most.
    #[must_use]
    pub fn chance(
        mut self,
        calls: impl IntoIterator<Item = Call>,
        per_mille: u16,
        fault: &Fault,
    ) -> Self {
        let chance = |call| Chance { call, per_mille, fault: fault.clone() };
        self.chances.extend(calls.into_iter().map(chance));
        self
    }

    /// The first of these calls meet these faults in turn; `None` lets one pass.
    #[must_use]
    pub fn first<F: Into<Option<Fault>>>(
        mut self,
        call: Call,
        faults: impl IntoIterator<Item = F>,
    ) -> Self {
        self.first.entry(call).or_default().extend(faults.into_iter().map(Into::into));
        self
    }

    /// Asks `rule` about each request, by its call and its subject: see [`crate::Stamp`].
    #[must_use]
    pub fn by(
        mut self,
        rule: impl Fn(Call, &str) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        self.rule = Some(Arc::new(rule));
        self
    }

    fn is_none(&self) -> bool {
        self.first.is_empty() && self.rule.is_none() && self.chances.is_empty()
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults")
            .field("seed", &self.seed)
            .field("first", &self.first)
            .field("chances", &self.chances)
            .finish_non_exhaustive()
    }
}

/// Faults under way: what of them was used up.
#[derive(Debug)]
pub(crate) struct Choice {
    faults: Faults,
    asked: HashMap<(Call, Arc<str>), u64>,
}

impl Choice {
    /// `None` if there is nothing to choose.
    pub(crate) fn of(faults: Faults) -> Option<Self> {
        (!faults.is_none()).then(|| Self { faults, asked: HashMap::new() })
    }

    pub(crate) fn choose(&mut self, call: Call, subject: &Arc<str>) -> Option<Fault> {
        if let Some(next) = self.faults.first.get_mut(&call).and_then(VecDeque::pop_front) {
            // `None` in the list means no fault, also not by the rule or by chance.
            return next;
        }
        let ruled = self.faults.rule.as_ref().and_then(|rule| rule(call, subject));
        ruled.or_else(|| self.chance(call, subject))
    }

    fn chance(&mut self, call: Call, subject: &Arc<str>) -> Option<Fault> {
        if self.faults.chances.is_empty() {
            return None;
        }
        let asked = self.asked.entry((call, Arc::clone(subject))).or_default();
        // One throw for all chances of a call: so they add up, and at most one of them is met.
        let thrown = throw(self.faults.seed, call, subject, *asked);
        *asked += 1;
        let mut reach = 0;
        let chances = self.faults.chances.iter().filter(|chance| chance.call == call);
        for Chance { per_mille, fault, .. } in chances {
            reach += u64::from(*per_mille);
            if thrown < reach {
                return Some(fault.clone());
            }
        }
        None
    }
}

/// A number below 1,000, the same for the same question: FNV-1a, its bits mixed as `SplitMix64` does.
fn throw(seed: u64, call: Call, subject: &str, asked: u64) -> u64 {
    // Not `DefaultHasher`, whose results may change with each version of Rust: a seed must repeat a
    // test later, too.
    let numbers = [seed, call as u64, asked].map(u64::to_le_bytes);
    let bytes = numbers.as_flattened().iter().chain(subject.as_bytes());
    let mut mixed = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    // FNV alone changes few bits for neighbouring numbers, so successive throws would be alike.
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) % 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(faults: Faults, asks: impl IntoIterator<Item = String>) -> Vec<(String, Fault)> {
        let mut choice = Choice::of(faults).unwrap();
        let mut choose = |name: String| {
            let fault = choice.choose(Call::Create, &name.as_str().into())?;
            Some((name, fault))
        };
        asks.into_iter().filter_map(&mut choose).collect()
    }

    fn names() -> impl DoubleEndedIterator<Item = String> {
        (0..10_000).map(|number| format!("docket.a.{number}"))
    }

    #[test]
    fn chance_meets_as_many_as_it_says_and_each_once() {
        let faults = Faults::seeded(7)
            .chance([Call::Create], 100, &Fault::DropBefore)
            .chance([Call::Create], 50, &Fault::DropAfter)
            .chance([Call::Start], 1_000, &Fault::HangAfter);

        let chosen = chosen(faults, names());

        let before = chosen.iter().filter(|(_, fault)| *fault == Fault::DropBefore).count();
        let after = chosen.len() - before;
        assert!((850..1_150).contains(&before), "{before}");
        assert!((400..600).contains(&after), "{after}");
        assert!(chosen.iter().all(|(_, fault)| *fault != Fault::HangAfter));
    }

    #[test]
    fn a_seed_chooses_the_same_in_any_order_and_another_seed_others() {
        let faults = |seed| Faults::seeded(seed).chance(Call::ALL, 100, &Fault::DropAfter);

        let forth = chosen(faults(7), names());
        let mut back = chosen(faults(7), names().rev());
        back.reverse();
        let others = chosen(faults(8), names());

        assert_eq!(forth, back);
        assert_ne!(forth, others);
    }

    #[test]
    fn asking_again_throws_again() {
        let faults = Faults::seeded(7).chance(Call::ALL, 500, &Fault::DropAfter);

        let met = chosen(faults, (0..100).map(|_| "docket.a".to_owned())).len();

        assert!((30..70).contains(&met), "{met}");
    }

    #[test]
    fn the_first_ones_come_before_the_rule_and_the_rule_before_chance() {
        let faults = Faults::none()
            .chance([Call::Create], 1_000, &Fault::DropBefore)
            .by(|_, subject| (subject == "b").then_some(Fault::HangBefore))
            .first(Call::Create, [None, Some(Fault::CutHead)]);

        let chosen = chosen(faults, ["b", "b", "b", "a"].map(str::to_owned));

        let faults: Vec<_> = chosen.into_iter().map(|(_, fault)| fault).collect();
        assert_eq!(faults, [Fault::CutHead, Fault::HangBefore, Fault::DropBefore]);
    }
}
