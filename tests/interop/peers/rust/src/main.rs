//! rustlibp2p-peer is a rust-libp2p node that a test drives over stdin and stdout.
//! Its commands, events and test protocols are described in ../../README.md.

mod gossip;
mod protocols;
mod streams;

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use libp2p::core::transport::ListenerId;
use libp2p::core::ConnectedPoint;
use libp2p::gossipsub::{IdentTopic, TopicHash};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, NetworkBehaviour, Stream, StreamProtocol, SwarmEvent};
use libp2p::{dcutr, gossipsub, identify, noise, ping, relay, tcp, tls, yamux, Multiaddr, PeerId, Swarm, SwarmBuilder};
use serde_json::{json, Value};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::{mpsc, oneshot, Barrier};

use streams::OpenRequest;

const AGENT: &str = "rustlibp2p-peer";
const DEFAULT_TIMEOUT_MS: u64 = 60_000;
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
/// As many as yamux's receive window for a whole connection (1 GiB) has room for.
const STREAMS_MAX: usize = 4096;

type Failure = Box<dyn Error + Send + Sync>;
type Reply = Result<Value, Failure>;

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    streams: streams::Behaviour,
    relayed: Toggle<relay::client::Behaviour>,
    punching: Toggle<dcutr::Behaviour>,
    relaying: Toggle<relay::Behaviour>,
    gossip: Toggle<gossipsub::Behaviour>,
}

/// What a command asks of the swarm, which lives in one task.
enum Ask {
    Connect(Multiaddr, PeerId, oneshot::Sender<Result<(), String>>),
    Disconnect(PeerId),
    Connections(oneshot::Sender<Value>),
    ListenAddrs(oneshot::Sender<Vec<String>>),
    Identify(PeerId, oneshot::Sender<identify::Info>),
    Open(PeerId, OpenRequest),
    Reserve(Multiaddr, oneshot::Sender<Result<(), String>>),
    Topic(String, gossip::Ask, oneshot::Sender<Result<Value, String>>),
}

type Asks = mpsc::UnboundedSender<Ask>;

struct Node {
    swarm: Swarm<Behaviour>,
    connections: HashMap<ConnectionId, (PeerId, ConnectedPoint)>,
    dials: HashMap<ConnectionId, oneshot::Sender<Result<(), String>>>,
    identified: HashMap<PeerId, identify::Info>,
    waiting_for_identify: Vec<(PeerId, oneshot::Sender<identify::Info>)>,
    reservations: HashMap<ListenerId, oneshot::Sender<Result<(), String>>>,
    /// The topic whose messages are only forwarded.
    untold: Option<TopicHash>,
}

fn emit(line: Value) {
    println!("{line}");
}

impl Node {
    fn listen_addrs(&self) -> Vec<String> {
        let id = *self.swarm.local_peer_id();
        self.swarm.listeners().map(|a| a.clone().with(Protocol::P2p(id)).to_string()).collect()
    }

