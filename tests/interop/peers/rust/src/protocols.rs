//! The test protocols, both sides of each. ../../README.md describes them.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::swarm::Stream;
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use tokio::sync::Barrier;

use crate::streams::InboundStream;

pub const ECHO: &str = "/echo/1.0.0";
pub const SINK: &str = "/sink/1.0.0";
pub const STALL: &str = "/stall/1.0.0";
pub const RESET: &str = "/reset/1.0.0";
pub const HALF_CLOSE: &str = "/half-close/1.0.0";
pub const PERF: &str = "/perf/1.0.0";
pub const PING: &str = "/ipfs/ping/1.0.0";

pub const SERVED: [&str; 6] = [ECHO, SINK, STALL, RESET, HALF_CLOSE, PERF];

const CHUNK_BYTES: usize = 64 << 10;
const DIGEST_BYTES: usize = 8 + 32;
const PING_BYTES: usize = 32;
const STALL_MS_MAX: u32 = 60_000;
const HALF_CLOSE_GREETING: &[u8] = b"half";

/// The bytes of one transfer: one chunk over and over, each with its number in front, so that a lost, doubled or
/// swapped chunk changes the digest.
struct Source {
    chunk: Vec<u8>,
    number: u64,
    left: u64,
    digest: Sha256,
}

impl Source {
    fn new(size: u64) -> Self {
        let seed = Instant::now();
        let chunk = (0..CHUNK_BYTES / 32)
            .flat_map(|i| Sha256::digest(format!("{seed:?} {i}")))
            .collect();
        Self { chunk, number: 0, left: size, digest: Sha256::new() }
    }

    fn next(&mut self) -> Option<&[u8]> {
        if self.left == 0 {
            return None;
        }
        self.chunk[..8].copy_from_slice(&self.number.to_be_bytes());
        self.number += 1;
        let size = self.left.min(CHUNK_BYTES as u64) as usize;
        self.left -= size as u64;
        self.digest.update(&self.chunk[..size]);
        Some(&self.chunk[..size])
    }

    fn sum(self) -> String {
        hex::encode(self.digest.finalize())
    }
}

fn error(message: impl Into<String>) -> io::Error {
    io::Error::other(message.into())
}

// Servers. A stream that is dropped while open is reset by yamux.

/// Serves one stream to its end; the value, if any, is an event for the test.
pub async fn serve(inbound: InboundStream) -> Option<Value> {
    let InboundStream { peer, protocol, mut stream } = inbound;
    let peer = peer.to_string();
    let done = match protocol.as_ref() {
        ECHO => serve_echo(&mut stream).await.map(|()| None),
        SINK => serve_digest(&mut stream).await.map(|()| None),
        STALL => serve_stall(&mut stream).await.map(|()| None),
        RESET => serve_reset(&mut stream, peer).await,
        HALF_CLOSE => serve_half_close(&mut stream, peer).await.map(Some),
        _ => serve_perf(&mut stream).await.map(|()| None),
    };
    done.ok().flatten()
}

async fn serve_echo(stream: &mut Stream) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let size = stream.read(&mut buffer).await?;
        if size == 0 {
            return stream.close().await;
        }
        stream.write_all(&buffer[..size]).await?;
        stream.flush().await?;
    }
}

async fn read_digest(stream: &mut Stream) -> io::Result<(u64, Sha256)> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut digest = Sha256::new();
    let mut count = 0;
    loop {
        let size = stream.read(&mut buffer).await?;
        if size == 0 {
            return Ok((count, digest));
        }
        digest.update(&buffer[..size]);
        count += size as u64;
    }
}

async fn serve_digest(stream: &mut Stream) -> io::Result<()> {
    let (count, digest) = read_digest(stream).await?;
    let mut answer = count.to_be_bytes().to_vec();
    answer.extend_from_slice(&digest.finalize());
    stream.write_all(&answer).await?;
    stream.close().await
}

async fn serve_stall(stream: &mut Stream) -> io::Result<()> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let stall_ms = u32::from_be_bytes(head).min(STALL_MS_MAX);
    tokio::time::sleep(Duration::from_millis(stall_ms.into())).await;
    serve_digest(stream).await
}

