//! Requirements on versions, in the syntax of Elixir's `Version`.

use std::str::FromStr;

/// Major, minor, patch.
pub(super) type Triple = (u32, u32, u32);

/// Comparisons that must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Requirement(Vec<Comparison>);

/// Not a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InvalidRequirement;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal(Triple),
    AtLeast(Triple),
    Above(Triple),
    AtMost(Triple),
    Below(Triple),
}

impl Requirement {
    pub(super) fn fits(&self, version: Triple) -> bool {
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
            let exact = || parse_version(version).ok_or(InvalidRequirement);
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
    let (from, to) = match parse_version(version) {
        Some(from) => (from, (from.0, from.1.checked_add(1)?, 0)),
        None => {
            let from = parse_version(&format!("{version}.0"))?;
            (from, (from.0.checked_add(1)?, 0, 0))
        }
    };
    Some([Comparison::AtLeast(from), Comparison::Below(to)])
}

/// A version with all of its three numbers.
pub(super) fn parse_version(text: &str) -> Option<Triple> {
    let number = |text: &str| {
        // `parse` takes a sign.
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u32>().ok())?
    };
    let mut parts = text.split('.').map(number);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(major), Some(minor), Some(patch), None) => Some((major?, minor?, patch?)),
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
            "~> 4294967295.0",
        ] {
            assert_eq!(
                invalid.parse::<Requirement>(),
                Err(InvalidRequirement),
                "{invalid:?}"
            );
        }
    }
}
