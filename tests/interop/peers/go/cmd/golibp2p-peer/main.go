// golibp2p-peer is a go-libp2p node that a test drives over stdin and stdout.
// Its commands, events and test protocols are described in ../../../README.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/protocol/autonatv2"
	relay "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	agent           = "golibp2p-peer"
	defaultTimeout  = 60 * time.Second
	requestBytesMax = 1 << 20
)

// object is one JSON line.
type object map[string]any

type request struct {
	ID        int64  `json:"id"`
	Cmd       string `json:"cmd"`
	Addr      string `json:"addr"`
	Peer      string `json:"peer"`
	Count     int    `json:"count"`
	Bytes     int64  `json:"bytes"`
	Upload    int64  `json:"upload"`
	Download  int64  `json:"download"`
	StallMs   int64  `json:"stall_ms"`
	By        string `json:"by"`
	Topic     string `json:"topic"`
	Data      string `json:"data"`
	Protocol  string `json:"protocol"`
	Path      string `json:"path"`
	Version   int    `json:"version"`
	TimeoutMs int64  `json:"timeout_ms"`
}

type node struct {
	host host.Host

	outMu sync.Mutex
	out   *json.Encoder

	// What each peer last told us in identify; `identified` wakes those who wait.
	idMu       sync.Mutex
	identify   map[peer.ID]event.EvtPeerIdentificationCompleted
	identified chan struct{}

	topicMu sync.Mutex
	topics  *topics
	autonat *autonatv2.AutoNAT
}

func (n *node) emit(line object) {
	n.outMu.Lock()
	defer n.outMu.Unlock()
	if err := n.out.Encode(line); err != nil {
		os.Exit(1) // Nobody reads us any more.
	}
}

func (n *node) listenAddrs() []string {
	addrs := []string{}
	for _, a := range n.host.Addrs() {
		addrs = append(addrs, fmt.Sprintf("%s/p2p/%s", a, n.host.ID()))
	}
	return addrs
}

func (n *node) watchIdentify(sub event.Subscription) {
	for e := range sub.Out() {
		done := e.(event.EvtPeerIdentificationCompleted)
		n.idMu.Lock()
		if done.ObservedAddr == nil {
			// A push tells only some fields again; that of js-libp2p leaves this one out.
			done.ObservedAddr = n.identify[done.Peer].ObservedAddr
		}
		n.identify[done.Peer] = done
		close(n.identified)
		n.identified = make(chan struct{})
		n.idMu.Unlock()
	}
}

func (n *node) waitIdentify(ctx context.Context, id peer.ID) (event.EvtPeerIdentificationCompleted, error) {
	for {
		n.idMu.Lock()
		done, ok := n.identify[id]
		more := n.identified
		n.idMu.Unlock()
		if ok {
			return done, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return done, errors.New("no identify from that peer in time")
		}
	}
}

