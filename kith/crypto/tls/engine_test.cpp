#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <kith/base/prng.hpp>
#include <kith/crypto/tls/engine.hpp>
#include <kith/crypto/tls/libp2p_certificate.hpp>
#include <kith/crypto/tls/test_certificates.hpp>

namespace kith::crypto {
namespace {

using testing::make_certificate;
using testing::new_key;
using testing::Pkey;
using testing::private_der_of;

constexpr WallTime now_2026 = WallTime(1'780'000'000s);

TlsCredentials credentials_of(std::uint8_t seed) {
  auto prng = std::make_shared<Prng>(seed);
  const std::array<std::uint8_t, 32> identity{seed};
  Libp2pCertificate made =
      make_libp2p_certificate(PrivateKey::from_ed25519_seed(identity), [prng](MutableBytes out) {
        prng->fill(out);
      }).value();
  TlsCredentials credentials;
  credentials.chain.push_back(std::move(made.certificate));
  credentials.key = std::move(made.key);
  return credentials;
}

Result<void> accept_any(std::span<const ByteView>) {
  return {};
}

struct Side {
  TlsConfig config{};
  TlsSession session{};
};

Side client_side() {
  static const TlsCredentials own = credentials_of(1);
  return {{.side = TlsSide::client, .trust = TlsTrust::verifier, .credentials = &own},
          {.verifier = accept_any}};
}

Side server_side() {
  static const TlsCredentials own = credentials_of(2);
  return {{.side = TlsSide::server, .trust = TlsTrust::verifier, .credentials = &own},
          {.verifier = accept_any}};
}

TlsEngine engine_of(const Side& side) {
  auto context = TlsContext::make(side.config);
  EXPECT_TRUE(context.has_value());
  return TlsEngine::start(*context, side.session).value();
}

/// One engine and what became of it.
struct End {
  explicit End(const Side& side) : engine(engine_of(side)) {}

  /// Gives it bytes, in pieces; what they decrypt to is added to `received`.
  void take(ByteView bytes, std::size_t piece_bytes = SIZE_MAX) {
    while (!bytes.empty() && !error) {
      ByteView piece = bytes.first(std::min(bytes.size(), piece_bytes));
      bytes = bytes.subspan(piece.size());
      feed(piece);
    }
  }

  void say(std::string_view text) { ASSERT_TRUE(engine.add(as_bytes(text)).has_value()); }
  std::string_view heard() const { return as_text(received); }

  TlsEngine engine;
  Bytes received;
  std::optional<Error> error;

 private:
  void feed(ByteView piece) {
    while (!error) {
      const bool was_finished = engine.finished();
      if (!was_finished) {
        auto advanced = engine.advance(piece);
        if (!advanced) error = advanced.error();
        if (!engine.finished()) break;
      }
      std::array<std::uint8_t, 5000> room;
      auto size = engine.read(piece, room);
      if (!size) error = size.error();
      if (!size || *size == 0) break;
      append(received, ByteView(room).first(*size));
    }
    if (!error && !engine.ended()) EXPECT_TRUE(piece.empty());
  }
};

struct Pair {
  Pair(const Side& client_config, const Side& server_config)
      : client(client_config), server(server_config) {}
  Pair() : Pair(client_side(), server_side()) {}

  /// Carries bytes to and fro until both are silent.
  void run(std::size_t piece_bytes = SIZE_MAX) {
    for (;;) {
      const Bytes to_server = client.engine.take_output();
      server.take(to_server, piece_bytes);
      const Bytes to_client = server.engine.take_output();
      client.take(to_client, piece_bytes);
      if (to_server.empty() && to_client.empty()) break;
    }
  }

  bool finished() const { return client.engine.finished() && server.engine.finished(); }

  End client;
  End server;
};

TEST(TlsEngine, CarriesBytesBothWays) {
  Pair pair;
  pair.run();
  ASSERT_TRUE(pair.finished());
  EXPECT_EQ(pair.client.engine.version(), "TLSv1.3");
  EXPECT_EQ(pair.server.engine.version(), "TLSv1.3");
  EXPECT_EQ(pair.client.engine.protocol(), "");
  pair.client.say("from the client");
  pair.server.say("from the server");
  pair.run();
  EXPECT_EQ(pair.server.heard(), "from the client");
  EXPECT_EQ(pair.client.heard(), "from the server");
}

TEST(TlsEngine, PrefersAesWhereTheMachineHasIt) {
  Pair pair;
  pair.run();
#if defined(__x86_64__)
  const bool aes = __builtin_cpu_supports("aes");
  EXPECT_EQ(pair.client.engine.cipher(),
            aes ? "TLS_AES_128_GCM_SHA256" : "TLS_CHACHA20_POLY1305_SHA256");
#endif
  EXPECT_EQ(pair.client.engine.cipher(), pair.server.engine.cipher());
}

TEST(TlsEngine, WorksWhereverTheBytesAreCut) {
  for (std::size_t piece : {1, 2, 5, 6, 100}) {
    Pair pair;
    pair.run(piece);
    ASSERT_TRUE(pair.finished()) << piece;
    const std::string text(40'000, 'x');
    pair.client.say(text);
    pair.run(piece);
    EXPECT_EQ(pair.server.heard(), text);
  }
}

TEST(TlsEngine, CarriesAmountsOfEverySizeInOrder) {
  Pair pair;
  pair.run();
  Prng prng(1);
  Bytes sent;
  for (std::size_t size : {0, 1, 100, 16'383, 16'384, 16'385, 1, 50'000, 16'384, 3, 200'000}) {
    Bytes part(size);
    prng.fill(part);
    ASSERT_TRUE(pair.client.engine.add(part).has_value());
    append(sent, part);
    if (prng.chance(0.5)) pair.run();
  }
  pair.run();
  EXPECT_EQ(pair.server.received, sent);
}

TEST(TlsEngine, GathersSmallPiecesIntoOneRecord) {
  Pair pair;
  pair.run();
  for (int i = 0; i < 100; ++i)
    pair.client.say("0123456789");
  const std::size_t pending = pair.client.engine.pending_bytes();
  EXPECT_EQ(pending, 1000 + tls_record_overhead_bytes);
  EXPECT_EQ(pair.client.engine.take_output().size(), pending);
  pair.client.say(std::string(3 * tls_record_bytes_max, 'x'));
  EXPECT_EQ(pair.client.engine.pending_bytes(),
            3 * (tls_record_bytes_max + tls_record_overhead_bytes));
}

TEST(TlsEngine, TakesTheFirstOfTheClientsProtocolsThatTheServerHas) {
  Side client = client_side();
  Side server = server_side();
  client.config.protocols = {"/mplex/6.7.0", "/yamux/1.0.0", "libp2p"};
  server.config.protocols = {"libp2p", "/yamux/1.0.0"};
  Pair pair(client, server);
  pair.run();
  ASSERT_TRUE(pair.finished());
  EXPECT_EQ(pair.client.engine.protocol(), "/yamux/1.0.0");
  EXPECT_EQ(pair.server.engine.protocol(), "/yamux/1.0.0");
}

TEST(TlsEngine, RefusesAClientThatOffersNoneOfTheServersProtocols) {
  Side client = client_side();
  Side server = server_side();
  client.config.protocols = {"h2"};
  server.config.protocols = {"libp2p"};
  Pair pair(client, server);
  pair.run();
  EXPECT_FALSE(pair.finished());
  EXPECT_TRUE(pair.server.error->is(TlsError::no_common_protocol));
  EXPECT_TRUE(pair.client.error->is(TlsAlert::no_application_protocol));
}

TEST(TlsEngine, TakesAClientThatOffersNoProtocols) {
  Side server = server_side();
  server.config.protocols = {"libp2p"};
  Pair pair(client_side(), server);
  pair.run();
  EXPECT_TRUE(pair.finished());
  EXPECT_EQ(pair.server.engine.protocol(), "");
}

TEST(TlsEngine, RefusesProtocolsThatAlpnCantCarry) {
  Side side = server_side();
  for (const std::vector<std::string>& bad :
       {std::vector<std::string>{""}, std::vector<std::string>{std::string(256, 'x')},
        std::vector<std::string>(17, "x")}) {
    side.config.protocols = bad;
    EXPECT_TRUE(TlsContext::make(side.config).error().is(Errc::invalid_argument));
  }
}

TEST(TlsEngine, ShowsEachSideTheOthersCertificate) {
  std::vector<Bytes> seen;
  auto look = [&seen](std::span<const ByteView> chain) -> Result<void> {
    for (const ByteView certificate : chain)
      seen.push_back(to_bytes(certificate));
    return {};
  };
  Side client = client_side();
  Side server = server_side();
  client.session.verifier = look;
  server.session.verifier = look;
  Pair pair(client, server);
  pair.run();
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0], server.config.credentials->chain[0]);
  EXPECT_EQ(seen[1], client.config.credentials->chain[0]);
}

TEST(TlsEngine, TellsTheServerThatItsCertificateIsRefused) {
  Side client = client_side();
  client.session.verifier = [](std::span<const ByteView>) -> Result<void> {
    return std::unexpected(CertificateError::bad_signature);
  };
  Pair pair(client, server_side());
  pair.run();
  EXPECT_TRUE(pair.client.error->is(CertificateError::bad_signature));
  EXPECT_TRUE(pair.server.error->is(TlsAlert::bad_certificate));
}

TEST(TlsEngine, TellsTheClientThatItsCertificateIsRefused) {
  Side server = server_side();
  server.session.verifier = [](std::span<const ByteView>) -> Result<void> {
    return std::unexpected(CertificateError::expired);
  };
  Pair pair(client_side(), server);
  pair.run();
  EXPECT_TRUE(pair.server.error->is(CertificateError::expired));
  // The client has finished before the server could look.
  EXPECT_TRUE(pair.client.engine.finished());
  EXPECT_TRUE(pair.client.error->is(TlsAlert::bad_certificate));
  EXPECT_FALSE(pair.client.engine.add(as_bytes("x")).has_value());
}

TEST(TlsEngine, WantsACertificateOfTheClient) {
  Side client = client_side();
  client.config.credentials = nullptr;
  Pair pair(client, server_side());
  pair.run();
  EXPECT_TRUE(pair.server.error->is(TlsError::no_certificate));
  EXPECT_TRUE(pair.client.error->is(TlsAlert::certificate_required));
}

TEST(TlsEngine, AsksNobodyForACertificateIfTheServerTrustsAnybody) {
  Side server = server_side();
  server.config.trust = TlsTrust::anybody;
  Side client = client_side();
  client.config.credentials = nullptr;
  Pair pair(client, server);
  pair.run();
  EXPECT_TRUE(pair.finished());
}

TEST(TlsEngine, SaysGoodbye) {
  Pair pair;
  pair.run();
  pair.client.say("last words");
  pair.client.engine.close();
  pair.client.engine.close();
  EXPECT_TRUE(pair.client.engine.add(as_bytes("more")).error().is(TlsError::closed));
  pair.run();
  EXPECT_EQ(pair.server.heard(), "last words");
  EXPECT_TRUE(pair.server.engine.ended());
  // The other direction goes on.
  pair.server.say("still here");
  pair.run();
  EXPECT_EQ(pair.client.heard(), "still here");
  EXPECT_FALSE(pair.client.engine.ended());
}

// The host's part: certificates of an authority of our own.

struct Authority {
  Pkey key = new_key("EC", "P-256");
  Bytes certificate =
      make_certificate({.key = key.get(), .common_name = "authority", .authority = true});

