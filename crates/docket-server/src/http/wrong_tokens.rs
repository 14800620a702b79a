//! Limits how many wrong tokens an address may send.
//!
//! After ten wrong tokens in a minute an address cannot sign in for the rest of the minute. Sessions and
//! requests with the right token are still accepted: otherwise a client behind a proxy could lock out
//! all other clients of the proxy.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::warn;

/// How many wrong tokens an address may send within [`WINDOW`].
const MAX_WRONG: u32 = 10;
/// How long wrong tokens count.
const WINDOW: Duration = Duration::from_secs(60);
/// The maximum number of addresses that are remembered.
const MAX_ADDRESSES: usize = 10_000;

/// The number of wrong tokens by address, and when the first of them came.
#[derive(Debug, Default)]
pub(crate) struct WrongTokens {
    by_address: Mutex<HashMap<Option<IpAddr>, (Instant, u32)>>,
}

impl WrongTokens {
    /// Counts a wrong token. Returns how long the address has to wait if it sent too many.
    pub(super) fn count(&self, address: Option<IpAddr>) -> Option<Duration> {
        let now = Instant::now();
        let mut by_address = self.by_address.lock();
        if by_address.len() >= MAX_ADDRESSES {
            by_address.retain(|_, (since, _)| now - *since < WINDOW);
            if by_address.len() >= MAX_ADDRESSES {
                // So many addresses within a minute belong to one attacker, who gains no more
                // guesses from this than from further addresses.
                by_address.clear();
            }
        }
        let (since, count) = by_address.entry(address.map(network)).or_insert((now, 0));
        if now - *since >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        // Logged once for each address and minute, so that an attack does not fill the log.
        if *count == MAX_WRONG {
            let address = address.map_or_else(|| "a local user".to_owned(), |it| it.to_string());
            warn!(
                address,
                "{MAX_WRONG} wrong tokens in a minute; rejecting further ones for the rest of it"
            );
        }
        (*count > MAX_WRONG).then(|| WINDOW.saturating_sub(now - *since))
    }

    /// How long an address has to wait before it can sign in.
    pub(super) fn wait(&self, address: Option<IpAddr>) -> Option<Duration> {
        let by_address = self.by_address.lock();
        let (since, count) = by_address.get(&address.map(network))?;
        let left = WINDOW.saturating_sub(since.elapsed());
        (*count >= MAX_WRONG && !left.is_zero()).then_some(left)
    }
}

/// The /64 network of an IPv6 address, which usually belongs to one user; an IPv4 address itself.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ten_wrong_tokens_make_an_address_wait_to_the_end_of_the_minute() {
        let wrong = WrongTokens::default();
        let address = |text: &str| Some(text.parse().unwrap());
        let of_one = address("2001:db8::1");
        for _ in 0..MAX_WRONG {
            assert_eq!(wrong.count(of_one), None);
        }
        tokio::time::advance(Duration::from_secs(20)).await;

        assert_eq!(wrong.count(of_one), Some(Duration::from_secs(40)));
        assert_eq!(wrong.count(address("2001:db8::2")), Some(Duration::from_secs(40)));
        assert_eq!(wrong.count(address("2001:db8:0:1::1")), None);
        assert_eq!(wrong.count(address("10.0.0.1")), None);
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(wrong.count(of_one), None);
    }
}