    fn on_ask(&mut self, ask: Ask) {
        match ask {
            Ask::Connect(addr, peer, reply) => {
                if self.swarm.is_connected(&peer) {
                    let _ = reply.send(Ok(()));
                    return;
                }
                let options = DialOpts::peer_id(peer).addresses(vec![addr]).build();
                let id = options.connection_id();
                match self.swarm.dial(options) {
                    Ok(()) => {
                        self.dials.insert(id, reply);
                    }
                    Err(e) => {
                        let _ = reply.send(Err(e.to_string()));
                    }
                }
            }
            Ask::Disconnect(peer) => {
                let _ = self.swarm.disconnect_peer_id(peer);
            }
            Ask::Connections(reply) => {
                let list: Vec<Value> = self.connections.values().map(connection_line).collect();
                let _ = reply.send(json!(list));
            }
            Ask::ListenAddrs(reply) => {
                let _ = reply.send(self.listen_addrs());
            }
            Ask::Identify(peer, reply) => match self.identified.get(&peer) {
                Some(info) => {
                    let _ = reply.send(info.clone());
                }
                None => self.waiting_for_identify.push((peer, reply)),
            },
            Ask::Reserve(relay, reply) => match self.swarm.listen_on(relay.with(Protocol::P2pCircuit)) {
                Ok(listener) => {
                    self.reservations.insert(listener, reply);
                }
                Err(e) => {
                    let _ = reply.send(Err(e.to_string()));
                }
            },
            Ask::Topic(topic, ask, reply) => {
                let answer = match self.swarm.behaviour_mut().gossip.as_mut() {
                    Some(gossip) => gossip::ask(gossip, &topic, ask),
                    None => Err("this needs --pubsub".into()),
                };
                let _ = reply.send(answer);
            }
            Ask::Open(peer, request) => self.swarm.behaviour_mut().streams.open(peer, request),
        }
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.connections.insert(connection_id, (peer_id, endpoint));
                emit(json!({"event": "connected", "peer": peer_id.to_string()}));
                if let Some(reply) = self.dials.remove(&connection_id) {
                    let _ = reply.send(Ok(()));
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => {
                self.connections.remove(&connection_id);
                emit(json!({"event": "disconnected", "peer": peer_id.to_string()}));
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                if let Some(reply) = self.dials.remove(&connection_id) {
                    let _ = reply.send(Err(error.to_string()));
                }
            }
            SwarmEvent::NewListenAddr { listener_id, .. } => {
                if let Some(reply) = self.reservations.remove(&listener_id) {
                    let _ = reply.send(Ok(()));
                }
            }
            SwarmEvent::ListenerClosed { listener_id, reason, .. } => {
                if let Some(reply) = self.reservations.remove(&listener_id) {
                    let _ = reply.send(Err(format!("{reason:?}")));
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Streams(inbound)) => {
                tokio::spawn(async move {
                    if let Some(line) = protocols::serve(inbound).await {
                        emit(line);
                    }
                });
            }
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(gossipsub::Event::Message { message, .. }))
                if self.untold.as_ref() != Some(&message.topic) =>
            {
                emit(gossip::told(&message));
            }
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                let (ready, waiting) =
                    self.waiting_for_identify.drain(..).partition(|(peer, _)| *peer == peer_id);
                self.waiting_for_identify = waiting;
                for (_, reply) in Vec::from_iter::<Vec<_>>(ready) {
                    let _ = reply.send(info.clone());
                }
                self.identified.insert(peer_id, info);
            }
            _ => {}
        }
    }
}

fn connection_line((peer, endpoint): &(PeerId, ConnectedPoint)) -> Value {
    let direction = if endpoint.is_dialer() { "outbound" } else { "inbound" };
    json!({"peer": peer.to_string(), "addr": endpoint.get_remote_address().to_string(), "direction": direction})
}

fn text<'a>(request: &'a Value, key: &str) -> Result<&'a str, Failure> {
    request[key].as_str().ok_or_else(|| format!("the request lacks \"{key}\"").into())
}

fn number(request: &Value, key: &str) -> u64 {
    request[key].as_u64().unwrap_or(0)
}

async fn open(asks: &Asks, peer: PeerId, protocol: &'static str) -> Result<Stream, Failure> {
    let (reply, answer) = oneshot::channel();
    asks.send(Ask::Open(peer, OpenRequest { protocol: StreamProtocol::new(protocol), reply }))?;
    answer.await.map_err(|_| format!("{protocol}: the stream was not opened").into())
}

async fn connect(asks: &Asks, addr: &str) -> Reply {
    let addr: Multiaddr = addr.parse()?;
    let Some(Protocol::P2p(peer)) = addr.iter().last() else {
        return Err("the address lacks /p2p/".into());
    };
    let (reply, answer) = oneshot::channel();
    asks.send(Ask::Connect(addr, peer, reply))?;
    answer.await??;
    Ok(json!({"peer": peer.to_string()}))
}

async fn reserve(asks: &Asks, relay: &str) -> Reply {
    let (reply, answer) = oneshot::channel();
    asks.send(Ask::Reserve(relay.parse()?, reply))?;
    answer.await??;
    Ok(json!({}))
}

async fn topic(asks: &Asks, command: &str, request: &Value) -> Reply {
    let ask = match command {
        "subscribe" => gossip::Ask::Subscribe,
        "publish" => gossip::Ask::Publish(hex::decode(text(request, "data")?)?),
        _ => gossip::Ask::Peers,
    };
    let (reply, answer) = oneshot::channel();
    asks.send(Ask::Topic(text(request, "topic")?.into(), ask, reply))?;
    Ok(answer.await??)
}