  TlsCredentials issue(std::string dns_name, const char* not_after = "20991231235959Z") {
    const Pkey host_key = new_key("EC", "P-256");
    TlsCredentials credentials;
    credentials.chain.push_back(make_certificate({.key = host_key.get(),
                                                  .signer = key.get(),
                                                  .not_after = not_after,
                                                  .common_name = "host",
                                                  .issuer_name = "authority",
                                                  .dns_name = std::move(dns_name)}));
    credentials.key = Secret(private_der_of(host_key.get()));
    return credentials;
  }
};

std::optional<Error> visit(const Authority& authority, const TlsCredentials& server_credentials,
                           std::string host) {
  Side client{{.side = TlsSide::client, .trust = TlsTrust::roots},
              {.host = std::move(host), .now = now_2026}};
  client.config.roots.push_back(authority.certificate);
  const Side server{
      {.side = TlsSide::server, .trust = TlsTrust::anybody, .credentials = &server_credentials},
      {}};
  Pair pair(client, server);
  pair.run();
  EXPECT_EQ(pair.finished(), !pair.client.error.has_value());
  return pair.client.error;
}

TEST(TlsEngine, TrustsAHostWhoseCertificateLeadsToARoot) {
  Authority authority;
  EXPECT_FALSE(visit(authority, authority.issue("kith.example"), "kith.example"));
  EXPECT_FALSE(visit(authority, authority.issue("*.kith.example"), "node.kith.example"));
}

TEST(TlsEngine, DistrustsOtherHosts) {
  Authority authority;
  Authority other;
  EXPECT_TRUE(
      visit(authority, authority.issue("kith.example"), "kith.other")->is(TlsError::wrong_host));
  EXPECT_TRUE(visit(authority, authority.issue("n*.kith.example"), "node.kith.example")
                  ->is(TlsError::wrong_host));
  EXPECT_TRUE(
      visit(authority, authority.issue("kith.example"), "127.0.0.1")->is(TlsError::wrong_host));
  EXPECT_TRUE(
      visit(authority, other.issue("kith.example"), "kith.example")->is(TlsError::untrusted));
  EXPECT_TRUE(visit(authority, authority.issue("kith.example", "20240101000000Z"), "kith.example")
                  ->is(TlsError::expired));
}

TEST(TlsEngine, ReadsTheRootsOfTheSystem) {
  TlsConfig config{.trust = TlsTrust::roots, .system_roots = true};
  EXPECT_TRUE(TlsContext::make(config).has_value());
}

TEST(TlsCredentials, AreReadFromPemAndDer) {
  Authority authority;
  const TlsCredentials own = authority.issue("kith.example");
  auto pem_of = [](const char* label, ByteView der) {
    char* text = nullptr;
    const std::unique_ptr<BIO, detail::Release<BIO_free_all>> memory(BIO_new(BIO_s_mem()));
    PEM_write_bio(memory.get(), label, "", der.data(), static_cast<long>(der.size()));
    const long size = BIO_get_mem_data(memory.get(), &text);
    return std::string(text, static_cast<std::size_t>(size));
  };
  const std::string key = pem_of("PRIVATE KEY", own.key);
  const std::string chain =
      pem_of("CERTIFICATE", own.chain[0]) + pem_of("CERTIFICATE", authority.certificate);
  auto read = read_tls_credentials(as_bytes(chain), as_bytes(key));
  ASSERT_TRUE(read.has_value()) << read.error().message();
  ASSERT_EQ(read->chain.size(), 2u);
  EXPECT_EQ(read->chain[0], own.chain[0]);
  EXPECT_EQ(read->chain[1], authority.certificate);
  EXPECT_TRUE(read->key == own.key);
  read = read_tls_credentials(own.chain[0], own.key);
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(read->key == own.key);
}

TEST(TlsCredentials, AreRefusedIfTheyDontBelongTogetherOrCantBeRead) {
  Authority authority;
  const TlsCredentials one = authority.issue("one");
  const TlsCredentials other = authority.issue("other");
  const std::string_view locked =
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
  for (const auto& [chain, key] :
       std::initializer_list<std::pair<ByteView, ByteView>>{{one.chain[0], other.key},
                                                            {one.chain[0], as_bytes("nonsense")},
                                                            {one.chain[0], as_bytes(locked)},
                                                            {as_bytes("nonsense"), one.key},
                                                            {{}, one.key},
                                                            {one.chain[0], {}}}) {
    auto read = read_tls_credentials(chain, key);
    ASSERT_FALSE(read.has_value());
    EXPECT_TRUE(read.error().is(TlsError::bad_credentials));
  }
}

// Hostile peers: they have an OpenSSL of their own, without our rules.

class Foreigner {
 public:
  explicit Foreigner(const SSL_METHOD* method) : context_(SSL_CTX_new(method)) {
    ssl_.reset();
    SSL_CTX_set_security_level(context_.get(), 0);
  }
  SSL_CTX* context() { return context_.get(); }
  SSL* ssl() { return ssl_.get(); }

