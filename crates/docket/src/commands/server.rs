//! `docket server`: makes a configuration of the options, and runs the server until it is stopped.

mod engine_options;
mod logging;
mod settings;
mod several_in_variable;

use anyhow::{Context, Result, anyhow};
use docket_model::zone::edition;
use docket_server::{Access, Listener, config::Listen, serve};
use tracing::{info, warn};

pub(crate) use settings::Arguments;

use crate::{default_time_zone, environment_variables, signals::Signals};

/// The address, and a remark if it comes from a variable of the original docket.
struct Address {
    listen: Listen,
    remark: Option<String>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    // First, so that everything below is in the format of the log.
    logging::start(arguments.log_format)?;
    for complaint in environment_variables::unknown_variables() {
        warn!("{complaint}");
    }
    let chosen = default_time_zone::choose(arguments.time_zone)?;
    info!("default time zone: {} (set by {})", chosen.zone, chosen.by);
    info!("time zone data: {}", edition());
    let address = address(arguments.listen.clone(), |name| std::env::var(name).ok())?;
    let config = arguments.config(chosen.zone)?;
    // Before the store is opened: a second server by mistake fails at its address, and touches
    // nothing.
    let listener = bind(&address, &config.access)?;
    // From here on a signal stops the server in order. `serve` polls `first` only while `second` is
    // awaited beside it.
    let mut signals = Signals::catch()?;
    let stop = signals.first();
    tokio::select! {
        ended = serve(config, listener, stop) => Ok(ended?),
        // Dropping `serve` is like a crash, which the store and the next start are made for.
        () = signals.second() => {
            warn!("second signal: stopped without waiting for unfinished work");
            Ok(())
        }
    }
}

fn bind(address: &Address, access: &Access) -> Result<Listener> {
    if let Some(remark) = &address.remark {
        info!("listening on {}: {remark}", address.listen);
    }
    let listener = Listener::bind(&address.listen, access);
    match &address.remark {
        Some(remark) => listener.with_context(|| format!("{}: {remark}", address.listen)),
        None => Ok(listener?),
    }
}

/// The configured address, or the one in the original's variables, or the default.
fn address(asked: Option<Listen>, variable: impl Fn(&str) -> Option<String>) -> Result<Address> {
    if let Some(listen) = asked {
        return Ok(Address { listen, remark: None });
    }
    // As for all variables, an empty one counts as unset.
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let (host, port) = (set("HOST"), set("PORT"));
    let (default_host, default_port) = docket_server::config::LISTEN
        .rsplit_once(':')
        .ok_or_else(|| anyhow!("the default address has no port"))?;
    let source = match (&host, &port) {
        (None, None) => None,
        (Some(_), None) => Some("the host comes from HOST"),
        (None, Some(_)) => Some("the port comes from PORT"),
        (Some(_), Some(_)) => Some("the address comes from HOST and PORT"),
    };
    let remark =
        source.map(|source| format!("{source}, as in the original docket; --listen overrides it"));
    let host = host.as_deref().unwrap_or(default_host);
    let port = port.as_deref().unwrap_or(default_port);
    // An error names HOST and PORT: they may be set for another program.
    let listen = format!("{host}:{port}").parse();
    let listen = listen
        .with_context(|| remark.clone().unwrap_or_else(|| "the default address".to_owned()))?;
    Ok(Address { listen, remark })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address_with(asked: Option<&str>, variables: &[(&str, &str)]) -> (String, bool) {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let address = address(asked.map(|text| text.parse().unwrap()), variable).unwrap();
        (address.listen.to_string(), address.remark.is_some())
    }

    #[test]
    fn the_original_s_variables_are_used_with_a_remark_if_nothing_else_is_configured() {
        let both = [("HOST", "10.0.0.1"), ("PORT", "8080")];
        assert_eq!(address_with(None, &both), ("10.0.0.1:8080".to_owned(), true));
        assert_eq!(address_with(None, &[("PORT", "80")]), ("127.0.0.1:80".to_owned(), true));
        assert_eq!(address_with(None, &[("HOST", "")]), ("127.0.0.1:3000".to_owned(), false));
        assert_eq!(address_with(Some("unix:/a"), &both), ("unix:/a".to_owned(), false));
    }
}
