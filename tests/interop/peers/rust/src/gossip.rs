//! Gossipsub as the control protocol has it: messages of topics, in either of two signature policies.

use libp2p::gossipsub::{self, IdentTopic, Message, MessageAuthenticity, MessageId, ValidationMode};
use libp2p::identity::Keypair;
use serde_json::{json, Value};
use sha2::{Digest, Sha256};

use crate::Failure;

/// As long as others let messages be.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

#[derive(Clone, Copy)]
pub enum Policy {
    /// Signed by an author who is named.
    Strict,
    /// No author, no number, no signature.
    Anonymous,
}

impl Policy {
    pub fn named(name: &str) -> Result<Policy, Failure> {
        match name {
            "strict" => Ok(Policy::Strict),
            "anonymous" => Ok(Policy::Anonymous),
            _ => Err(format!("no such policy {name}; there are strict and anonymous").into()),
        }
    }
}

pub fn behaviour(policy: Policy, key: &Keypair) -> Result<gossipsub::Behaviour, Failure> {
    let mut config = gossipsub::ConfigBuilder::default();
    config.max_transmit_size(MESSAGE_BYTES_MAX);
    let authenticity = match policy {
        Policy::Strict => MessageAuthenticity::Signed(key.clone()),
        Policy::Anonymous => {
            // What has neither author nor number would all be one and the same message.
            config.validation_mode(ValidationMode::Anonymous);
            config.message_id_fn(|message: &Message| MessageId::new(&Sha256::digest(&message.data)));
            MessageAuthenticity::Anonymous
        }
    };
    Ok(gossipsub::Behaviour::new(authenticity, config.build()?)?)
}

/// The event that tells a message of a topic.
pub fn told(message: &Message) -> Value {
    let from = message.source.map(|author| author.to_string()).unwrap_or_default();
    json!({"event": "message", "topic": message.topic.as_str(), "from": from, "data": hex::encode(&message.data)})
}

/// What a command about a topic asks of the behaviour.
pub enum Ask {
    Subscribe,
    Publish(Vec<u8>),
    Peers,
}

pub fn ask(gossip: &mut gossipsub::Behaviour, topic: &str, ask: Ask) -> Result<Value, String> {
    let topic = IdentTopic::new(topic);
    match ask {
        Ask::Subscribe => gossip.subscribe(&topic).map(|_| json!({})).map_err(|e| e.to_string()),
        Ask::Publish(data) => gossip.publish(topic, data).map(|_| json!({})).map_err(|e| e.to_string()),
        Ask::Peers => {
            let hash = topic.hash();
            let there = gossip.all_peers().filter(|(_, topics)| topics.contains(&&hash));
            Ok(json!({"peers": there.map(|(peer, _)| peer.to_string()).collect::<Vec<_>>()}))
        }
    }
}