func (n *node) run(ctx context.Context, r request) (object, error) {
	switch r.Cmd {
	case "info":
		return object{"peer": n.host.ID().String(), "addrs": n.listenAddrs(), "agent": agent}, nil
	case "listen-addrs":
		return object{"addrs": n.listenAddrs()}, nil
	case "connect":
		info, err := peer.AddrInfoFromString(r.Addr)
		if err != nil {
			return nil, err
		}
		if err := n.host.Connect(ctx, *info); err != nil {
			return nil, err
		}
		return object{"peer": info.ID.String()}, nil
	case "reserve":
		info, err := peer.AddrInfoFromString(r.Addr)
		if err != nil {
			return nil, err
		}
		if err := n.host.Connect(ctx, *info); err != nil {
			return nil, err
		}
		if _, err := relay.Reserve(ctx, n.host, *info); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(info.Addrs, manet.IsIPLoopback) {
			return object{}, nil // Nobody sees us at a public address there.
		}
		return object{}, n.waitPuncher(ctx)
	case "subscribe":
		return object{}, n.subscribe(r.Topic, n.tell)
	case "publish":
		return object{}, n.publish(ctx, r.Topic, r.Data)
	case "topic-peers":
		return n.topicPeers(r.Topic)
	case "connections":
		list := []object{}
		for _, c := range n.host.Network().Conns() {
			list = append(list, object{"peer": c.RemotePeer().String(), "addr": c.RemoteMultiaddr().String(),
				"direction": directionName(c.Stat().Direction)})
		}
		return object{"connections": list}, nil
	}

	id, err := peer.Decode(r.Peer)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Cmd, err)
	}
	switch r.Cmd {
	case "disconnect":
		return object{}, n.host.Network().ClosePeer(id)
	case "ping":
		return n.ping(ctx, id, r.Count)
	case "identify":
		done, err := n.waitIdentify(ctx, id)
		if err != nil {
			return nil, err
		}
		return identifyReply(done), nil
	case "ask-autonat":
		if r.Version == 1 {
			return n.askAutonat1(ctx, id)
		}
		return n.askAutonat2(ctx)
	case "open-streams":
		return n.openStreams(ctx, id, r.Count, r.Bytes)
	case "send":
		return n.send(ctx, id, r.Bytes)
	case "stall":
		return n.stall(ctx, id, r.Bytes, time.Duration(r.StallMs)*time.Millisecond)
	case "perf":
		return n.perf(ctx, id, r.Upload, r.Download)
	case "reset":
		return n.reset(ctx, id, r.By)
	case "half-close":
		return n.halfClose(ctx, id, r.Bytes)
	case "http-get":
		return n.httpGet(ctx, id, r.Protocol, r.Path)
	}
	return nil, fmt.Errorf("unknown command %q", r.Cmd)
}

func (n *node) ping(ctx context.Context, id peer.ID, count int) (object, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rtts := []int64{}
	for result := range ping.Ping(ctx, n.host, id) {
		if result.Error != nil {
			return nil, result.Error
		}
		rtts = append(rtts, result.RTT.Microseconds())
		if len(rtts) >= count {
			return object{"rtt_us": rtts}, nil
		}
	}
	return nil, errors.New("ping ended early")
}

// Holes are punched only once the relay has told where it sees us, and calls before that stay relayed for ever.
func (n *node) waitPuncher(ctx context.Context) error {
	for !slices.Contains(n.host.Mux().Protocols(), holepunch.Protocol) {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return errors.New("no public address in time")
		}
	}
	return nil
}

func identifyReply(done event.EvtPeerIdentificationCompleted) object {
	protocols := []string{}
	for _, p := range done.Protocols {
		protocols = append(protocols, string(p))
	}
	addrs := []string{}
	for _, a := range done.ListenAddrs {
		addrs = append(addrs, a.String())
	}
	return object{"protocols": protocols, "agent": done.AgentVersion, "protocol_version": done.ProtocolVersion,
		"listen_addrs": addrs, "observed_addr": addrString(done.ObservedAddr)}
}

func addrString(a ma.Multiaddr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

func directionName(d network.Direction) string {
	if d == network.DirInbound {
		return "inbound"
	}
	return "outbound"
}

func (n *node) answer(r request) {
	timeout := defaultTimeout
	if r.TimeoutMs > 0 {
		timeout = time.Duration(r.TimeoutMs) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	reply, err := n.run(ctx, r)
	if err != nil {
		n.emit(object{"id": r.ID, "ok": false, "error": err.Error()})
		return
	}
	reply["id"] = r.ID
	reply["ok"] = true
	n.emit(reply)
}

func serveStdin(n *node) error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, requestBytesMax)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("bad request: %w", err)
		}
		go n.answer(r)
	}
	return lines.Err()
}

func securityOption(name string) (libp2p.Option, error) {
	switch name {
	case "noise":
		return libp2p.Security(noise.ID, noise.New), nil
	case "tls":
		return libp2p.Security(libp2ptls.ID, libp2ptls.New), nil
	}
	return nil, fmt.Errorf("no such security %q; there are noise and tls", name)
}