  void use(const Bytes& chain_front, EVP_PKEY* key) {
    const unsigned char* at = chain_front.data();
    const testing::X509Pointer certificate(
        d2i_X509(nullptr, &at, static_cast<long>(chain_front.size())));
    SSL_CTX_use_certificate(context_.get(), certificate.get());
    ASSERT_EQ(SSL_CTX_use_PrivateKey(context_.get(), key), 1);
  }

  void start(bool client) {
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (client) {
      SSL_set_connect_state(ssl_.get());
    } else {
      SSL_set_accept_state(ssl_.get());
    }
    SSL_do_handshake(ssl_.get());
  }

  Bytes output() {
    Bytes out(static_cast<std::size_t>(BIO_pending(SSL_get_wbio(ssl_.get()))));
    if (!out.empty()) BIO_read(SSL_get_wbio(ssl_.get()), out.data(), static_cast<int>(out.size()));
    return out;
  }
  void take(ByteView bytes) {
    if (!bytes.empty())
      BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
    std::array<char, 1000> room;
    SSL_read(ssl_.get(), room.data(), room.size());
  }
  void run(End& other) {
    for (;;) {
      const Bytes there = output();
      other.take(there);
      const Bytes back = other.engine.take_output();
      take(back);
      if (there.empty() && back.empty()) break;
    }
  }

