//! Medians and percentiles of samples.

use hdrhistogram::Histogram;

/// The significant digits that a sample keeps.
const DIGITS: u8 = 4;

/// Samples that are not negative, counted in a histogram.
///
/// The histogram keeps 4 significant digits: a result differs from the exact one by less than one
/// part in 10,000. Samples below 30,000 units are exact to the unit.
#[derive(Clone, Debug)]
pub struct Samples {
    histogram: Histogram<u32>,
    /// The sample that counts as 1, because the histogram holds whole numbers.
    unit: f64,
}

impl Samples {
    /// Creates an empty set. Each sample is rounded to a multiple of `unit`.
    pub fn new(unit: f64) -> Self {
        Self {
            histogram: Histogram::new(DIGITS).expect("a histogram may keep 4 digits"),
            unit,
        }
    }

    /// Adds a sample. A negative one counts as 0.
    pub fn add(&mut self, sample: f64) {
        let units = (sample / self.unit).round() as u64;
        self.histogram
            .record(units)
            .expect("the histogram grows with its samples");
    }

    /// Returns the number of samples.
    pub fn len(&self) -> u64 {
        self.histogram.len()
    }

    /// Returns whether no sample was added.
    pub fn is_empty(&self) -> bool {
        self.histogram.is_empty()
    }

    /// Returns the smallest sample, or 0 if there are no samples.
    pub fn min(&self) -> f64 {
        self.percentile(0.0)
    }

    /// Returns the largest sample, or 0 if there are no samples.
    pub fn max(&self) -> f64 {
        self.percentile(100.0)
    }

    /// Returns the middle sample, or 0 if there are no samples.
    pub fn median(&self) -> f64 {
        self.percentile(50.0)
    }

    /// Returns the smallest sample that at least `percent` percent of the samples do not exceed, or
    /// 0 if there are no samples.
    pub fn percentile(&self, percent: f64) -> f64 {
        let units = self.histogram.value_at_percentile(percent);
        // Of the numbers that the histogram does not distinguish, `units` is the largest.
        self.histogram.median_equivalent(units) as f64 * self.unit
    }
}

impl Extend<f64> for Samples {
    fn extend<T: IntoIterator<Item = f64>>(&mut self, samples: T) {
        for sample in samples {
            self.add(sample);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(unit: f64, all: impl IntoIterator<Item = f64>) -> Samples {
        let mut samples = Samples::new(unit);
        samples.extend(all);
        samples
    }

    #[test]
    fn percentiles_are_of_the_sorted_samples() {
        let all = samples(1.0, (1..=200).rev().map(f64::from));
        assert_eq!(all.percentile(50.0), 100.0);
        assert_eq!(all.percentile(99.0), 198.0);
        assert_eq!(all.percentile(100.0), 200.0);
        assert_eq!((all.min(), all.max(), all.len()), (1.0, 200.0, 200));
    }

    #[test]
    fn the_median_of_an_odd_number_is_the_middle_sample() {
        let ratios = samples(0.001, [0.75, 0.5, 0.625]);
        assert_eq!(ratios.median(), 0.625);
        assert_eq!((ratios.min(), ratios.max()), (0.5, 0.75));
    }

    #[test]
    fn no_samples_are_zero() {
        let none = Samples::new(1.0);
        assert!(none.is_empty());
        assert_eq!((none.min(), none.median(), none.max()), (0.0, 0.0, 0.0));
    }

    #[test]
    fn large_samples_keep_four_digits() {
        let sample = 123_456_789.0;
        let all = samples(0.01, [1.0, sample, 2.0 * sample]);
        for (measured, exact) in [(all.median(), sample), (all.max(), 2.0 * sample)] {
            let error = (measured - exact).abs() / exact;
            assert!(error < 1e-4, "{measured} instead of {exact}");
        }
    }
}
