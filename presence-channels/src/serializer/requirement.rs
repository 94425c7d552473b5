//! Requirements on versions, in the syntax of Elixir's `Version`.

use std::str::FromStr;

/// Major, minor and patch, then whether it is a release. A pre-release comes before its release.
pub(super) type Version = (u64, u64, u64, bool);

/// Comparisons that must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Requirement(Vec<Comparison>);

/// Not a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InvalidRequirement;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal(Version),
    AtLeast(Version),
    Above(Version),
    AtMost(Version),
    Below(Version),
}

impl Requirement {
    pub(super) fn fits(&self, version: Version) -> bool {
        self.0.iter().all(|comparison| match comparison {
            Comparison::Equal(other) => version == *other,
            Comparison::AtLeast(other) => version >= *other,
            Comparison::Above(other) => version > *other,
            Comparison::AtMost(other) => version <= *other,
            Comparison::Below(other) => version < *other,
        })
    }
}

impl FromStr for Requirement {
    type Err = InvalidRequirement;

    fn from_str(text: &str) -> Result<Self, InvalidRequirement> {
        let mut comparisons = Vec::new();
        for part in text.split(" and ").map(str::trim) {
            let digits = part.find(|c: char| c.is_ascii_digit());
            let (operator, version) = part.split_at(digits.ok_or(InvalidRequirement)?);
            let exact = || parse_release(version).ok_or(InvalidRequirement);
            match operator.trim_end() {
                "" | "==" => comparisons.push(Comparison::Equal(exact()?)),
                ">=" => comparisons.push(Comparison::AtLeast(exact()?)),
                ">" => comparisons.push(Comparison::Above(exact()?)),
                "<=" => comparisons.push(Comparison::AtMost(exact()?)),
                "<" => comparisons.push(Comparison::Below(exact()?)),
                "~>" => comparisons.extend(about(version).ok_or(InvalidRequirement)?),
                _ => return Err(InvalidRequirement),
            }
        }
        Ok(Self(comparisons))
    }
}

/// `~> 3.0.1` is 3.0.1 up to 3.1.0, `~> 3.0` is 3.0.0 up to 4.0.0, the ends not included.
fn about(version: &str) -> Option<[Comparison; 2]> {
    // The upper end is below the pre-releases of the next version.
    let (from, to) = match parse_release(version) {
        Some(from) => (from, (from.0, from.1.checked_add(1)?, 0, false)),
        None => {
            let from = parse_release(&format!("{version}.0"))?;
            (from, (from.0.checked_add(1)?, 0, 0, false))
        }
    };
    Some([Comparison::AtLeast(from), Comparison::Below(to)])
}

/// Reads a version with all of its three numbers, and possibly a pre-release and a build:
/// `2.0.0-rc.1+linux`.
pub(super) fn parse_version(text: &str) -> Option<Version> {
    let (text, build) = split(text, '+');
    let (text, pre) = split(text, '-');
    let is_dotted = |text: &str| {
        text.split('.').all(|part| {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !part.is_empty() && part.bytes().all(is_part)
        })
    };
    if !build.is_none_or(is_dotted) || !pre.is_none_or(is_dotted) {
        return None;
    }
    let (major, minor, patch, _) = parse_release(text)?;
    Some((major, minor, patch, pre.is_none()))
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((text, rest)) => (text, Some(rest)),
        None => (text, None),
    }
}

/// Reads a version of three numbers and nothing else.
fn parse_release(text: &str) -> Option<Version> {
    let number = |text: &str| {
        // `parse` takes a sign, and zeros in front.
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let is_canonical = text.len() == 1 || !text.starts_with('0');
        (is_number && is_canonical).then(|| text.parse::<u64>().ok())?
    };
    let mut parts = text.split('.').map(number);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(major), Some(minor), Some(patch), None) => Some((major?, minor?, patch?, true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of `versions` that fit.
    fn fitting<'a>(requirement: &str, versions: &[&'a str]) -> Vec<&'a str> {
        let requirement: Requirement = requirement.parse().unwrap();
        let fits = |version: &&&str| requirement.fits(parse_version(version).unwrap());
        versions.iter().filter(fits).copied().collect()
    }

    #[test]
    fn requirements_are_read_as_elixirs() {
        let versions = ["2.9.9", "3.0.0", "3.0.1", "3.1.0", "3.10.0", "4.0.0"];
        let fitting = |requirement| fitting(requirement, &versions);
        assert_eq!(fitting("~> 3.0.0"), ["3.0.0", "3.0.1"]);
        assert_eq!(fitting("~> 3.0.1"), ["3.0.1"]);
        assert_eq!(fitting("~> 3.0"), ["3.0.0", "3.0.1", "3.1.0", "3.10.0"]);
        assert_eq!(fitting("~> 3.2"), ["3.10.0"]);
        assert_eq!(fitting("3.0.1"), ["3.0.1"]);
        assert_eq!(fitting("== 3.0.1"), ["3.0.1"]);
        assert_eq!(fitting("> 3.1.0"), ["3.10.0", "4.0.0"]);
        assert_eq!(fitting("<= 3.0.0"), ["2.9.9", "3.0.0"]);
        assert_eq!(
            fitting(">= 3.0.1 and < 4.0.0"),
            ["3.0.1", "3.1.0", "3.10.0"]
        );
    }

    #[test]
    fn a_pre_release_comes_before_its_release() {
        let versions = ["3.0.0-rc.1", "3.0.0", "3.0.1-rc", "3.1.0-rc", "3.1.0+b.7"];
        let fitting = |requirement| fitting(requirement, &versions);
        assert_eq!(fitting("~> 3.0.0"), ["3.0.0", "3.0.1-rc"]);
        assert_eq!(fitting("== 3.0.0"), ["3.0.0"]);
        assert_eq!(fitting("<= 3.0.0"), ["3.0.0-rc.1", "3.0.0"]);
        assert_eq!(fitting("> 3.0.1"), ["3.1.0-rc", "3.1.0+b.7"]);
        assert_eq!(fitting("< 3.1.0 and >= 3.0.1"), ["3.1.0-rc"]);
    }

    #[test]
    fn what_is_no_requirement_is_an_error() {
        for invalid in [
            "",
            "~> 3",
            "~> 3.0.0.0",
            "3.0",
            "^3.0.0",
            "~3.0.0",
            ">= 3.0.0 and",
            ">= 3.0.0, < 4.0.0",
            "~> 3.x",
            "== 3.0.0-rc.1",
            "== +3.0.0",
            "~> 18446744073709551615.0",
            "== 3.00.0",
        ] {
            assert_eq!(
                invalid.parse::<Requirement>(),
                Err(InvalidRequirement),
                "{invalid:?}"
            );
        }
    }
}
