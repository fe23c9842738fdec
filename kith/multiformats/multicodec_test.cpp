#include <set>

#include <gtest/gtest.h>

#include <kith/multiformats/error.hpp>
#include <kith/multiformats/multicodec.hpp>

namespace kith::multiformats {
namespace {

TEST(Multicodec, KnowsTheRegistrysNames) {
  EXPECT_EQ(codec_name(Codec::identity), "identity");
  EXPECT_EQ(codec_name(Codec::sha2_256), "sha2-256");
  EXPECT_EQ(codec_name(Codec::blake2b_256), "blake2b-256");
  EXPECT_EQ(codec_name(Codec::blake2s_256), "blake2s-256");
  EXPECT_EQ(codec_name(Codec::blake3), "blake3");
  EXPECT_EQ(codec_name(Codec::keccak_256), "keccak-256");
  EXPECT_EQ(codec_name(Codec::dbl_sha2_256), "dbl-sha2-256");
  EXPECT_EQ(codec_name(Codec::murmur3_x64_64), "murmur3-x64-64");
  EXPECT_EQ(codec_name(Codec::sha2_512_256), "sha2-512-256");
  EXPECT_EQ(codec_name(Codec::bittorrent_pieces_root), "bittorrent-pieces-root");
  EXPECT_EQ(codec_name(Codec::raw), "raw");
  EXPECT_EQ(codec_name(Codec::dag_pb), "dag-pb");
  EXPECT_EQ(codec_name(Codec::dag_cbor), "dag-cbor");
  EXPECT_EQ(codec_name(Codec::dag_json), "dag-json");
  EXPECT_EQ(codec_name(Codec::dag_jose), "dag-jose");
  EXPECT_EQ(codec_name(Codec::libp2p_key), "libp2p-key");
  EXPECT_EQ(codec_name(Codec::torrent_info), "torrent-info");
  EXPECT_EQ(codec_name(Codec::git_raw), "git-raw");
  EXPECT_EQ(codec_name(Codec::libp2p_peer_record), "libp2p-peer-record");
  EXPECT_EQ(codec_name(Codec::transport_ipfs_gateway_http), "transport-ipfs-gateway-http");
  EXPECT_EQ(codec_name(static_cast<Codec>(0x77777777)), std::nullopt);
}

TEST(Multicodec, FindsEachRowByItsNameAndCode) {
  std::set<std::string_view> names;
  for (const CodecInfo& row : all_codecs()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(find_codec(row.code), &row);
    EXPECT_EQ(codec_from_name(row.name), row.code);
  }
  EXPECT_EQ(codec_from_name("DAG-PB"), std::nullopt);
  EXPECT_EQ(codec_from_name(""), std::nullopt);
}

TEST(Multicodec, TellsHashFunctionsFromContent) {
  EXPECT_EQ(find_codec(Codec::sha2_256)->tag, CodecTag::multihash);
  EXPECT_EQ(find_codec(Codec::murmur3_x64_64)->tag, CodecTag::hash);
  EXPECT_EQ(find_codec(Codec::dag_pb)->tag, CodecTag::ipld);
  EXPECT_EQ(find_codec(static_cast<Codec>(4))->tag, CodecTag::multiaddr);
}

TEST(MultiformatsError, HasASentenceForEachCode) {
  std::set<std::string> sentences;
  for (int code = 1; code <= static_cast<int>(MultiformatsError::too_many_components); ++code) {
    std::string sentence = Error(static_cast<MultiformatsError>(code)).message();
    EXPECT_NE(sentence, "unknown error") << code;
    EXPECT_TRUE(sentences.insert(sentence).second) << sentence;
  }
}

}  // namespace
}  // namespace kith::multiformats
