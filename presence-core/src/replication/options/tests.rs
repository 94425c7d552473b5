use super::*;

fn error(change: impl FnOnce(&mut NodeOptions)) -> Option<OptionError> {
    let mut options = NodeOptions::default();
    change(&mut options);
    options.check().err()
}

/// Returns the name of the option that is refused.
fn refused(change: impl FnOnce(&mut NodeOptions)) -> Option<&'static str> {
    error(change).map(|error| error.option())
}

macro_rules! bounds {
    ($field:ident: $least:expr, $most:expr; outside: $($outside:expr),*) => {
        for value in [$least, $most] {
            let error = error(|options| options.$field = value);
            // It may not go together with the others, but is allowed by itself.
            let alone = error.as_ref().is_none_or(|error| !error.bounds().starts_with("from "));
            assert!(alone, "{error:?}");
        }
        for value in [$($outside),*] {
            let error = error(|options| options.$field = value).expect("an error");
            assert_eq!(error.option(), stringify!($field));
            assert_eq!(error.value(), format!("{value:?}"));
            let bounds = format!("from {:?} to {:?}", $least, $most);
            // The least of two periods depends on others.
            let least = ["down_period", "permdown_period"].contains(&error.option());
            assert!(least || error.bounds() == bounds, "{error}");
        }
    };
}

#[test]
fn every_option_has_bounds() {
    let longest = DAY + Duration::from_nanos(1);
    let over = [longest, Duration::MAX];
    bounds!(pool_size: 1, 256; outside: 0, 257, usize::MAX);
    bounds!(diff_interval: Duration::ZERO, DAY; outside: over[0], over[1]);
    bounds!(delta_interval: Duration::ZERO, DAY; outside: over[0], over[1]);
    bounds!(broadcast_period: 10 * MS, DAY; outside: Duration::ZERO, 9 * MS, over[0], over[1]);
    bounds!(max_silent_periods: 1, 10_000; outside: 0, 10_001, u32::MAX);
    bounds!(down_period: 11 * MS, DAY; outside: Duration::ZERO, over[0], over[1]);
    bounds!(permdown_period: 11 * MS, DAY; outside: Duration::ZERO, over[0], over[1]);
    bounds!(suspect_period: 100 * MS, DAY; outside: Duration::ZERO, 99 * MS, over[0], over[1]);
    bounds!(chunk_bytes: 256, NodeOptions::MAX_CHUNK_BYTES; outside: 0, 255, NodeOptions::MAX_CHUNK_BYTES + 1);
    bounds!(removal_log_bytes: 4 << 10, 64 << 20; outside: 0, (4 << 10) - 1, (64 << 20) + 1, usize::MAX);
    bounds!(batch: 1, 1_000_000; outside: 0, 1_000_001, usize::MAX);
    bounds!(max_hidden: 0, 10_000_000; outside: 10_000_001, usize::MAX);
    bounds!(max_answers: 1, 64; outside: 0, 65, usize::MAX);
    bounds!(max_replicas: 1, 65_536; outside: 0, 65_537, usize::MAX);
}

#[test]
fn periods_must_go_together() {
    assert_eq!(error(|_| ()), None);
    let silent = refused(|options| {
        options.broadcast_period = 100 * MS;
        options.max_silent_periods = 10;
        options.down_period = 1000 * MS;
    });
    assert_eq!(silent, Some("down_period"));
    let forgotten = error(|options| options.permdown_period = options.down_period - MS);
    let message = forgotten.expect("an error").to_string();
    assert_eq!(
        message,
        "`TrackerOptions::permdown_period` is 29.999s, and must be at least down_period, 30s"
    );
}

// The options of simulations are options that a tracker accepts.
#[test]
fn generated_scripts_keep_within_the_bounds() {
    for seed in 0..500 {
        let mut options = crate::sim::generate(seed).setup.options;
        // So small, what is rare happens often.
        options.removal_log_bytes = options.removal_log_bytes.max(4 << 10);
        assert_eq!(options.check(), Ok(()), "seed {seed}");
    }
}
