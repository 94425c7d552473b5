//! Rendering templates: the project's own if it has one, else the embedded one.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tera::{Context, Tera};

use crate::hint::hinted;

/// The folder of a project's own templates, as in Phoenix apps.
pub(crate) const OVERRIDES: &str = "priv/templates";

/// The templates for one project.
pub(crate) struct Templates {
    /// The project's folder, or `None` before the project exists.
    project: Option<PathBuf>,
}

impl Templates {
    /// Returns the templates for a project. The project's own templates win.
    pub(crate) fn of(project: &Path) -> Templates {
        Templates {
            project: Some(project.to_path_buf()),
        }
    }

    /// Returns the embedded templates alone.
    pub(crate) fn embedded() -> Templates {
        Templates { project: None }
    }

    /// Renders the template at `path`, such as `phx.gen.channel/channel.rs.tera`.
    pub(crate) fn render(&self, path: &str, context: &Context) -> anyhow::Result<String> {
        let own = Path::new(OVERRIDES).join(path);
        let own_text = match &self.project {
            Some(project) if project.join(&own).is_file() => {
                let text = std::fs::read_to_string(project.join(&own));
                Some(text.with_context(|| format!("cannot read {}", own.display()))?)
            }
            _ => None,
        };
        let (name, text) = match &own_text {
            Some(text) => (own.display().to_string(), text.as_str()),
            None => {
                let template = cargo_phx_templates::find(path).context("no such template")?;
                (path.to_owned(), template.source)
            }
        };

        let mut tera = Tera::new();
        // The templates write code. HTML escapes would break it.
        tera.autoescape_on(Vec::<&str>::new());
        let rendered = tera
            .add_raw_template(&name, text)
            .and_then(|()| tera.render(&name, context));
        rendered.map_err(|error| {
            hinted(
                format!("the template {name} does not render\n{error}"),
                "correct the template, or remove it to use the generator's own",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const CHANNEL: &str = "phx.gen.channel/channel.rs.tera";

    fn project(template: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(OVERRIDES).join(CHANNEL);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, template).unwrap();
        folder
    }

    #[test]
    fn the_projects_own_template_wins() {
        let folder = project("// {{ channel }} <&>\n");
        let mut context = Context::new();
        context.insert("channel", "Room<'x'>");
        let text = Templates::of(folder.path()).render(CHANNEL, &context);
        assert_eq!(text.unwrap(), "// Room<'x'> <&>\n");
    }

    #[test]
    fn a_template_that_fails_is_named_with_its_line() {
        for (template, line) in [("// ok\n{{ nothing }}\n", ":2:"), ("{% if %}\n", ":1:")] {
            let folder = project(template);
            let error = Templates::of(folder.path()).render(CHANNEL, &Context::new());
            let message = error.unwrap_err().to_string();
            let place = format!("priv/templates/{CHANNEL}{line}");
            assert!(message.contains(&place), "{message}");
        }
    }
}
