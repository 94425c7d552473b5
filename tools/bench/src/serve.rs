//! Our server: the sample app, whose rooms have `ping` and `shout`.

use sample_app::SampleApp;
use tokio::net::TcpListener;

pub(crate) fn run(workers: usize) -> anyhow::Result<()> {
    let mut builder = match workers {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if workers > 1 {
        builder.worker_threads(workers);
    }
    builder.enable_all().build()?.block_on(serve())
}

async fn serve() -> anyhow::Result<()> {
    let app = SampleApp::builder().start().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    app.serve(listener).await?;
    Ok(())
}
