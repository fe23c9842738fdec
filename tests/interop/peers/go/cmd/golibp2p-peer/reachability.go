package main

import (
	"context"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/autonat"
	"github.com/libp2p/go-libp2p/p2p/protocol/autonatv2"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Serves version 1 from the first moment, which only a node does that knows itself to be public.
func autonatOption(serve bool) libp2p.Option {
	if serve {
		return libp2p.ChainOptions(libp2p.EnableNATService(), libp2p.ForceReachabilityPublic())
	}
	return libp2p.ChainOptions()
}

// startAutonat serves version 2, and can ask by it.
func (n *node) startAutonat() error {
	dialer, err := libp2p.New(libp2p.NoListenAddrs, libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(quic.NewTransport), libp2p.DisableMetrics())
	if err != nil {
		return err
	}
	n.autonat, err = autonatv2.New(dialer)
	if err != nil {
		return err
	}
	return n.autonat.Start(n.host)
}

// askAutonat1 asks that peer to dial us: an error says that it couldn't.
func (n *node) askAutonat1(ctx context.Context, id peer.ID) (object, error) {
	if err := autonat.NewAutoNATClient(n.host, nil, nil).DialBack(ctx, id); err != nil {
		return object{"reached": false, "why": err.Error()}, nil
	}
	return object{"reached": true}, nil
}

// askAutonat2 asks whoever is connected and serves it, which takes a moment to be known, about our public addresses.
func (n *node) askAutonat2(ctx context.Context) (object, error) {
	if n.autonat == nil {
		return nil, fmt.Errorf("this needs --autonat")
	}
	var requests []autonatv2.Request
	for _, addr := range n.host.Addrs() {
		if manet.IsPublicAddr(addr) {
			requests = append(requests, autonatv2.Request{Addr: addr, SendDialData: true})
		}
	}
	for {
		result, err := n.autonat.GetReachability(ctx, requests)
		if err == nil {
			return object{"reached": result.Reachability == network.ReachabilityPublic,
				"addr": addrString(result.Addr)}, nil
		}
		if err != autonatv2.ErrNoPeers {
			return nil, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, err
		}
	}
}