async fn serve_reset(stream: &mut Stream, peer: String) -> io::Result<Option<Value>> {
    let mut mode = [0];
    stream.read_exact(&mut mode).await?;
    if mode[0] != b'L' {
        return Ok(None);
    }
    stream.write_all(&mode).await?;
    stream.flush().await?;
    let how = end_name(stream).await;
    Ok(Some(json!({"event": "stream-end", "protocol": RESET, "peer": peer, "how": how})))
}

async fn serve_half_close(stream: &mut Stream, peer: String) -> io::Result<Value> {
    let mut head = [0];
    stream.read_exact(&mut head).await?;
    stream.write_all(HALF_CLOSE_GREETING).await?;
    stream.close().await?;
    let (count, digest) = read_digest(stream).await?;
    // Once both sides have closed, an end and a reset look the same here; the digest tells.
    Ok(json!({"event": "half-close", "peer": peer, "how": "eof", "bytes": count, "sha256": hex::encode(digest.finalize())}))
}

async fn serve_perf(stream: &mut Stream) -> io::Result<()> {
    let mut head = [0; 8];
    stream.read_exact(&mut head).await?;
    let mut buffer = vec![0; CHUNK_BYTES];
    while stream.read(&mut buffer).await? > 0 {}
    write_zeros(stream, u64::from_be_bytes(head)).await?;
    stream.close().await
}

async fn write_zeros(stream: &mut Stream, count: u64) -> io::Result<()> {
    let zeros = vec![0; CHUNK_BYTES];
    let mut left = count;
    while left > 0 {
        let size = left.min(CHUNK_BYTES as u64) as usize;
        stream.write_all(&zeros[..size]).await?;
        left -= size as u64;
    }
    stream.flush().await
}

/// Reads to the end and says how it came. The yamux crate reads a reset as an ordinary end, and only writing tells
/// the two apart: after a reset it fails.
async fn end_name(stream: &mut Stream) -> String {
    match read_digest(stream).await {
        Err(e) if e.kind() == io::ErrorKind::ConnectionReset => "reset".into(),
        Err(e) => e.to_string(),
        Ok(_) if stream.write_all(&[0]).await.is_err() => "reset".into(),
        Ok(_) => "eof".into(),
    }
}

// Clients.

async fn write_source(stream: &mut (impl futures::AsyncWrite + Unpin), source: &mut Source) -> io::Result<()> {
    while let Some(part) = source.next() {
        stream.write_all(part).await?;
    }
    stream.flush().await
}

/// Reads a sink's answer and the end of the stream after it.
async fn read_answer(stream: &mut Stream) -> io::Result<(u64, String)> {
    let mut answer = Vec::new();
    stream.take(DIGEST_BYTES as u64 + 1).read_to_end(&mut answer).await?;
    if answer.len() != DIGEST_BYTES {
        return Err(error(format!("the sink answered {} bytes instead of {DIGEST_BYTES}", answer.len())));
    }
    let count = u64::from_be_bytes(answer[..8].try_into().unwrap());
    Ok((count, hex::encode(&answer[8..])))
}

pub async fn ping(mut stream: Stream, count: u64) -> io::Result<Value> {
    let mut rtts = Vec::new();
    for i in 0..count {
        let start = Instant::now();
        let payload: [u8; PING_BYTES] = Sha256::digest(format!("{start:?} {i}")).into();
        stream.write_all(&payload).await?;
        stream.flush().await?;
        let mut answer = [0; PING_BYTES];
        stream.read_exact(&mut answer).await?;
        if answer != payload {
            return Err(error("the pong differs from the ping"));
        }
        rtts.push(start.elapsed().as_micros() as u64);
    }
    stream.close().await?;
    Ok(json!({ "rtt_us": rtts }))
}

