//! Runs a stub whose containers end at once, until its standard input ends.
//!
//!   `docket-stub-engine SOCKET`

use std::{
    env,
    io::{self, Read as _},
};

use docket_stub_engine::{Options, Program, Stub};

fn main() -> io::Result<()> {
    let usage = || io::Error::other("usage: docket-stub-engine SOCKET");
    let socket = env::args_os().nth(1).ok_or_else(usage)?;
    let program = Program { output: b"all sums\n".to_vec(), ..Program::default() };
    let _stub = Stub::start(socket, Options::of(program))?;
    // Its owner need not kill it: the input also ends if the owner crashes.
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
