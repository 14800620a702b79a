//! The size of the binary.

use std::fs;

use anyhow::Result;

use super::Bench;
use crate::report::{Figure, Unit};

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let kilobytes = u32::try_from(fs::metadata(&bench.docket)?.len() / 1_000)?;
    let megabytes = f64::from(kilobytes) / 1_000.0;
    Ok(vec![Figure::at_most("binary", megabytes, 12.0, Unit::Megabytes)])
}
