//! Every template is embedded.

use std::collections::BTreeSet;
use std::path::Path;

use walkdir::WalkDir;

fn embedded() -> BTreeSet<String> {
    cargo_phx_templates::all()
        .iter()
        .map(|template| template.path.to_owned())
        .collect()
}

#[test]
fn every_template_file_is_embedded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let on_disk: BTreeSet<String> = WalkDir::new(root)
        .into_iter()
        .map(|entry| entry.expect("the folder is readable").into_path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "tera"))
        .map(|path| {
            let relative = path.strip_prefix(root).expect("below the crate");
            relative.to_string_lossy().replace('\\', "/")
        })
        .collect();
    assert_eq!(on_disk, embedded());
}