async fn identify(asks: &Asks, peer: PeerId) -> Reply {
    let (reply, answer) = oneshot::channel();
    asks.send(Ask::Identify(peer, reply))?;
    let info = answer.await?;
    let protocols: Vec<&str> = info.protocols.iter().map(|p| p.as_ref()).collect();
    let addrs: Vec<String> = info.listen_addrs.iter().map(|a| a.to_string()).collect();
    Ok(json!({"protocols": protocols, "agent": info.agent_version, "protocol_version": info.protocol_version,
        "listen_addrs": addrs, "observed_addr": info.observed_addr.to_string()}))
}

async fn open_streams(asks: &Asks, peer: PeerId, count: u64, bytes: u64) -> Reply {
    let echoed = Arc::new(Barrier::new(count as usize));
    let run = |_| {
        let echoed = echoed.clone();
        async move {
            let stream = open(asks, peer, protocols::ECHO).await?;
            protocols::echo(stream, bytes, echoed).await.map_err(Failure::from)
        }
    };
    futures::future::try_join_all((0..count).map(run)).await?;
    Ok(json!({"streams": count, "bytes": count * bytes}))
}

async fn run(request: &Value, asks: &Asks, me: PeerId) -> Reply {
    let command = text(request, "cmd")?;
    match command {
        "info" | "listen-addrs" => {
            let (reply, answer) = oneshot::channel();
            asks.send(Ask::ListenAddrs(reply))?;
            return Ok(json!({"peer": me.to_string(), "addrs": answer.await?, "agent": AGENT}));
        }
        "connect" => return connect(asks, text(request, "addr")?).await,
        "reserve" => return reserve(asks, text(request, "addr")?).await,
        "subscribe" | "publish" | "topic-peers" => return topic(asks, command, request).await,
        "connections" => {
            let (reply, answer) = oneshot::channel();
            asks.send(Ask::Connections(reply))?;
            return Ok(json!({"connections": answer.await?}));
        }
        _ => {}
    }
    let peer: PeerId = text(request, "peer")?.parse()?;
    let bytes = number(request, "bytes");
    let reply = match command {
        "disconnect" => {
            asks.send(Ask::Disconnect(peer))?;
            json!({})
        }
        "identify" => identify(asks, peer).await?,
        "ping" => protocols::ping(open(asks, peer, protocols::PING).await?, number(request, "count")).await?,
        "open-streams" => open_streams(asks, peer, number(request, "count"), bytes).await?,
        "send" => protocols::send(open(asks, peer, protocols::SINK).await?, bytes).await?,
        "stall" => {
            let stall_ms = number(request, "stall_ms").try_into()?;
            protocols::stall(open(asks, peer, protocols::STALL).await?, bytes, stall_ms).await?
        }
        "perf" => {
            let stream = open(asks, peer, protocols::PERF).await?;
            protocols::perf(stream, number(request, "upload"), number(request, "download")).await?
        }
        "reset" => protocols::reset(open(asks, peer, protocols::RESET).await?, text(request, "by")?).await?,
        "half-close" => protocols::half_close(open(asks, peer, protocols::HALF_CLOSE).await?, bytes).await?,
        _ => return Err(format!("unknown command \"{command}\"").into()),
    };
    Ok(reply)
}

async fn answer(request: Value, asks: Asks, me: PeerId) {
    let timeout_ms = request["timeout_ms"].as_u64().unwrap_or(DEFAULT_TIMEOUT_MS);
    let done = tokio::time::timeout(Duration::from_millis(timeout_ms), run(&request, &asks, me)).await;
    let mut line = match done {
        Ok(Ok(mut reply)) => {
            reply["ok"] = json!(true);
            reply
        }
        Ok(Err(e)) => json!({"ok": false, "error": e.to_string()}),
        Err(_) => json!({"ok": false, "error": "not done in time"}),
    };
    line["id"] = request["id"].clone();
    emit(line);
}

fn muxer() -> yamux::Config {
    let mut muxer = yamux::Config::default();
    muxer.set_max_num_streams(STREAMS_MAX);
    muxer
}

