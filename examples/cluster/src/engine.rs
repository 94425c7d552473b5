//! The engine that `ENGINE` names. Each engine needs the feature of its name.

use presence_channels::PubSub;

use crate::settings::{Engine, Settings};

pub(crate) async fn connect(settings: &Settings) -> anyhow::Result<PubSub> {
    match &settings.engine {
        #[cfg(feature = "zenoh")]
        Engine::Zenoh { listen, peers, tls } => {
            zenoh::connect(&settings.node_name, listen, peers, tls.as_ref()).await
        }
        #[cfg(feature = "nats")]
        Engine::Nats(url) => nats::connect(&settings.node_name, url).await,
        #[cfg(feature = "redis")]
        Engine::Redis(url) => redis::connect(&settings.node_name, url).await,
        #[allow(
            unreachable_patterns,
            reason = "with all features no other engine is left"
        )]
        other => anyhow::bail!(
            "ENGINE is `{name}`, but this program was built without that engine: \
             build it with --features {name}",
            name = other.name()
        ),
    }
}

#[cfg(feature = "zenoh")]
mod zenoh {
    use anyhow::Context;
    use presence_channels::PubSub;
    use presence_channels::adapters::{Peers, Zenoh, ZenohOptions, ZenohTls};

    use crate::settings::Tls;

    pub(super) async fn connect(
        name: &str,
        listen: &str,
        peers: &[String],
        tls: Option<&Tls>,
    ) -> anyhow::Result<PubSub> {
        let tls = tls.map(|tls| ZenohTls::new(&tls.ca, &tls.certificate, &tls.key));
        let options = ZenohOptions::new(name, listen, Peers::List(peers.to_vec())).tls(tls);
        let zenoh = Zenoh::connect(options)
            .await
            .context("cannot start zenoh with NODE_NAME, LISTEN, PEERS and TLS_*")?;
        Ok(PubSub::with_adapter(zenoh))
    }
}

#[cfg(feature = "nats")]
mod nats {
    use anyhow::Context;
    use presence_channels::PubSub;
    use presence_channels::adapters::{Nats, NatsOptions};

    pub(super) async fn connect(name: &str, url: &str) -> anyhow::Result<PubSub> {
        let nats = Nats::connect(NatsOptions::new(name, url))
            .await
            .context("cannot connect to the server at NATS_URL as NODE_NAME")?;
        Ok(PubSub::with_adapter(nats))
    }
}

#[cfg(feature = "redis")]
mod redis {
    use anyhow::Context;
    use presence_channels::PubSub;
    use presence_channels::adapters::redis_client::Client;
    use presence_channels::adapters::{Redis, RedisOptions};

    /// Shows an example and not the value, which may contain a password.
    const REDIS_URL: &str = "REDIS_URL is not an address like redis://user:password@host:6379";

    pub(super) async fn connect(name: &str, url: &str) -> anyhow::Result<PubSub> {
        let client = Client::open(url).context(REDIS_URL)?;
        let redis = Redis::connect(RedisOptions::new(name, client))
            .await
            .context("cannot connect to the server at REDIS_URL as NODE_NAME")?;
        Ok(PubSub::with_adapter(redis))
    }
}
