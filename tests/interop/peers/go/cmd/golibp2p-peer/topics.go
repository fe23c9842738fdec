package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
)

// topics are those of gossipsub that this node takes part in.
type topics struct {
	service *pubsub.PubSub
	joined  map[string]*pubsub.Topic
}

func dataDigest(message *pb.Message) string {
	digest := sha256.Sum256(message.GetData())
	return string(digest[:])
}

// startPubsub speaks gossipsub from now on, by this policy for signatures.
func (n *node) startPubsub(policy string) error {
	var options []pubsub.Option
	switch policy {
	case "strict":
	case "anonymous":
		// What has neither author nor number would all be one and the same message.
		options = []pubsub.Option{pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign), pubsub.WithNoAuthor(),
			pubsub.WithMessageIdFn(dataDigest)}
	default:
		return fmt.Errorf("no such policy %q; there are strict and anonymous", policy)
	}
	service, err := pubsub.NewGossipSub(context.Background(), n.host, options...)
	if err != nil {
		return err
	}
	n.topics = &topics{service: service, joined: map[string]*pubsub.Topic{}}
	return nil
}

// join gives the topic, whether joined before or not. Under topicMu.
func (n *node) join(name string) (*pubsub.Topic, error) {
	if n.topics == nil {
		return nil, errors.New("this needs --pubsub")
	}
	if joined, ok := n.topics.joined[name]; ok {
		return joined, nil
	}
	joined, err := n.topics.service.Join(name)
	if err == nil {
		n.topics.joined[name] = joined
	}
	return joined, err
}

// subscribe gives every message of the topic to `take` for as long as the process lives.
func (n *node) subscribe(name string, take func(*pubsub.Message)) error {
	n.topicMu.Lock()
	defer n.topicMu.Unlock()
	joined, err := n.join(name)
	if err != nil {
		return err
	}
	subscription, err := joined.Subscribe()
	if err != nil {
		return err
	}
	go func() {
		for {
			message, err := subscription.Next(context.Background())
			if err != nil {
				return
			}
			take(message)
		}
	}()
	return nil
}

func (n *node) tell(message *pubsub.Message) {
	from := ""
	if len(message.From) > 0 {
		from = message.GetFrom().String()
	}
	n.emit(object{"event": "message", "topic": message.GetTopic(), "from": from,
		"data": hex.EncodeToString(message.Data), "signed": len(message.Signature) > 0})
}

func (n *node) publish(ctx context.Context, name, data string) error {
	bytes, err := hex.DecodeString(data)
	if err != nil {
		return err
	}
	n.topicMu.Lock()
	joined, err := n.join(name)
	n.topicMu.Unlock()
	if err != nil {
		return err
	}
	return joined.Publish(ctx, bytes)
}

func (n *node) topicPeers(name string) (object, error) {
	n.topicMu.Lock()
	defer n.topicMu.Unlock()
	joined, err := n.join(name)
	if err != nil {
		return nil, err
	}
	peers := []string{}
	for _, id := range joined.ListPeers() {
		peers = append(peers, id.String())
	}
	return object{"peers": peers}, nil
}
