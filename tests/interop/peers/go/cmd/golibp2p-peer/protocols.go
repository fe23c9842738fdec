package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	echoProtocol      = protocol.ID("/echo/1.0.0")
	sinkProtocol      = protocol.ID("/sink/1.0.0")
	stallProtocol     = protocol.ID("/stall/1.0.0")
	resetProtocol     = protocol.ID("/reset/1.0.0")
	halfCloseProtocol = protocol.ID("/half-close/1.0.0")
	perfProtocol      = protocol.ID("/perf/1.0.0")

	chunkBytes  = 64 << 10
	digestBytes = 8 + sha256.Size
	stallMsMax  = 60_000
)

var halfCloseGreeting = []byte("half")

// source gives the bytes of one transfer: one random chunk over and over, each with its number in front,
// so that a lost, doubled or swapped chunk changes the digest.
type source struct {
	chunk  []byte
	number uint64
	left   int64
	digest hash.Hash
}

func newSource(size int64) *source {
	s := &source{chunk: make([]byte, chunkBytes), left: size, digest: sha256.New()}
	rand.Read(s.chunk)
	return s
}

// next returns the next bytes, valid until the following call, or nil at the end.
func (s *source) next() []byte {
	if s.left == 0 {
		return nil
	}
	binary.BigEndian.PutUint64(s.chunk, s.number)
	s.number++
	part := s.chunk[:min(s.left, chunkBytes)]
	s.left -= int64(len(part))
	s.digest.Write(part)
	return part
}

func (s *source) sum() string { return hex.EncodeToString(s.digest.Sum(nil)) }

// Servers.

func (n *node) serveProtocols() {
	n.host.SetStreamHandler(echoProtocol, serveEcho)
	n.host.SetStreamHandler(sinkProtocol, func(s network.Stream) { serveDigest(s) })
	n.host.SetStreamHandler(stallProtocol, serveStall)
	n.host.SetStreamHandler(resetProtocol, n.serveReset)
	n.host.SetStreamHandler(halfCloseProtocol, n.serveHalfClose)
	n.host.SetStreamHandler(perfProtocol, servePerf)
}

func serveEcho(s network.Stream) {
	if _, err := io.CopyBuffer(struct{ io.Writer }{s}, struct{ io.Reader }{s}, make([]byte, chunkBytes)); err != nil {
		s.Reset()
		return
	}
	s.Close()
}

func serveDigest(s network.Stream) {
	digest := sha256.New()
	count, err := io.CopyBuffer(digest, struct{ io.Reader }{s}, make([]byte, chunkBytes))
	if err != nil {
		s.Reset()
		return
	}
	if _, err := s.Write(digest.Sum(binary.BigEndian.AppendUint64(nil, uint64(count)))); err != nil {
		s.Reset()
		return
	}
	s.Close()
}

func serveStall(s network.Stream) {
	var head [4]byte
	if _, err := io.ReadFull(s, head[:]); err != nil {
		s.Reset()
		return
	}
	stallMs := min(binary.BigEndian.Uint32(head[:]), stallMsMax)
	time.Sleep(time.Duration(stallMs) * time.Millisecond)
	serveDigest(s)
}

func (n *node) serveReset(s network.Stream) {
	var mode [1]byte
	if _, err := io.ReadFull(s, mode[:]); err != nil || mode[0] != 'L' {
		s.Reset()
		return
	}
	if _, err := s.Write(mode[:]); err != nil {
		s.Reset()
		return
	}
	_, err := io.Copy(io.Discard, s)
	n.emit(object{"event": "stream-end", "protocol": string(resetProtocol), "peer": s.Conn().RemotePeer().String(),
		"how": endName(err)})
	s.Reset()
}

func (n *node) serveHalfClose(s network.Stream) {
	defer s.Close()
	var head [1]byte
	if _, err := io.ReadFull(s, head[:]); err != nil {
		s.Reset()
		return
	}
	if _, err := s.Write(halfCloseGreeting); err != nil {
		s.Reset()
		return
	}
	s.CloseWrite()
	digest := sha256.New()
	count, err := io.Copy(digest, s)
	n.emit(object{"event": "half-close", "peer": s.Conn().RemotePeer().String(), "how": endName(err), "bytes": count,
		"sha256": hex.EncodeToString(digest.Sum(nil))})
}

