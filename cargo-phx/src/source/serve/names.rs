//! Types of the app's file, as the module `application` names them.

use syn::visit_mut::{self, VisitMut};
use syn::{File, Item, Type, UseTree, Visibility};

/// The names that a file declares and imports.
pub(crate) struct Names {
    /// Names, and the paths that `application` has for them.
    known: Vec<(String, Vec<String>)>,
    modules: Vec<String>,
    crate_name: String,
}

/// The crate and the file that names are looked up in.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The name of the library, else of the package.
    pub(crate) crate_name: String,
    /// The path of the file's module in the crate of `application`: `crate`, or
    /// `crate::server`. `None` if the file is of another crate, the binary beside a library.
    pub(crate) module: Option<String>,
    /// `true` if `application` is exported, so that types in it must be.
    pub(crate) public: bool,
}

/// Names that are in scope everywhere.
const PRELUDE: &[&str] = &[
    "Box", "Option", "Result", "String", "Vec", "bool", "char", "f32", "f64", "i128", "i16", "i32",
    "i64", "i8", "isize", "str", "u128", "u16", "u32", "u64", "u8", "usize", "Send", "Sync",
];

impl Names {
    pub(crate) fn of(file: &File, place: &Place) -> Names {
        let mut names = Names {
            known: Vec::new(),
            modules: Vec::new(),
            crate_name: place.crate_name.clone(),
        };
        for item in &file.items {
            if let Item::Mod(item) = item {
                names.modules.push(item.ident.to_string());
            }
        }
        let module = place.module.as_deref();
        for item in &file.items {
            let (ident, visibility) = match item {
                Item::Struct(item) => (&item.ident, &item.vis),
                Item::Enum(item) => (&item.ident, &item.vis),
                Item::Type(item) => (&item.ident, &item.vis),
                Item::Trait(item) => (&item.ident, &item.vis),
                Item::Use(item) => {
                    names.import(&item.tree, &mut Vec::new(), module);
                    continue;
                }
                _ => continue,
            };
            // A private item of the crate root is visible in the whole crate.
            let visible = match visibility {
                Visibility::Public(_) => true,
                Visibility::Restricted(_) => !place.public,
                Visibility::Inherited => !place.public && module == Some("crate"),
            };
            if let (Some(module), true) = (module, visible) {
                let mut path: Vec<String> = module.split("::").map(str::to_owned).collect();
                path.push(ident.to_string());
                names.known.push((ident.to_string(), path));
            }
        }
        names
    }

    fn import(&mut self, tree: &UseTree, path: &mut Vec<String>, module: Option<&str>) {
        let known = match tree {
            UseTree::Path(next) => {
                path.push(next.ident.to_string());
                self.import(&next.tree, path, module);
                path.pop();
                return;
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, path, module);
                }
                return;
            }
            UseTree::Name(name) if name.ident == "self" => {
                path.last().cloned().map(|last| (last, path.clone()))
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                let full = [path.clone(), vec![name.clone()]].concat();
                Some((name, full))
            }
            UseTree::Rename(rename) => {
                let mut full = path.clone();
                if rename.ident != "self" {
                    full.push(rename.ident.to_string());
                }
                Some((rename.rename.to_string(), full))
            }
            _ => None,
        };
        if let Some((name, full)) = known
            && let Some(full) = self.absolute(full, module)
        {
            self.known.push((name, full));
        }
    }

    /// Returns the path as seen from `application`.
    ///
    /// Returns `None` if `application` cannot name it.
    fn absolute(&self, mut path: Vec<String>, module: Option<&str>) -> Option<Vec<String>> {
        let first = path.first()?.clone();
        if first == self.crate_name {
            path[0] = "crate".to_owned();
            return Some(path);
        }
        match &*first {
            "crate" => module.map(|_| path),
            "self" if module == Some("crate") => {
                path[0] = "crate".to_owned();
                Some(path)
            }
            "self" | "super" => None,
            _ if self.modules.contains(&first) => {
                let mut full: Vec<String> = module?.split("::").map(str::to_owned).collect();
                full.extend(path);
                Some(full)
            }
            _ => Some(path),
        }
    }

    /// Returns the text of a type, with the full path of each name in it.
    ///
    /// Returns `None` if `application` cannot name a part of the type.
    pub(crate) fn qualified(&self, ty: &Type) -> Option<String> {
        let mut ty = ty.clone();
        let mut visit = Qualify {
            names: self,
            unknown: false,
        };
        visit.visit_type_mut(&mut ty);
        (!visit.unknown).then(|| printed(&ty))
    }
}

struct Qualify<'a> {
    names: &'a Names,
    unknown: bool,
}

impl VisitMut for Qualify<'_> {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        visit_mut::visit_path_mut(self, path);
        let Some(first) = path.segments.first().cloned() else {
            return;
        };
        let name = first.ident.to_string();
        let known = self.names.known.iter().find(|(known, _)| *known == name);
        let full = match known {
            Some((_, full)) => full.clone(),
            None if path.segments.len() == 1 => {
                self.unknown |= !PRELUDE.contains(&&*name);
                return;
            }
            None => {
                // A path from a crate, or from a module of the file.
                let Some(full) = self.names.absolute(vec![name], Some("crate")) else {
                    self.unknown = true;
                    return;
                };
                full
            }
        };
        let mut segments = syn::punctuated::Punctuated::new();
        for name in &full {
            let ident = syn::Ident::new(name, first.ident.span());
            segments.push(syn::PathSegment::from(ident));
        }
        if let Some(last) = segments.last_mut() {
            last.arguments = first.arguments;
        }
        segments.extend(path.segments.iter().skip(1).cloned());
        path.segments = segments;
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut syn::Lifetime) {
        self.unknown |= lifetime.ident != "static";
    }

    fn visit_type_infer_mut(&mut self, _: &mut syn::TypeInfer) {
        self.unknown = true;
    }
}

/// Returns the text of a type with the spaces that rustfmt leaves.
fn printed(ty: &Type) -> String {
    let tokens = quote::quote!(#ty).to_string();
    let mut text = String::new();
    for part in tokens.split_whitespace() {
        let open = text.is_empty() || text.ends_with(['<', ':', '(', '&', '[']);
        let joins = part.starts_with(['<', '>', ':', ',', ')', ']', ';']) || part == "(";
        if !open && !joins {
            text.push(' ');
        }
        text.push_str(part);
    }
    text
}
