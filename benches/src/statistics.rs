//! What many measurements come to. Where they come from is not known here.

/// Measurements of one kind, smallest first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    pub(crate) fn new(measurements: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = measurements.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Self(sorted)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The least measurement that is not less than `percent` of all; 0 where there is none.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        // A measured value and never one between two: with few measurements an interpolated
        // percentile looks more exact than it is.
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }

    pub(crate) fn median(&self) -> f64 {
        self.percentile(50)
    }

    pub(crate) fn max(&self) -> f64 {
        self.percentile(100)
    }
}

/// A count as a number to divide by.
#[expect(clippy::cast_precision_loss, reason = "nothing counted here comes near 2^52")]
pub(crate) fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measurements_that_were_made() {
        let sample = Sample::new((1..=200).rev().map(f64::from));

        let percentiles = [0, 1, 50, 99, 100].map(|percent| sample.percentile(percent));

        assert_eq!(Sample::new(percentiles), Sample::new([1.0, 2.0, 100.0, 198.0, 200.0]));
        assert_eq!(Sample::new([Sample::new([]).median()]), Sample::new([0.0]));
    }
}
