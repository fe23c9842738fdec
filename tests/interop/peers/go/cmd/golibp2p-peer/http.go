package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	libp2phttp "github.com/libp2p/go-libp2p/p2p/http"
)

const httpBodyMax = 4 << 20

// httpGet asks for a path below where the peer says that it has a protocol of HTTP, on a stream of /http/1.1.
func (n *node) httpGet(ctx context.Context, id peer.ID, name, path string) (object, error) {
	of := libp2phttp.Host{StreamHost: n.host}
	client, err := of.NamespacedClient(protocol.ID(name), peer.AddrInfo{ID: id})
	if err != nil {
		return nil, fmt.Errorf("where %s is: %w", name, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, httpBodyMax))
	if err != nil {
		return nil, err
	}
	return object{"status": response.StatusCode, "type": response.Header.Get("Content-Type"),
		"data": hex.EncodeToString(body)}, nil
}
