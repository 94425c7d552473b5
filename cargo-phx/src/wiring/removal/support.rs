//! Taking back what the helper of the generated tests has for one socket.

use super::super::Wiring;
use super::super::sockets::SocketFile;
use super::super::test_support::connect_function;
use super::uses::code_files;
use crate::names::TEST_SUPPORT;
use crate::source::remove::{imports, modules};
use crate::source::{Outcome, Source};

impl Wiring {
    /// Removes what the helper of tests has for `socket`, if no test uses it: all of the helper, or
    /// the function that connects. It stays unless generating again gives the lines of the present
    /// helper, in any order: another socket may have come first.
    pub(crate) fn remove_test_support(&mut self, socket: &SocketFile) -> anyhow::Result<()> {
        let redo = |wiring: &mut Wiring| wiring.add_test_support(socket).map(drop);
        let path = self.test_support_path()?;
        let Some(present) = self.plan.read(&path)? else {
            return Ok(());
        };
        let connect = connect_function(socket);
        let is_used = |word: &str| -> anyhow::Result<bool> {
            for file in code_files(&self.project.root) {
                let text = self.plan.read(&file)?.unwrap_or_default();
                if file != path && text.contains(word) {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        if is_used(&format!("{connect}("))? {
            return Ok(());
        }
        let channels = self.module_file("channels")?;
        let mut without = self.plan.clone();
        without.delete(&path)?;
        if let Some(text) = self.plan.read(&channels)?
            && let Outcome::Edited(text) =
                modules::remove(&Source::parse(&channels, &text)?, TEST_SUPPORT)
        {
            without.inject(&channels, text)?;
        }
        let mut plans = vec![without];
        let mut text = present.clone();
        let imports = [
            "presence_channels::Endpoint",
            "presence_channels::testing",
            "presence_channels::testing::TestSocket",
            "serde_json::json",
        ];
        let of_socket = [
            format!("crate::{}", socket.import()),
            format!("{}::{}", self.project.crate_name, socket.import()),
        ];
        if let Outcome::Edited(edited) =
            modules::remove_function(&Source::parse(&path, &text)?, &connect)
        {
            text = edited;
            for import in imports
                .into_iter()
                .chain(of_socket.iter().map(String::as_str))
            {
                let edited = imports::remove_unused(&Source::parse(&path, &text)?, import);
                if let Outcome::Edited(edited) = edited {
                    text = edited;
                }
            }
            let mut without = self.plan.clone();
            without.inject(&path, text)?;
            plans.push(without);
        }
        for plan in plans {
            let mut bare = Wiring {
                plan,
                ..Wiring::new(self.project.clone())
            };
            bare.format();
            let again = bare.redone(&redo)?.read(&path)?.unwrap_or_default();
            if sorted(&again) == sorted(&present) {
                self.plan = bare.plan;
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Returns the lines of a file in the order of their text.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    lines
}
