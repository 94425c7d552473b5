//! The hooks of the app.

use async_trait::async_trait;
use axum::Router;
use loco_rs::Result;
use loco_rs::app::{AppContext, Hooks};
use loco_rs::bgworker::Queue;
use loco_rs::boot::{BootResult, ServeParams, StartMode, create_app, shutdown_signal};
use loco_rs::config::Config;
use loco_rs::controller::AppRoutes;
use loco_rs::environment::Environment;
use loco_rs::errors::Error;
use loco_rs::task::Tasks;
use presence_channels::{Endpoint, PubSub};
use tokio::net::TcpListener;

use crate::channels::UserSocket;
use crate::controllers;

pub struct App;

#[async_trait]
impl Hooks for App {
    fn app_name() -> &'static str {
        env!("CARGO_CRATE_NAME")
    }

    async fn boot(
        mode: StartMode,
        environment: &Environment,
        config: Config,
    ) -> Result<BootResult> {
        create_app::<Self>(mode, environment, config).await
    }

    fn routes(_: &AppContext) -> AppRoutes {
        AppRoutes::with_default_routes().add_route(controllers::routes())
    }

    /// Starts the endpoint and adds its routes. Middlewares of loco do not apply to them.
    async fn after_routes(router: Router, ctx: &AppContext) -> Result<Router> {
        let endpoint = Endpoint::builder(PubSub::local())
            .socket::<UserSocket>("/socket", ctx.clone())
            .start(presence_channels::Config::default())
            .await
            .map_err(Error::wrap)?;
        ctx.shared_store.insert(endpoint.clone());
        Ok(router.merge(endpoint.router()))
    }

    /// Serves with limits on time, and stops the endpoint beside the requests under way.
    async fn serve(app: Router, ctx: &AppContext, params: &ServeParams) -> Result<()> {
        let endpoint = endpoint(ctx)?;
        let address = format!("{}:{}", params.binding, params.port);
        let listener = TcpListener::bind(address).await?;
        let ctx = ctx.clone();
        presence_channels::serve(listener, app, &endpoint)
            .with_graceful_shutdown(async move {
                shutdown_signal().await;
                Self::on_shutdown(&ctx).await;
            })
            .await?;
        Ok(())
    }

    async fn connect_workers(_: &AppContext, _: &Queue) -> Result<()> {
        Ok(())
    }

    fn register_tasks(_: &mut Tasks) {}
}

/// Returns the endpoint of the running server.
pub fn endpoint(ctx: &AppContext) -> Result<Endpoint> {
    let endpoint = ctx.shared_store.get::<Endpoint>();
    endpoint.ok_or_else(|| Error::string("this process runs no server"))
}
