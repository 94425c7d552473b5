//! The value of the app's state in a test.

use syn::{GenericArgument, Item, PathArguments, Type};

use super::Wiring;
use super::application::rust_files;
use crate::source::serve::Names;
use crate::source::{Source, paths};

/// Types whose `Default` needs one of each argument.
const OF_DEFAULTS: &[&str] = &["Arc", "Box", "Mutex", "RwLock", "Rc", "RefCell", "Cell"];

/// Types with a `Default` whatever their arguments are.
const DEFAULTS: &[&str] = &[
    "BTreeMap",
    "BTreeSet",
    "HashMap",
    "HashSet",
    "Option",
    "String",
    "Vec",
    "VecDeque",
    "bool",
    "char",
    "f32",
    "f64",
    "i128",
    "i16",
    "i32",
    "i64",
    "i8",
    "isize",
    "u128",
    "u16",
    "u32",
    "u64",
    "u8",
    "usize",
    "AtomicBool",
    "AtomicI64",
    "AtomicU64",
    "AtomicUsize",
    "PhantomData",
];

impl Wiring {
    /// Returns the value of type `ty` in a test, which needs no database and no network. In a test
    /// within the crate, the value may be a literal with private fields.
    ///
    /// Returns `None` if only the user can make it.
    pub(crate) fn test_value(&self, ty: &str, in_crate: bool) -> Option<String> {
        self.value(&syn::parse_str(ty).ok()?, in_crate, 0)
    }

    fn value(&self, ty: &Type, in_crate: bool, depth: usize) -> Option<String> {
        if depth > 8 {
            return None;
        }
        if self.has_default(ty, 0) {
            return Some("Default::default()".to_owned());
        }
        let Type::Path(path) = ty else { return None };
        let path = &path.path;
        if paths::ends_with(path, &["broadcast", "Sender"]) {
            return Some("tokio::sync::broadcast::Sender::new(16)".to_owned());
        }
        let last = path.segments.last()?;
        let full: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        if OF_DEFAULTS.contains(&&*last.ident.to_string()) && full.len() > 1 {
            let PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return None;
            };
            let GenericArgument::Type(inner) = arguments.args.first()? else {
                return None;
            };
            let inner = self.value(inner, in_crate, depth + 1)?;
            return Some(format!("{}::new({inner})", full.join("::")));
        }
        if !in_crate || full.first().is_none_or(|first| first != "crate") {
            return None;
        }
        self.literal(&last.ident.to_string(), &full.join("::"), depth)
    }

    /// Returns the literal of a struct in the crate root, or the value of an alias there.
    fn literal(&self, name: &str, path: &str, depth: usize) -> Option<String> {
        let root = self.project.crate_root();
        let text = self.plan.read(root).ok()??;
        let source = Source::parse(root, &text).ok()?;
        let names = Names::of(&source.file, &self.types_of(root));
        let named = |ty: &Type| syn::parse_str(&names.qualified(ty)?).ok();
        source.file.items.iter().find_map(|item| match item {
            Item::Struct(item) if item.ident == name && item.generics.params.is_empty() => {
                let syn::Fields::Named(fields) = &item.fields else {
                    return None;
                };
                let values: Option<Vec<String>> = fields
                    .named
                    .iter()
                    .map(|field| {
                        let value = self.value(&named(&field.ty)?, true, depth + 1)?;
                        Some(format!("{}: {value}", field.ident.as_ref()?))
                    })
                    .collect();
                Some(format!("{path} {{ {} }}", values?.join(", ")))
            }
            Item::Type(item) if item.ident == name => {
                self.value(&named(&item.ty)?, true, depth + 1)
            }
            _ => None,
        })
    }

    /// Returns whether the type is known to have a `Default`.
    fn has_default(&self, ty: &Type, depth: usize) -> bool {
        let ty = match ty {
            Type::Path(ty) if depth < 8 => &ty.path,
            Type::Tuple(tuple) => {
                return tuple.elems.iter().all(|ty| self.has_default(ty, depth + 1));
            }
            _ => return false,
        };
        let Some(last) = ty.segments.last() else {
            return false;
        };
        let name = last.ident.to_string();
        let first = ty.segments.first().map(|first| first.ident.to_string());
        let is_std = ty.segments.len() == 1
            || matches!(first.as_deref(), Some("std" | "core" | "alloc" | "tokio"));
        if is_std && DEFAULTS.contains(&&*name) {
            return true;
        }
        if is_std && OF_DEFAULTS.contains(&&*name) {
            let PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return false;
            };
            return arguments.args.iter().all(|argument| match argument {
                GenericArgument::Type(ty) => self.has_default(ty, depth + 1),
                _ => false,
            });
        }
        // A type of the app, also behind an alias, whose arguments are imported where it stands.
        let own = ty.segments.len() == 1 || first.as_deref() == Some("crate");
        own && self.declares_default(&name, depth)
    }

    /// Returns whether the project declares a type of this name with a `Default`.
    fn declares_default(&self, name: &str, depth: usize) -> bool {
        let root = &self.project.root;
        let mut files = rust_files(root, self.project.source_folder());
        files.extend(self.project.binary.clone());
        files.into_iter().any(|path| {
            let text = self.plan.read(&path).ok().flatten().unwrap_or_default();
            if !text.contains(name) {
                return false;
            }
            let Ok(source) = Source::parse(&path, &text) else {
                return false;
            };
            source.file.items.iter().any(|item| match item {
                Item::Struct(item) if item.ident == name => derives_default(&source, &item.attrs),
                Item::Enum(item) if item.ident == name => derives_default(&source, &item.attrs),
                Item::Type(item) if item.ident == name => self.has_default(&item.ty, depth + 1),
                Item::Impl(item) => {
                    let of = item.trait_.as_ref().map(|(path, _)| paths::last(path));
                    of.as_deref() == Some("Default")
                        && paths::type_name(&item.self_ty).as_deref() == Some(name)
                }
                _ => false,
            })
        })
    }
}