 private:
  std::unique_ptr<SSL_CTX, detail::Release<SSL_CTX_free>> context_;
  std::unique_ptr<SSL, detail::Release<SSL_free>> ssl_;
};

Side lenient_server() {
  Side server = server_side();
  server.config.trust = TlsTrust::anybody;
  return server;
}

TEST(TlsEngine, RefusesOlderVersions) {
  Foreigner old(TLS_client_method());
  SSL_CTX_set_max_proto_version(old.context(), TLS1_2_VERSION);
  old.start(true);
  End server(lenient_server());
  old.run(server);
  EXPECT_TRUE(server.error->is(TlsError::no_common_version));
}

TEST(TlsEngine, RefusesAServerOfAnOlderVersion) {
  Foreigner old(TLS_server_method());
  SSL_CTX_set_max_proto_version(old.context(), TLS1_2_VERSION);
  const Pkey key = new_key("EC", "P-256");
  old.use(make_certificate({.key = key.get()}), key.get());
  old.start(false);
  End client(client_side());
  old.run(client);
  EXPECT_TRUE(client.error->is(TlsAlert::protocol_version));
}

TEST(TlsEngine, SpeaksTls12IfItIsAskedToButNotTls11) {
  for (int version : {TLS1_2_VERSION, TLS1_1_VERSION}) {
    Foreigner old(TLS_client_method());
    SSL_CTX_set_max_proto_version(old.context(), version);
    SSL_CTX_set_min_proto_version(old.context(), TLS1_VERSION);
    SSL_CTX_set_cipher_list(old.context(), "ALL:@SECLEVEL=0");
    old.start(true);
    Side config = lenient_server();
    config.config.also_tls12 = true;
    End server(config);
    old.run(server);
    EXPECT_EQ(server.engine.finished(), version == TLS1_2_VERSION);
    if (version == TLS1_2_VERSION) {
      EXPECT_EQ(server.engine.version(), "TLSv1.2");
      EXPECT_TRUE(server.engine.cipher().starts_with("ECDHE-ECDSA-"));
      SSL_write(old.ssl(), "hello", 5);
      old.run(server);
      EXPECT_EQ(server.heard(), "hello");
    }
  }
}

TEST(TlsEngine, NoticesAPeerThatHasAnothersCertificate) {
  const Pkey own = new_key("EC", "P-256");
  const Pkey others = new_key("EC", "P-256");
  // A key whose public part is the other's: OpenSSL compares no more than that.
  std::array<std::uint8_t, 65> point;
  std::size_t point_bytes = 0;
  ASSERT_EQ(EVP_PKEY_get_octet_string_param(others.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                            point.size(), &point_bytes),
            1);
  BIGNUM* number = nullptr;
  ASSERT_EQ(EVP_PKEY_get_bn_param(own.get(), OSSL_PKEY_PARAM_PRIV_KEY, &number), 1);
  std::array<std::uint8_t, 32> scalar;
  BN_bn2nativepad(number, scalar.data(), scalar.size());
  BN_free(number);
  char group[] = "P-256";
  OSSL_PARAM parts[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point_bytes),
      OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, scalar.data(), scalar.size()),
      OSSL_PARAM_construct_end()};
  const Pkey forged = detail::pkey_from("EC", EVP_PKEY_KEYPAIR, parts);
  ASSERT_NE(forged, nullptr);

