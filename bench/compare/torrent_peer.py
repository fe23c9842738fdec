#!/usr/bin/env python3
"""libtorrent as a peer that only does what it's told: no DHT, no local discovery, no port mapping, no encryption, TCP.

    torrent_peer.py make FILE TORRENT                            hashes the file
    torrent_peer.py seed TORRENT FOLDER IP                       prints its port; ends with its stdin
    torrent_peer.py leech TORRENT FOLDER IP SEED_IP SEED_PORT    prints the seconds until it has all

Runs under Debian's own Python, to which python3-libtorrent belongs.
"""

import os
import sys
import time

import libtorrent

# BitTorrent v2: SHA-256, as kith and Kubo.
PIECE_BYTES = 1 << 20
WAIT_MS = 1000
PATIENCE_SECONDS = 1200
FAULTS = (libtorrent.torrent_error_alert, libtorrent.listen_failed_alert, libtorrent.file_error_alert)


def make(path, torrent):
    storage = libtorrent.file_storage()
    libtorrent.add_files(storage, path)
    creator = libtorrent.create_torrent(storage, PIECE_BYTES, libtorrent.create_torrent_flags_t.v2_only)
    libtorrent.set_piece_hashes(creator, os.path.dirname(path))
    with open(torrent, "wb") as out:
        out.write(libtorrent.bencode(creator.generate()))


def session_on(ip):
    categories = libtorrent.alert.category_t
    return libtorrent.session({
        "listen_interfaces": f"{ip}:0", "allow_multiple_connections_per_ip": True,
        "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
        "enable_incoming_utp": False, "enable_outgoing_utp": False,
        "out_enc_policy": int(libtorrent.enc_policy.pe_disabled),
        "in_enc_policy": int(libtorrent.enc_policy.pe_disabled),
        "alert_mask": int(categories.status_notification | categories.error_notification)})


def added(session, torrent, folder, flags):
    parameters = libtorrent.add_torrent_params()
    parameters.ti = libtorrent.torrent_info(torrent)
    parameters.save_path = folder
    parameters.flags = flags
    return session.add_torrent(parameters)


def wait_for(session, matches):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        session.wait_for_alert(WAIT_MS)
        for alert in session.pop_alerts():
            if isinstance(alert, FAULTS):
                raise SystemExit(f"torrent_peer: {alert}")
            if matches(alert):
                return alert
    raise SystemExit("torrent_peer: it takes too long")


def seed(torrent, folder, ip):
    session = session_on(ip)
    listening = wait_for(session, lambda alert: isinstance(alert, libtorrent.listen_succeeded_alert))
    _torrent = added(session, torrent, folder, libtorrent.torrent_flags.seed_mode)
    print(listening.port, flush=True)
    sys.stdin.read()


def leech(torrent, folder, ip, seed_ip, seed_port):
    session = session_on(ip)
    wait_for(session, lambda alert: isinstance(alert, libtorrent.listen_succeeded_alert))
    begun = time.monotonic()
    handle = added(session, torrent, folder, libtorrent.torrent_flags.update_subscribe)
    handle.connect_peer((seed_ip, int(seed_port)))
    wait_for(session, lambda alert: isinstance(alert, libtorrent.torrent_finished_alert))
    print(time.monotonic() - begun)


if __name__ == "__main__":
    {"make": make, "seed": seed, "leech": leech}[sys.argv[1]](*sys.argv[2:])