fn derives_default(source: &Source, attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|attr| {
        let text = source.slice(attr);
        let words = text.split(|letter: char| !letter.is_alphanumeric());
        attr.path().is_ident("derive") && words.into_iter().any(|word| word == "Default")
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::console::Console;
    use crate::project::Project;

    #[test]
    fn a_value_is_made_only_of_types_with_a_default() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).unwrap();
        write(
            "Cargo.toml",
            "[package]\nname = \"shop\"\nedition = \"2024\"\n",
        );
        write(
            "src/main.rs",
            "use std::sync::{Arc, RwLock};\nuse tokio::sync::broadcast;\nfn main() {}\n\
             struct Chat { users: RwLock<Vec<String>>, tx: broadcast::Sender<String> }\n\
             type Shared = Arc<Chat>;\ntype Db = Arc<RwLock<Todos>>;\n\
             type Pools = Arc<Pool>;\n#[derive(Clone, Default)]\nstruct Todos;\nstruct Pool;\n\
             enum Mode {}\nimpl Default for Mode {}\n#[derive(Clone)]\nstruct DefaultPool;\n",
        );
        let (mut input, mut output) = (&b""[..], Vec::new());
        let mut console = Console::new(&mut input, &mut output);
        let project = Project::find(None, folder.path(), None, &mut console).unwrap();
        let wiring = Wiring::new(project);
        for (ty, expected) in [
            ("crate::Todos", true),
            ("crate::Db", true),
            ("crate::Mode", true),
            (
                "std::sync::Arc<std::sync::Mutex<std::collections::HashMap<u8, crate::Pool>>>",
                true,
            ),
            ("(u64, String)", true),
            ("crate::Pools", false),
            ("crate::DefaultPool", false),
            ("sqlx::PgPool", false),
            ("std::sync::Arc<sqlx::PgPool>", false),
            ("std::sync::Arc<dyn Fn()>", false),
        ] {
            let value = wiring.test_value(ty, true);
            assert_eq!(value.is_some(), expected, "{ty}: {value:?}");
        }
        for ty in ["std::sync::Arc<crate::Chat>", "crate::Shared"] {
            assert_eq!(
                wiring.test_value(ty, true).as_deref(),
                Some(
                    "std::sync::Arc::new(crate::Chat { users: Default::default(), \
                     tx: tokio::sync::broadcast::Sender::new(16) })"
                )
            );
            // A test of its own crate cannot name private fields.
            assert_eq!(wiring.test_value(ty, false), None);
        }
    }
}