// What a node does besides what all do.
type services struct {
	relayed bool // dials and takes circuits, and punches holes
	relay   bool // is a relay of others
	autonat bool // dials others back
}

func relayOption(s services) libp2p.Option {
	switch {
	case s.relay:
		return libp2p.ChainOptions(libp2p.EnableRelayService(), libp2p.ForceReachabilityPublic())
	case s.relayed:
		return libp2p.ChainOptions(libp2p.EnableRelay(), libp2p.EnableHolePunching())
	}
	return libp2p.DisableRelay()
}

func newNode(listen []string, security libp2p.Option, s services) (*node, error) {
	h, err := libp2p.New(
		libp2p.ListenAddrStrings(listen...),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(quic.NewTransport),
		security,
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		// The default limits are for nodes in the open; here 1,000 streams at once are the point.
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.UserAgent(agent),
		relayOption(s),
		autonatOption(s.autonat),
		libp2p.DisableMetrics(),
	)
	if err != nil {
		return nil, err
	}
	n := &node{host: h, out: json.NewEncoder(os.Stdout), identify: map[peer.ID]event.EvtPeerIdentificationCompleted{},
		identified: make(chan struct{})}
	sub, err := h.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted), eventbus.BufSize(1024))
	if err != nil {
		return nil, err
	}
	go n.watchIdentify(sub)
	h.Network().Notify(&network.NotifyBundle{
		ConnectedF: func(_ network.Network, c network.Conn) {
			n.emit(object{"event": "connected", "peer": c.RemotePeer().String()})
		},
		DisconnectedF: func(_ network.Network, c network.Conn) {
			n.emit(object{"event": "disconnected", "peer": c.RemotePeer().String()})
		},
	})
	n.serveProtocols()
	if s.autonat {
		return n, n.startAutonat()
	}
	return n, nil
}

type addrList []string

func (l *addrList) String() string     { return fmt.Sprint([]string(*l)) }
func (l *addrList) Set(s string) error { *l = append(*l, s); return nil }

func main() {
	var listen addrList
	flag.Var(&listen, "listen", "multiaddr to listen on, may be repeated (default /ip4/127.0.0.1/tcp/0)")
	topic := flag.String("topic", "", "topic of gossipsub to be in and to forward")
	securityName := flag.String("security", "noise", "noise or tls")
	policy := flag.String("pubsub", "", "speak gossipsub with messages that are strict (signed) or anonymous")
	var extra services
	flag.BoolVar(&extra.relayed, "relayed", false, "dial and take circuits, and punch holes")
	flag.BoolVar(&extra.relay, "relay", false, "be a relay")
	flag.BoolVar(&extra.autonat, "autonat", false, "dial back who asks by AutoNAT, and can ask")
	flag.Parse()
	if len(listen) == 0 {
		listen = addrList{"/ip4/127.0.0.1/tcp/0"}
	}
	security, err := securityOption(*securityName)
	if err != nil {
		fmt.Fprintln(os.Stderr, "golibp2p-peer:", err)
		os.Exit(2)
	}
	n, err := newNode(listen, security, extra)
	if err != nil {
		fmt.Fprintln(os.Stderr, "golibp2p-peer:", err)
		os.Exit(1)
	}
	if *topic != "" && *policy == "" {
		*policy = "strict"
	}
	if *policy != "" {
		if err := n.startPubsub(*policy); err != nil {
			fmt.Fprintln(os.Stderr, "golibp2p-peer:", err)
			os.Exit(1)
		}
	}
	if *topic != "" {
		if err := n.subscribe(*topic, func(*pubsub.Message) {}); err != nil {
			fmt.Fprintln(os.Stderr, "golibp2p-peer:", err)
			os.Exit(1)
		}
	}
	n.emit(object{"event": "ready", "peer": n.host.ID().String(), "addrs": n.listenAddrs(), "agent": agent})
	if err := serveStdin(n); err != nil && err != io.EOF {
		fmt.Fprintln(os.Stderr, "golibp2p-peer:", err)
		os.Exit(1)
	}
	n.host.Close()
}
