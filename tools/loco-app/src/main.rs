//! The command line of the app: `cargo run -- start`.

use loco_app::app::App;

#[tokio::main]
async fn main() -> loco_rs::Result<()> {
    loco_rs::cli::main::<App>().await
}
