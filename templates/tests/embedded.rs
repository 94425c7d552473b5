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

/// Two files for one purpose must not drift apart.
#[test]
fn the_application_of_several_nodes_differs_in_its_pubsub_alone() {
    let source = |path| {
        cargo_phx_templates::find(path)
            .expect("it is embedded")
            .source
    };
    let one = source("phx.new/src/application.rs.tera");
    let several = source("phx.new/src/cluster/application.rs.tera");
    let expected = one
        .replace(", PubSub};\n", "};\n\nuse crate::cluster;\n")
        .replace("PubSub::local()", "cluster::pubsub().await?");
    assert_eq!(several, expected);
}
