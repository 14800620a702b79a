//! What changed from one specification of a name to the next, for the record.

use super::{Policies, Specification};

impl Specification {
    /// The keys whose values differ, in their order.
    ///
    /// Values are compared for what they mean: `90s` is no other timeout than `1m30s`.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let changed = [
            ("Name", self.name != other.name),
            ("Description", self.description != other.description),
            ("Labels", self.labels != other.labels),
            ("Cron", self.schedule() != other.schedule()),
            ("TimeZone", self.time_zone != other.time_zone),
            ("After", self.parents() != other.parents()),
            ("Container", self.container != other.container),
        ];
        let policies = self.policies.changed(&other.policies);
        let mut keys: Vec<_> = changed
            .into_iter()
            .chain(policies)
            .filter_map(|(key, changed)| changed.then_some(key))
            .collect();
        keys.sort_by_key(|key| super::KEYS.iter().position(|known| known == key));
        keys
    }
}

impl Policies {
    fn changed(&self, other: &Self) -> [(&'static str, bool); 12] {
        [
            ("Jitter", self.jitter != other.jitter),
            ("NotBefore", self.not_before != other.not_before),
            ("NotAfter", self.not_after != other.not_after),
            ("Suspended", self.suspended != other.suspended),
            ("EnvFiles", self.env_files != other.env_files),
            ("Pull", self.pull != other.pull),
            ("Overlap", self.overlap != other.overlap),
            ("StartingDeadline", self.starting_deadline != other.starting_deadline),
            ("CatchUp", self.catch_up != other.catch_up),
            ("Timeout", self.timeout != other.timeout),
            ("Retries", self.retries != other.retries),
            ("Keep", self.keep != other.keep),
        ]
    }
}