func servePerf(s network.Stream) {
	var head [8]byte
	if _, err := io.ReadFull(s, head[:]); err != nil {
		s.Reset()
		return
	}
	if _, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{s}, make([]byte, chunkBytes)); err != nil {
		s.Reset()
		return
	}
	zeros := make([]byte, chunkBytes)
	for left := binary.BigEndian.Uint64(head[:]); left > 0; {
		part := zeros[:min(left, chunkBytes)]
		if _, err := s.Write(part); err != nil {
			s.Reset()
			return
		}
		left -= uint64(len(part))
	}
	s.Close()
}

func endName(err error) string {
	switch {
	case err == nil:
		return "eof"
	case errors.Is(err, network.ErrReset):
		return "reset"
	}
	return err.Error()
}

// Clients.

// open opens a stream that is reset when the context ends. The caller calls the returned function when it's done.
func (n *node) open(ctx context.Context, id peer.ID, p protocol.ID) (network.Stream, func(), error) {
	s, err := n.host.NewStream(network.WithNoDial(ctx, "the test connects"), id, p)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	return s, func() { stop(); s.Close() }, nil
}

func writeAll(w io.Writer, src *source) error {
	for part := src.next(); part != nil; part = src.next() {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// readDigest reads a sink's answer and the end of the stream after it.
func readDigest(r io.Reader) (count uint64, sum string, err error) {
	answer, err := io.ReadAll(io.LimitReader(r, digestBytes+1))
	if err != nil {
		return 0, "", err
	}
	if len(answer) != digestBytes {
		return 0, "", fmt.Errorf("the sink answered %d bytes instead of %d", len(answer), digestBytes)
	}
	return binary.BigEndian.Uint64(answer), hex.EncodeToString(answer[8:]), nil
}

func (n *node) openStreams(ctx context.Context, id peer.ID, count int, size int64) (object, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var echoed, done sync.WaitGroup
	var failed atomic.Pointer[error]
	echoed.Add(count)
	done.Add(count)
	for range count {
		go func() {
			defer done.Done()
			if err := n.echoOnce(ctx, id, size, &echoed); err != nil {
				failed.CompareAndSwap(nil, &err)
				cancel(err)
			}
		}()
	}
	done.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	return object{"streams": count, "bytes": int64(count) * size}, nil
}

// echoOnce sends size bytes through one echo stream, then keeps it open until all streams of the command have got
// theirs back, and only then closes it.
func (n *node) echoOnce(ctx context.Context, id peer.ID, size int64, echoed *sync.WaitGroup) error {
	arrive := sync.OnceFunc(echoed.Done)
	defer arrive()
	s, end, err := n.open(ctx, id, echoProtocol)
	if err != nil {
		return err
	}
	defer end()
	src := newSource(size)
	written := make(chan error, 1)
	go func() { written <- writeAll(s, src) }()
	digest := sha256.New()
	if _, err := io.CopyN(digest, s, size); err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	if err := <-written; err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	if hex.EncodeToString(digest.Sum(nil)) != src.sum() {
		return errors.New("the echo differs from what was sent")
	}
	arrive()
	echoed.Wait()
	if err := s.CloseWrite(); err != nil {
		return err
	}
	if extra, err := io.Copy(io.Discard, s); err != nil || extra != 0 {
		return fmt.Errorf("after the echo came %d bytes, %v instead of the end", extra, err)
	}
	return nil
}

func (n *node) send(ctx context.Context, id peer.ID, size int64) (object, error) {
	s, end, err := n.open(ctx, id, sinkProtocol)
	if err != nil {
		return nil, err
	}
	defer end()
	start := time.Now()
	src := newSource(size)
	if err := writeAll(s, src); err != nil {
		return nil, err
	}
	if err := s.CloseWrite(); err != nil {
		return nil, err
	}
	count, sum, err := readDigest(s)
	if err != nil {
		return nil, err
	}
	return object{"bytes": size, "sha256": src.sum(), "remote_bytes": count, "remote_sha256": sum,
		"seconds": time.Since(start).Seconds()}, nil
}

func (n *node) stall(ctx context.Context, id peer.ID, size int64, stall time.Duration) (object, error) {
	s, end, err := n.open(ctx, id, stallProtocol)
	if err != nil {
		return nil, err
	}
	defer end()
	if _, err := s.Write(binary.BigEndian.AppendUint32(nil, uint32(stall.Milliseconds()))); err != nil {
		return nil, err
	}
	// What has been accepted when four fifths of the time are over, the reader certainly hadn't taken.
	var sent, sentWhileStalled atomic.Int64
	timer := time.AfterFunc(stall*4/5, func() { sentWhileStalled.Store(sent.Load()) })
	defer timer.Stop()
	start := time.Now()
	src := newSource(size)
	for part := src.next(); part != nil; part = src.next() {
		if _, err := s.Write(part); err != nil {
			return nil, err
		}
		sent.Add(int64(len(part)))
	}
	if err := s.CloseWrite(); err != nil {
		return nil, err
	}
	count, sum, err := readDigest(s)
	if err != nil {
		return nil, err
	}
	return object{"bytes": size, "sha256": src.sum(), "remote_bytes": count, "remote_sha256": sum,
		"sent_while_stalled": sentWhileStalled.Load(), "seconds": time.Since(start).Seconds()}, nil
}

func (n *node) perf(ctx context.Context, id peer.ID, upload, download int64) (object, error) {
	s, end, err := n.open(ctx, id, perfProtocol)
	if err != nil {
		return nil, err
	}
	defer end()
	start := time.Now()
	if _, err := s.Write(binary.BigEndian.AppendUint64(nil, uint64(download))); err != nil {
		return nil, err
	}
	zeros := make([]byte, chunkBytes)
	for left := upload; left > 0; {
		part := zeros[:min(left, chunkBytes)]
		if _, err := s.Write(part); err != nil {
			return nil, err
		}
		left -= int64(len(part))
	}
	if err := s.CloseWrite(); err != nil {
		return nil, err
	}
	uploaded := time.Now()
	received, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{s}, make([]byte, chunkBytes))
	if err != nil {
		return nil, err
	}
	return object{"uploaded": upload, "downloaded": received, "upload_seconds": uploaded.Sub(start).Seconds(),
		"download_seconds": time.Since(uploaded).Seconds()}, nil
}

func (n *node) reset(ctx context.Context, id peer.ID, by string) (object, error) {
	s, end, err := n.open(ctx, id, resetProtocol)
	if err != nil {
		return nil, err
	}
	defer end()
	if by == "remote" {
		if _, err := s.Write([]byte{'R'}); err != nil {
			return nil, err
		}
		_, err := io.Copy(io.Discard, s)
		return object{"saw": endName(err)}, nil
	}
	if _, err := s.Write([]byte{'L'}); err != nil {
		return nil, err
	}
	var answer [1]byte
	if _, err := io.ReadFull(s, answer[:]); err != nil {
		return nil, err
	}
	return object{}, s.Reset()
}

func (n *node) halfClose(ctx context.Context, id peer.ID, size int64) (object, error) {
	s, end, err := n.open(ctx, id, halfCloseProtocol)
	if err != nil {
		return nil, err
	}
	defer end()
	if _, err := s.Write([]byte{'H'}); err != nil {
		return nil, err
	}
	greeting, err := io.ReadAll(s)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(greeting, halfCloseGreeting) {
		return nil, fmt.Errorf("greeted with %q", greeting)
	}
	src := newSource(size)
	if err := writeAll(s, src); err != nil {
		return nil, err
	}
	if err := s.CloseWrite(); err != nil {
		return nil, err
	}
	return object{"bytes": size, "sha256": src.sum()}, nil
}