  Foreigner thief(TLS_client_method());
  thief.use(make_certificate({.key = others.get()}), forged.get());
  thief.start(true);
  End server(server_side());
  thief.run(server);
  ASSERT_TRUE(server.error.has_value());
  EXPECT_TRUE(server.error->is(TlsError::bad_signature)) << server.error->message();
}

TEST(TlsEngine, EndsAFloodOfKeyUpdates) {
  Foreigner peer(TLS_client_method());
  peer.start(true);
  End server(lenient_server());
  peer.run(server);
  ASSERT_TRUE(server.engine.finished());
  std::size_t updates = 0;
  while (!server.error && updates < 2 * tls_late_messages_max) {
    SSL_key_update(peer.ssl(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(peer.ssl());
    ++updates;
    server.take(peer.output());
    // A peer that reads no answers: they stay small.
    EXPECT_LT(server.engine.pending_bytes(), 64 * tls_late_messages_max);
    if (updates == tls_late_messages_max) {
      SSL_write(peer.ssl(), "fine", 4);
      server.take(peer.output());
      EXPECT_EQ(server.heard(), "fine");
    }
  }
  EXPECT_EQ(updates, tls_late_messages_max + 1);
  EXPECT_TRUE(server.error->is(TlsError::too_many_messages));
}

TEST(TlsEngine, EndsAFloodOfKeyUpdatesThatComeAtOnce) {
  Foreigner peer(TLS_client_method());
  peer.start(true);
  End server(lenient_server());
  peer.run(server);
  Bytes flood;
  for (std::size_t i = 0; i < 4 * tls_late_messages_max; ++i) {
    SSL_key_update(peer.ssl(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(peer.ssl());
    append(flood, peer.output());
  }
  server.take(flood);
  EXPECT_TRUE(server.error->is(TlsError::too_many_messages));
  EXPECT_LT(server.engine.pending_bytes(), 64 * tls_late_messages_max);
}

TEST(TlsEngine, RefusesToRenegotiateAndGoesOn) {
  Foreigner peer(TLS_client_method());
  SSL_CTX_set_max_proto_version(peer.context(), TLS1_2_VERSION);
  peer.start(true);
  Side config = lenient_server();
  config.config.also_tls12 = true;
  End server(config);
  peer.run(server);
  ASSERT_TRUE(server.engine.finished());
  ASSERT_EQ(SSL_renegotiate(peer.ssl()), 1);
  SSL_do_handshake(peer.ssl());
  const Bytes hello = peer.output();
  EXPECT_GT(hello.size(), 100u);
  server.take(hello);
  EXPECT_FALSE(server.error.has_value());
  constexpr std::size_t alert_bytes = 5 + 8 + 2 + 16;
  EXPECT_EQ(server.engine.pending_bytes(), alert_bytes);
  // The warning no_renegotiation, which the peer takes to heart or ends.
  server.say("still here");
  EXPECT_GT(server.engine.pending_bytes(), alert_bytes);
}

TEST(TlsEngine, TellsWhatIsNoTls) {
  for (std::string_view text : {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n",
                                "\x13/multistream/1.0.0\n"}) {
    End server(lenient_server());
    server.take(as_bytes(text));
    ASSERT_TRUE(server.error.has_value()) << text;
    EXPECT_TRUE(server.error->is(TlsError::not_tls)) << text << server.error->message();
  }
}

TEST(TlsEngine, RefusesRecordsAndMessagesThatAreTooLong) {
  const Bytes long_record = *from_hex("160301ffff");
  End server(lenient_server());
  server.take(long_record);
  EXPECT_TRUE(server.error->is(TlsError::too_long)) << server.error->message();
  // A ClientHello of 16 MiB, told by its length alone.
  const Bytes long_hello = *from_hex(
      "1603010004"
      "01ffffff");
  End other(lenient_server());
  other.take(long_hello);
  EXPECT_TRUE(other.error->is(TlsError::too_long)) << other.error->message();
}

TEST(TlsEngine, RefusesAHandshakeThatIsTooLong) {
  // A ClientHello of 120,000 bytes, whose length is allowed, of which the end never comes.
  Bytes record = *from_hex("1603014000");
  record.resize(5 + 0x4000);
  const Bytes front = *from_hex(
      "0101d4c0"
      "0303");
  End server(lenient_server());
  std::size_t taken = 0;
  for (int i = 0; i < 8 && !server.error; ++i) {
    Bytes next = record;
    if (i == 0) std::ranges::copy(front, next.begin() + 5);
    server.take(next);
    taken += next.size();
  }
  EXPECT_TRUE(server.error->is(TlsError::too_long));
  EXPECT_LE(taken, tls_handshake_bytes_max + record.size());
}

TEST(TlsEngine, RefusesAChainThatIsTooLong) {
  const Pkey key = new_key("EC", "P-256");
  const Bytes certificate = make_certificate({.key = key.get()});
  for (std::size_t length : {tls_chain_length_max, tls_chain_length_max + 1}) {
    Foreigner peer(TLS_client_method());
    peer.use(certificate, key.get());
    for (std::size_t i = 1; i < length; ++i) {
      const unsigned char* at = certificate.data();
      SSL_CTX_add_extra_chain_cert(peer.context(),
                                   d2i_X509(nullptr, &at, static_cast<long>(certificate.size())));
    }
    peer.start(true);
    std::size_t seen = 0;
    Side config = server_side();
    config.session.verifier = [&seen](std::span<const ByteView> chain) -> Result<void> {
      seen = chain.size();
      return {};
    };
    End server(config);
    peer.run(server);
    EXPECT_EQ(seen, length <= tls_chain_length_max ? length : 0);
    EXPECT_EQ(server.error.has_value(), length > tls_chain_length_max);
  }
}

TEST(TlsEngine, NoticesEveryChangedByteOfARecord) {
  for (std::size_t at = 0;; ++at) {
    Pair pair;
    pair.run();
    pair.client.say("first");
    pair.server.take(pair.client.engine.take_output());
    pair.client.say("second");
    Bytes record = pair.client.engine.take_output();
    if (at == record.size()) break;
    record[at] ^= 1;
    record.resize(record.size() + 300);  // a longer length finds its bytes
    pair.server.take(record);
    ASSERT_TRUE(pair.server.error.has_value()) << at;
    EXPECT_EQ(pair.server.heard(), "first");
  }
}

TEST(TlsEngine, HandsOutWhatCameBeforeABrokenRecord) {
  Pair pair;
  pair.run();
  pair.client.say("good");
  Bytes both = pair.client.engine.take_output();
  pair.client.say("broken");
  append(both, pair.client.engine.take_output());
  both.back() ^= 1;
  pair.server.take(both);
  EXPECT_EQ(pair.server.heard(), "good");
  EXPECT_TRUE(pair.server.error->is(TlsError::bad_record));
  // The alert is on its way, and the error stays.
  pair.client.take(pair.server.engine.take_output());
  EXPECT_TRUE(pair.client.error->is(TlsAlert::bad_record_mac));
  ByteView nothing;
  std::array<std::uint8_t, 8> room;
  EXPECT_TRUE(pair.server.engine.read(nothing, room).error().is(TlsError::bad_record));
}

TEST(TlsEngine, FinishesNoHandshakeWithAChangedByteUnlessItMeansNothing) {
  Prng prng(3);
  int finished = 0;
  for (int round = 0; round < 300; ++round) {
    Pair pair;
    std::size_t target = prng.below(2600);
    for (;;) {
      Bytes there = pair.client.engine.take_output();
      if (target < there.size()) there[target] ^= static_cast<std::uint8_t>(1 << prng.below(8));
      target -= std::min(target, there.size());
      if (target == 0) target = SIZE_MAX;
      pair.server.take(there);
      Bytes back = pair.server.engine.take_output();
      if (target < back.size()) back[target] ^= static_cast<std::uint8_t>(1 << prng.below(8));
      if (target != SIZE_MAX) target -= std::min(target, back.size());
      pair.client.take(back);
      if (there.empty() && back.empty()) break;
    }
    if (pair.client.error || pair.server.error || !pair.finished()) continue;
    ++finished;
    pair.client.say("works");
    pair.run();
    EXPECT_EQ(pair.server.heard(), "works");
  }
  // The version in a record's header, say, and targets beyond the end.
  EXPECT_LT(finished, 150);
}

TEST(TlsEngine, WaitsForTheRestWhereverTheHandshakeIsCut) {
  for (std::size_t at = 0; at < 3000; at += 7) {
    Pair pair;
    std::size_t left = at;
    bool cut = false;
    while (!cut) {
      const Bytes there = pair.client.engine.take_output();
      pair.server.take(ByteView(there).first(std::min(left, there.size())));
      cut = left < there.size();
      left -= std::min(left, there.size());
      const Bytes back = pair.server.engine.take_output();
      pair.client.take(ByteView(back).first(std::min(left, back.size())));
      cut = cut || left < back.size();
      left -= std::min(left, back.size());
      if (there.empty() && back.empty()) break;
    }
    EXPECT_FALSE(pair.client.error || pair.server.error) << at;
    if (cut) EXPECT_FALSE(pair.finished());
  }
}

}  // namespace
}  // namespace kith::crypto
