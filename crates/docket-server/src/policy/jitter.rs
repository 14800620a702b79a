//! How much later than its instant a run starts, where its allocation wants starts spread.

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{Allocation, Zone, run::Instant};
use ring::digest::{SHA256, digest};

/// When the run for an instant starts: later by less than `Jitter`, and before the next instant.
///
/// The offset is made of the SHA-256 of name and instant, so it is the same after a restart and in
/// every build.
pub(crate) fn starts_at(
    allocation: &Allocation,
    instant: DateTime<Utc>,
    zone: Zone,
) -> DateTime<Utc> {
    let Some(jitter) = allocation.specification.policies.jitter else { return instant };
    let gap = allocation.next(instant, zone).map_or(TimeDelta::MAX, |next| next - instant);
    let room = TimeDelta::from(jitter).min(gap).num_milliseconds();
    let text = format!("{}/{}", allocation.name(), Instant::new(instant));
    let digest = digest(&SHA256, text.as_bytes());
    let bytes = digest.as_ref().iter().take(8);
    let number = bytes.fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    // There is no room with a `Jitter` below a millisecond: the offset is zero then.
    let offset = u64::try_from(room).ok().and_then(|room| number.checked_rem(room));
    instant + TimeDelta::milliseconds(offset.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(0))
}