/// Sends `size` bytes through one echo stream, then keeps it open until all streams of the command have got theirs
/// back, and only then closes it.
pub async fn echo(stream: Stream, size: u64, echoed: Arc<Barrier>) -> io::Result<()> {
    let (mut reader, mut writer) = stream.split();
    let mut source = Source::new(size);
    let mut digest = Sha256::new();
    let read = async {
        let mut buffer = vec![0; CHUNK_BYTES.min(size.max(1) as usize)];
        let mut left = size;
        while left > 0 {
            let want = left.min(buffer.len() as u64) as usize;
            let got = reader.read(&mut buffer[..want]).await?;
            if got == 0 {
                return Err(error("the echo ended early"));
            }
            digest.update(&buffer[..got]);
            left -= got as u64;
        }
        Ok(())
    };
    futures::try_join!(write_source(&mut writer, &mut source), read)?;
    if hex::encode(digest.finalize()) != source.sum() {
        return Err(error("the echo differs from what was sent"));
    }
    echoed.wait().await;
    writer.close().await?;
    match reader.read(&mut [0]).await? {
        0 => Ok(()),
        _ => Err(error("more came after the echo")),
    }
}

pub async fn send(mut stream: Stream, size: u64) -> io::Result<Value> {
    let start = Instant::now();
    let mut source = Source::new(size);
    write_source(&mut stream, &mut source).await?;
    stream.close().await?;
    let (remote_bytes, remote_sha256) = read_answer(&mut stream).await?;
    Ok(json!({"bytes": size, "sha256": source.sum(), "remote_bytes": remote_bytes,
        "remote_sha256": remote_sha256, "seconds": start.elapsed().as_secs_f64()}))
}

pub async fn stall(mut stream: Stream, size: u64, stall_ms: u32) -> io::Result<Value> {
    stream.write_all(&stall_ms.to_be_bytes()).await?;
    // What has been accepted when four fifths of the time are over, the reader certainly hadn't taken.
    let sent = Arc::new(AtomicU64::new(0));
    let sent_while_stalled = Arc::new(AtomicU64::new(0));
    let (from, to) = (sent.clone(), sent_while_stalled.clone());
    let timer = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(u64::from(stall_ms) * 4 / 5)).await;
        to.store(from.load(Ordering::SeqCst), Ordering::SeqCst);
    });
    let start = Instant::now();
    let mut source = Source::new(size);
    while let Some(part) = source.next() {
        let count = part.len() as u64;
        stream.write_all(part).await?;
        sent.fetch_add(count, Ordering::SeqCst);
    }
    stream.close().await?;
    let (remote_bytes, remote_sha256) = read_answer(&mut stream).await?;
    timer.abort();
    Ok(json!({"bytes": size, "sha256": source.sum(), "remote_bytes": remote_bytes, "remote_sha256": remote_sha256,
        "sent_while_stalled": sent_while_stalled.load(Ordering::SeqCst), "seconds": start.elapsed().as_secs_f64()}))
}

pub async fn perf(mut stream: Stream, upload: u64, download: u64) -> io::Result<Value> {
    let start = Instant::now();
    stream.write_all(&download.to_be_bytes()).await?;
    write_zeros(&mut stream, upload).await?;
    stream.close().await?;
    let uploaded = Instant::now();
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut received = 0;
    loop {
        let size = stream.read(&mut buffer).await?;
        if size == 0 {
            break;
        }
        received += size as u64;
    }
    Ok(json!({"uploaded": upload, "downloaded": received, "upload_seconds": (uploaded - start).as_secs_f64(),
        "download_seconds": uploaded.elapsed().as_secs_f64()}))
}

pub async fn reset(mut stream: Stream, by: &str) -> io::Result<Value> {
    if by == "remote" {
        stream.write_all(b"R").await?;
        stream.flush().await?;
        let saw = end_name(&mut stream).await;
        return Ok(json!({ "saw": saw }));
    }
    stream.write_all(b"L").await?;
    stream.flush().await?;
    let mut answer = [0];
    stream.read_exact(&mut answer).await?;
    Ok(json!({})) // Dropping the open stream resets it.
}

pub async fn half_close(mut stream: Stream, size: u64) -> io::Result<Value> {
    stream.write_all(b"H").await?;
    stream.flush().await?;
    let mut greeting = Vec::new();
    stream.read_to_end(&mut greeting).await?;
    if greeting != HALF_CLOSE_GREETING {
        return Err(error(format!("greeted with {greeting:?}")));
    }
    let mut source = Source::new(size);
    write_source(&mut stream, &mut source).await?;
    stream.close().await?;
    Ok(json!({"bytes": size, "sha256": source.sum()}))
}