/// A node's swarm whose streams of TCP are secured by this one protocol, whose type is part of the builder's.
macro_rules! swarm_with {
    ($security:expr, $arguments:expr) => {{
        SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default(), $security, muxer)?
            .with_quic_config(|mut config| {
                config.max_concurrent_stream_limit = STREAMS_MAX as u32;
                config
            })
            .with_relay_client($security, muxer)?
            .with_behaviour(|key, relay| Ok::<_, Failure>(Behaviour {
                identify: identify::Behaviour::new(
                    identify::Config::new("kith-interop/1.0.0".into(), key.public()).with_agent_version(AGENT.into()),
                ),
                ping: ping::Behaviour::default(),
                streams: streams::Behaviour::new(&protocols::SERVED),
                relayed: $arguments.relayed.then_some(relay).into(),
                punching: $arguments.relayed.then(|| dcutr::Behaviour::new(key.public().to_peer_id())).into(),
                relaying: $arguments.relay.then(|| relay::Behaviour::new(key.public().to_peer_id(), Default::default())).into(),
                gossip: $arguments.pubsub.map(|policy| gossip::behaviour(policy, key)).transpose()?.into(),
            }))?
            .with_swarm_config(|config| {
                config
                    .with_idle_connection_timeout(IDLE_TIMEOUT)
                    .with_max_negotiating_inbound_streams(STREAMS_MAX)
            })
            .build()
    }};
}

fn new_swarm(arguments: &Arguments) -> Result<Swarm<Behaviour>, Failure> {
    match arguments.security.as_str() {
        "noise" => Ok(swarm_with!(noise::Config::new, arguments)),
        "tls" => Ok(swarm_with!(tls::Config::new, arguments)),
        security => Err(format!("no such security {security}; there are noise and tls").into()),
    }
}

struct Arguments {
    listen: Vec<Multiaddr>,
    security: String,
    relayed: bool,
    relay: bool,
    pubsub: Option<gossip::Policy>,
    topic: Option<IdentTopic>,
}

fn arguments() -> Result<Arguments, Failure> {
    let mut found = Arguments {
        listen: Vec::new(),
        security: "noise".into(),
        relayed: false,
        relay: false,
        pubsub: None,
        topic: None,
    };
    let mut given = std::env::args().skip(1);
    while let Some(flag) = given.next() {
        if flag == "--relayed" {
            found.relayed = true;
            continue;
        }
        if flag == "--relay" {
            found.relay = true;
            continue;
        }
        let value = given.next().ok_or(format!("{flag} needs a value"))?;
        match flag.trim_start_matches('-') {
            "listen" => found.listen.push(value.parse()?),
            "security" => found.security = value,
            "pubsub" => found.pubsub = Some(gossip::Policy::named(&value)?),
            "topic" => found.topic = Some(IdentTopic::new(value)),
            _ => {
                let known = "--listen MULTIADDR, --security NAME, --pubsub POLICY, --topic TOPIC, --relay and --relayed";
                return Err(format!("unknown option {flag}; there are {known}").into());
            }
        }
    }
    if found.listen.is_empty() {
        found.listen.push("/ip4/127.0.0.1/tcp/0".parse()?);
    }
    if found.topic.is_some() {
        found.pubsub.get_or_insert(gossip::Policy::Strict);
    }
    Ok(found)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = arguments()?;
    let mut node = Node {
        swarm: new_swarm(&arguments)?,
        connections: HashMap::new(),
        dials: HashMap::new(),
        identified: HashMap::new(),
        waiting_for_identify: Vec::new(),
        reservations: HashMap::new(),
        untold: arguments.topic.as_ref().map(IdentTopic::hash),
    };
    if let (Some(topic), Some(gossip)) = (&arguments.topic, node.swarm.behaviour_mut().gossip.as_mut()) {
        gossip.subscribe(topic)?;
    }
    for addr in &arguments.listen {
        node.swarm.listen_on(addr.clone())?;
    }
    while node.swarm.listeners().count() < arguments.listen.len() {
        let event = node.swarm.select_next_some().await;
        if let SwarmEvent::ListenerError { error, .. } = event {
            return Err(error.into());
        }
    }
    if arguments.relay {
        // Whoever reserves is told of them; nothing else would find out that we can be reached.
        for addr in node.swarm.listeners().cloned().collect::<Vec<_>>() {
            node.swarm.add_external_address(addr);
        }
    }
    let me = *node.swarm.local_peer_id();
    emit(json!({"event": "ready", "peer": me.to_string(), "addrs": node.listen_addrs(), "agent": AGENT}));

    let (asks, mut asked) = mpsc::unbounded_channel();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            event = node.swarm.select_next_some() => node.on_event(event),
            Some(ask) = asked.recv() => node.on_ask(ask),
            line = lines.next_line() => match line? {
                Some(line) => {
                    let request = serde_json::from_str(&line)?;
                    tokio::spawn(answer(request, asks.clone(), me));
                }
                None => break,
            },
        }
    }
    // The runtime would wait for the thread that reads stdin.
    std::process::exit(0);
}
