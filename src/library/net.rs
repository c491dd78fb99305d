//! An HTTP client that can be stopped while it waits.
//!
//! `ureq` blocks until a whole timeout has passed. Here every wait of it is cut into slices with a look at the stop flag between
//! them: a read into slices of a tenth of a second; the lookup of a name and the opening of a connection, which begin anew with
//! each slice, into slices that double.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, NextTimeout, RustlsConnector, TcpConnector, Transport,
};
use ureq::{Agent, Error};

use super::environment::Environment;

const READ_SLICE: Duration = Duration::from_millis(100);
const FIRST_SLICE: Duration = Duration::from_millis(250);

/// A client with the environment's proxy, certificates and patience; its waits end when `stop` is raised.
///
/// # Errors
/// What is wrong with the certificates that the environment names.
pub(super) fn agent(environment: &Environment, stop: &Arc<AtomicBool>) -> Result<Agent, String> {
    let roots = match &environment.certificates {
        None => RootCerts::WebPki,
        Some(path) => {
            let pem = std::fs::read(path).map_err(|e| format!("certificates {}: {e}", path.display()))?;
            let certificates = parse_pem(&pem).filter_map(Result::ok).filter_map(|item| match item {
                PemItem::Certificate(certificate) => Some(certificate),
                _ => None,
            });
            RootCerts::new_with_certs(&certificates.collect::<Vec<_>>())
        }
    };
    let config = Agent::config_builder()
        .proxy(environment.proxy.clone())
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .timeout_resolve(Some(environment.connect_timeout / 2))
        .timeout_connect(Some(environment.connect_timeout / 2))
        .timeout_recv_response(Some(environment.stall_timeout))
        .timeout_per_read(Some(environment.stall_timeout))
        .http_status_as_error(false)
        .accept_encoding("identity")
        .user_agent(concat!("ponder/", env!("CARGO_PKG_VERSION")))
        .build();
    let connector = ().chain(ConnectProxyConnector::default()).chain(Dialer { stop: Arc::clone(stop) }).chain(RustlsConnector::default());
    let resolver = Lookup { inner: DefaultResolver::default(), stop: Arc::clone(stop) };
    Ok(Agent::with_parts(config, connector, resolver))
}

/// Runs `attempt` with slices of the timeout that double, until it does anything but time out.
fn in_slices<T>(stop: &AtomicBool, whole: NextTimeout, mut attempt: impl FnMut(NextTimeout) -> Result<T, Error>) -> Result<T, Error> {
    let started = Instant::now();
    let mut slice = FIRST_SLICE;
    loop {
        let left = left_of(stop, whole, started)?;
        match attempt(NextTimeout { after: left.min(slice).into(), ..whole }) {
            Err(Error::Timeout(_)) => slice *= 2,
            other => return other,
        }
    }
}

/// What is left of a timeout; an error when nothing is, or when the person stopped.
fn left_of(stop: &AtomicBool, whole: NextTimeout, started: Instant) -> Result<Duration, Error> {
    if stop.load(Ordering::Relaxed) {
        return Err(Error::Io(io::Error::other("stopped")));
    }
    let left = whole.after.saturating_sub(started.elapsed());
    if left.is_zero() { Err(Error::Timeout(whole.reason)) } else { Ok(left) }
}

#[derive(Debug)]
struct Lookup {
    inner: DefaultResolver,
    stop: Arc<AtomicBool>,
}

impl Resolver for Lookup {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        in_slices(&self.stop, timeout, |slice| self.inner.resolve(uri, config, slice))
    }
}

/// Opens TCP connections, unless a proxy's has been opened before it in the chain.
#[derive(Debug)]
struct Dialer {
    stop: Arc<AtomicBool>,
}

impl<In: Transport> Connector<In> for Dialer {
    type Out = Either<In, Interruptible>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        if let Some(transport) = chained {
            return Ok(Some(Either::A(transport)));
        }
        let transport = in_slices(&self.stop, details.timeout, |slice| {
            let details = ConnectionDetails {
                uri: details.uri,
                addrs: details.addrs.clone(),
                config: details.config,
                request_level: details.request_level,
                resolver: details.resolver,
                now: (details.current_time)(),
                timeout: slice,
                current_time: Arc::clone(&details.current_time),
                run_connector: Arc::clone(&details.run_connector),
                register_shutdown: Arc::clone(&details.register_shutdown),
            };
            TcpConnector::default().connect(&details, None::<()>)
        })?;
        Ok(transport.map(|inner| Either::B(Interruptible { inner: Box::new(inner), stop: Arc::clone(&self.stop) })))
    }
}

/// A connection whose reads end when the flag is raised.
#[derive(Debug)]
struct Interruptible {
    inner: Box<dyn Transport>,
    stop: Arc<AtomicBool>,
}

impl Transport for Interruptible {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let whole = timeout.for_read();
        let started = Instant::now();
        loop {
            let left = left_of(&self.stop, whole, started)?;
            let slice = NextTimeout { after: left.min(READ_SLICE).into(), per_read: None, ..whole };
            match self.inner.await_input(slice) {
                Err(Error::Timeout(_)) => {}
                other => return other,
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
}
