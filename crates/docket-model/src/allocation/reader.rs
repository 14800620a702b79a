//! Reading a specification by the table of its keys: all errors at once, each with the path of its
//! field.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use super::{
    Due, Policies, Read, Specification,
    key_definition::{Key, Presence},
    key_table::{ADDED_KEYS, KEYS, LATER_KEYS, SpecificationKey, TABLE},
    mapping_fields::{Fields, not_supported},
    policy_warnings,
    writer::time,
};
use crate::{
    container::{Container, UnknownOptions, home_of},
    finding::{FieldPath, Finding, Place, expected, shortened, unknown_key},
    name::AllocationName,
    zone::Zone,
};

/// A specification while it is read.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) name: Option<AllocationName>,
    pub(super) description: Option<Box<str>>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) due: Option<Due>,
    pub(super) time_zone: Option<Zone>,
    pub(super) container: Option<Container>,
    pub(super) policies: Policies,
}

impl Draft {
    /// The specification, if nothing that is required is missing.
    fn finish(self) -> Option<Specification> {
        Some(Specification {
            name: self.name?,
            description: self.description,
            labels: self.labels,
            due: self.due?,
            time_zone: self.time_zone,
            container: self.container?,
            policies: shared(self.policies),
        })
    }
}

/// The policies; the defaults are held once for all allocations.
// Policies are compared once here, to save their memory for each allocation that has only defaults.
fn shared(policies: Policies) -> Arc<Policies> {
    if policies == Policies::default() { Policies::shared_default() } else { Arc::new(policies) }
}

pub(super) fn read(
    posted: Value,
    at: &FieldPath,
    unknown_options: UnknownOptions,
) -> Result<Read, Vec<Finding>> {
    let at = Place::Start(at);
    let Value::Object(posted) = posted else {
        let kind = "an allocation, a mapping with the keys Name, Cron and Container";
        return Err(vec![at.wrong(expected(kind, &posted))]);
    };
    let mut reader = Reader::new(unknown_options);
    // Reading goes on after an error, so that all errors are reported at once.
    let draft = reader.draft(at, posted, &*TABLE, &ADDED_KEYS);
    let Reader { errors, mut warnings, .. } = reader;
    match draft.finish() {
        Some(specification) if errors.is_empty() => {
            // These compare values of several keys, which must all be valid.
            warnings.extend(policy_warnings::of(&specification, at));
            Ok(Read { specification, warnings })
        }
        _ => Err(errors),
    }
}

/// Reads some keys alone, as policies are stored.
pub(super) fn policies(
    stored: Map<String, Value>,
    keys: &[SpecificationKey],
) -> Result<Arc<Policies>, Vec<Finding>> {
    let at = FieldPath::default();
    let at = Place::Start(&at);
    // Policies have no options of a container, so the choice has no effect.
    let mut reader = Reader::new(UnknownOptions::default());
    let draft = reader.draft(at, stored, keys, &[]);
    if reader.errors.is_empty() { Ok(shared(draft.policies)) } else { Err(reader.errors) }
}

/// What is found while a specification is read.
pub(super) struct Reader {
    pub(super) unknown_options: UnknownOptions,
    /// The allocation's own name, once it was read: it cannot run after itself.
    pub(super) name: Option<AllocationName>,
    pub(super) errors: Vec<Finding>,
    pub(super) warnings: Vec<Finding>,
}

impl Reader {
    pub(super) fn new(unknown_options: UnknownOptions) -> Self {
        Self { unknown_options, name: None, errors: Vec::new(), warnings: Vec::new() }
    }

    /// Reads these keys of a specification, and ignores others.
    fn draft(
        &mut self,
        at: Place<'_>,
        posted: Map<String, Value>,
        keys: &[SpecificationKey],
        ignored: &[&'static str],
    ) -> Draft {
        let known: Vec<_> =
            keys.iter().map(|key| key.name()).chain(ignored.iter().copied()).collect();
        let mut fields = self.fields(at, posted, &known, unknown);
        let mut draft = Draft::default();
        self.keys(at, &mut fields, keys, &mut draft);
        self.check_bounds(at, &draft.policies);
        draft
    }

    /// Reads the value of each key into the draft, in the order of the table. Returns the keys whose
    /// values are wrong.
    pub(super) fn keys<D, S>(
        &mut self,
        at: Place<'_>,
        fields: &mut Fields,
        keys: &[&dyn Key<D, S>],
        draft: &mut D,
    ) -> Vec<&'static str> {
        let mut wrong = Vec::new();
        for key in keys {
            let before = self.errors.len();
            let value = fields.take(key.name());
            let here = Place::Key(&at, key.name());
            let other = match key.presence() {
                // The other key comes later in the table, so its value has not been taken out yet.
                Presence::RequiredUnless(other, _) if fields.has(other) => Some(other),
                _ => None,
            };
            match (value, other) {
                (Value::Null, None) => key.fill(self, here, draft),
                (Value::Null, Some(_)) => {}
                (value, other) => {
                    if let Some(other) = other {
                        let message =
                            format!("give either `{}` or `{other}`, not both", key.name());
                        self.errors.push(Place::Key(&at, other).wrong(message));
                    }
                    // The value is read in any case, so that its own errors are reported too.
                    key.read(self, here, value, draft);
                }
            }
            if self.errors.len() > before {
                wrong.push(key.name());
            }
        }
        wrong
    }

    /// Notes where no instant is left between `NotBefore` and `NotAfter`.
    fn check_bounds(&mut self, at: Place<'_>, policies: &Policies) {
        if let (Some(first), Some(last)) = (policies.not_before, policies.not_after)
            && last < first
        {
            let message = format!(
                "`{}` is before `NotBefore`, `{}`, so no instant is left: swap them",
                time(last),
                time(first)
            );
            self.errors.push(Place::Key(&at, "NotAfter").wrong(message));
        }
    }
}

/// Says why a key has no place in a specification.
fn unknown(key: &str) -> String {
    let later = LATER_KEYS.iter().find(|known| known.eq_ignore_ascii_case(key));
    match (later, home_of(key)) {
        (Some(later), _) => not_supported(later),
        (None, Some(home)) => format!("unknown key `{}`: it belongs {home}", shortened(key)),
        (None, None) => unknown_key(key, KEYS.iter().copied()),
    }
}
