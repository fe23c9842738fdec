#!/usr/bin/env python3
"""Keeps the fuzz targets complete.

Every *_fuzz.cpp is in the table of fuzz/table.inc with a seed corpus, and the table names nothing else. Every function of
a header that decodes bytes or text has a fuzz target that calls it, or an entry in EXEMPT that says why it needs none.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Header: Class::function or function -> why it has no target of its own.
EXEMPT = {
    "kith/api/detail/ethereum_node.hpp: NodeAddress::parse": "the owner's flag, or a file of our own daemon",
    "kith/api/detail/gateway_request.hpp: EntityBytes::parse": "read_wanted calls it",
    "kith/api/detail/init_config.hpp: take_config": "a file that the node's owner names",
    "kith/api/detail/values.hpp: parse_cid": "Cid::parse with a sentence around its error",
    "kith/api/detail/values.hpp: parse_path": "ContentPath::parse with a sentence around its error",
    "kith/api/detail/values.hpp: parse_peer": "PeerId::parse with a sentence around its error",
    "kith/api/detail/values.hpp: parse_peer_address": "Multiaddr::parse with a sentence around its error",
    "kith/api/parse.hpp: parse_words": "the owner's command line",
    "kith/base/duration.hpp: parse_duration": "the owner's settings and flags",
    "kith/base/varint.hpp: decode_varint": "take_varint calls it",
    "kith/crypto/detail/der.hpp: take_der": "PublicKey::decode and PrivateKey::decode call it",
    "kith/crypto/detail/der.hpp: take_der_positive": "PrivateKey::decode calls it",
    "kith/crypto/detail/der.hpp: take_der_whole": "verify_libp2p_certificate calls it",
    "kith/crypto/detail/x509.hpp: parse_x509": "verify_libp2p_certificate calls it",
    "kith/crypto/detail/x509.hpp: take_x509_extension": "verify_libp2p_certificate calls it",
    "kith/discovery/dns_message.hpp: DnsName::parse": "names of our own; decode_dns reads those of others",
    "kith/http/message.hpp: parse_fields": "parse_request_head and parse_response_head call it",
    "kith/http/uri.hpp: percent_decode": "parse_target calls it",
    "kith/http/uri.hpp: query_decode": "Query::parse calls it",
    "kith/ipld/dag_cbor.hpp: take_dag_cbor": "decode_dag_cbor and the reader of CARs call it",
    "kith/ledger/evm/detail/bn254_curve.hpp: decode_g1": "the precompiled contracts call it",
    "kith/ledger/evm/detail/bn254_curve.hpp: decode_g2": "the precompiled contract of pairings calls it",
    "kith/ledger/wallet/detail/sealed_json.hpp: parse_document": "Keystore::parse and TypedData::parse call it",
    "kith/multiformats/detail/ip_text.hpp: parse_decimal": "Multiaddr::parse calls it",
    "kith/multiformats/detail/ip_text.hpp: parse_ip4": "Multiaddr::parse calls it",
    "kith/multiformats/detail/ip_text.hpp: parse_ip6": "Multiaddr::parse calls it",
    "kith/multiformats/detail/positional.hpp: positional_decode": "multibase_decode calls it",
    "kith/multiformats/detail/utf8.hpp: take_utf8": "multibase_decode calls it",
    "kith/multiformats/multibase.hpp: base_decode": "multibase_decode calls it",
    "kith/net/ip_network.hpp: IpNetwork::parse": "the owner's settings and flags",
    "kith/net/multistream.hpp: MultistreamLines::next": "MultistreamInitiator and MultistreamResponder call it",
    "kith/node/config.hpp: parse_config": "the owner's file",
    "kith/node/config.hpp: parse_size": "the owner's settings",
    "kith/port/ip.hpp: IpAddress::from_bytes": "four or sixteen bytes, copied",
    "kith/port/log.hpp: LogLevels::parse": "the owner's environment",
    "kith/store/format.hpp: decode_number_key": "a number of the index in its fixed width",
    "kith/store/format.hpp: decode_record_header": "decode_record calls it",
    "kith/unixfs/chunker.hpp: ChunkerSpec::parse": "the owner's settings and flags",
}

# What a decoder is called. A class's own helpers come after "private:" and are left out.
NAME = r"(?:decode|parse|take|merge|open|from|unpack|gunzip|feed|receive|next)(?:_\w+)?|\w+_decode"
INPUT = r"(?:[^;{}()]*,\s*)?(?:ByteView|std::string_view|const Buffer)&? \w+"
FALLIBLE = r"(?:std::)?(?:Decoded|Parsed|Result|expected|optional)<[^;{}()]*>|Decoded|bool"
DECODER = re.compile(rf"^ *(?:static |inline |constexpr )*(?:{FALLIBLE})\s+({NAME})\(\s*{INPUT}", re.M)
SCOPE = re.compile(r"^(?:class|struct) (\w+)[^;\n]*\{$|^(\};)$|^ (private|public|protected):$", re.M)
TESTS_ONLY = re.compile(r"_test\.hpp$|/test_\w*\.hpp$|fixtures?\.hpp$")


def decoders(text):
    """The decoders that a header offers, as Class::function or function."""
    marks = sorted([*SCOPE.finditer(text), *DECODER.finditer(text)], key=lambda mark: mark.start())
    owner, hidden = "", False
    for mark in marks:
        if mark.re is DECODER:
            if not hidden:
                yield f"{owner}::{mark[1]}" if owner else mark[1]
        elif mark[1] or mark[2]:
            owner, hidden = mark[1] or "", False
        else:
            hidden = mark[3] != "public"


def is_used(decoder, sources):
    owner, _, function = decoder.rpartition("::")
    call = re.compile(rf"\b{function}\(")
    return any(call.search(source) and re.search(rf"\b{owner}\b", source) for source in sources)


def table_faults(sources):
    defined = {}
    for path, text in sources.items():
        for name in re.findall(r"^void fuzz_(\w+)\(", text, re.M):
            defined[name] = path.relative_to(ROOT)
    listed = set(re.findall(r"^KITH_FUZZ\((\w+)\)", (ROOT / "fuzz/table.inc").read_text(), re.M))
    for name in sorted(defined.keys() - listed):
        yield f"{defined[name]}: fuzz_{name} isn't in fuzz/table.inc"
    for name in sorted(listed - defined.keys()):
        yield f"fuzz/table.inc: fuzz_{name} doesn't exist"
    for name in sorted(defined.keys() & listed):
        folder = ROOT / "fuzz/corpus" / name
        if not folder.is_dir() or not any(folder.iterdir()):
            yield f"fuzz/corpus/{name}: no seed corpus for fuzz_{name}"


def decoder_faults(sources):
    unused_exemptions = set(EXEMPT)
    for path in sorted((ROOT / "kith").rglob("*.hpp")):
        if TESTS_ONLY.search(str(path)):
            continue
        for decoder in decoders(path.read_text()):
            entry = f"{path.relative_to(ROOT)}: {decoder}"
            if is_used(decoder, sources.values()):
                continue
            if entry not in EXEMPT:
                yield f"{entry} decodes, and no fuzz target calls it"
            unused_exemptions.discard(entry)
    for entry in sorted(unused_exemptions):
        yield f"{entry} needs no exemption from the fuzz targets"


def main() -> int:
    sources = {path: path.read_text() for path in sorted((ROOT / "kith").rglob("*_fuzz.cpp"))}
    faults = [*table_faults(sources), *decoder_faults(sources)]
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
