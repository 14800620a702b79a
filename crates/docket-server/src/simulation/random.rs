//! The one source of randomness of a simulation.

/// Random numbers from a seed (`SplitMix64`).
#[derive(Debug, Clone)]
// Not the crate `rand`, whose numbers may change with its version: a seed that failed must fail
// again.
pub struct Random(u64);

impl Random {
    /// The numbers of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below a bound, 0 where that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // Slightly uneven, which does not matter for bounds this small.
        self.number().checked_rem(bound).unwrap_or_default()
    }

    /// True in so many of a thousand cases.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// One of some values.
    ///
    /// # Panics
    /// Where there is none.
    #[expect(clippy::expect_used, reason = "the simulation writes the lists that it picks from")]
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let at = usize::try_from(self.below(from.len() as u64)).unwrap_or_default();
        from.get(at).expect("there is something to pick from")
    }
}
