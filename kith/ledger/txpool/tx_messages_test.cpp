#include <gtest/gtest.h>

#include <kith/ledger/primitives/rlp.hpp>
#include <kith/ledger/txpool/test_pool.hpp>
#include <kith/ledger/txpool/tx_messages.hpp>

namespace kith::ledger {
namespace {

Hash hash_of(std::uint64_t number) {
  return Hash::from_word(number);
}

TxAnnouncement announcement(std::size_t count) {
  TxAnnouncement all;
  for (std::size_t i = 0; i < count; ++i)
    all.transactions.push_back({hash_of(i), 2, static_cast<std::uint32_t>(100 + i)});
  return all;
}

std::optional<TxMessageError> fault_of(ByteView input) {
  const auto read = decode_tx_message(input);
  return read ? std::nullopt : std::optional(read.error());
}

Bytes hex(std::string_view text) {
  return *from_hex(text);
}

TEST(TxMessages, HaveTheFormOfEth68) {
  // EIP-5793: types, sizes, hashes.
  const TxAnnouncement two{{{hash_of(1), 0, 5}, {hash_of(2), 2, 300}}};
  const std::string one(62, '0');
  EXPECT_EQ(to_hex(two.encode()),
            "08f84c820002c405"
            "82012cf842"
            "a0" +
                one + "01a0" + one + "02");
  const TxRequest request{.id = 7, .hashes = {hash_of(3)}};
  EXPECT_EQ(to_hex(request.encode()), "09e307e1a0" + one + "03");
  EXPECT_EQ(to_hex(encode_reply(7, {})), "0ac207c0");
}

TEST(TxMessages, AreThoseOfTheVectorsOfEip2481) {
  const Bytes get = hex(
      "09f847820457f842a000000000000000000000000000000000000000000000000000000000deadc0dea000000000"
      "000000000000000000000000000000000000000000000000feedbeef");
  const auto asked = decode_tx_message(get);
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(std::get<TxRequest>(*asked).id, 1'111U);
  EXPECT_EQ(std::get<TxRequest>(*asked).hashes,
            (std::vector{hash_of(0xdeadc0de), hash_of(0xfeedbeef)}));
  EXPECT_EQ(std::get<TxRequest>(*asked).encode(), get);
  const Bytes transactions = hex(
      "0af8d7820457f8d2f867088504a817c8088302e24894353535353535353535353535353535353535353582020080"
      "25"
      "a064b1702d9298fee62dfeccc57d322a463ad55ca201256d01f62b45b2e1c21c12a064b1702d9298fee62dfeccc5"
      "7d"
      "322a463ad55ca201256d01f62b45b2e1c21c10f867098504a817c809830334509435353535353535353535353535"
      "353535353535358202d98025a052f8f61201b2b11a78d6e866abc9c3db2ae8631fa656bfe5cb53668255367afba0"
      "52f8f61201b2b11a78d6e866abc9c3db2ae8631fa656bfe5cb53668255367afb");
  const auto sent = decode_tx_message(transactions);
  ASSERT_TRUE(sent.has_value());
  std::vector<PoolTransactionPointer> all;
  for (const ReceivedTransaction& one : std::get<TxReply>(*sent).transactions)
    all.push_back(PoolTransaction::make(one.transaction, *one.transaction.sender()));
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1]->transaction.nonce, 9U);
  EXPECT_EQ(encode_reply(1'111, all), transactions);
}

TEST(TxMessages, ReadWhatTheyWrite) {
  const auto announced_back = decode_tx_message(announcement(4'096).encode());
  ASSERT_TRUE(announced_back.has_value());
  EXPECT_EQ(std::get<TxAnnouncement>(*announced_back).transactions,
            announcement(4'096).transactions);
  TxRequest request{.id = ~0ULL, .hashes = {}};
  for (std::uint64_t i = 0; i < 256; ++i)
    request.hashes.push_back(hash_of(i));
  const auto asked = decode_tx_message(request.encode());
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(std::get<TxRequest>(*asked).hashes, request.hashes);
  EXPECT_EQ(std::get<TxRequest>(*asked).id, ~0ULL);
}

TEST(TxMessages, CarryTransactionsOfEveryForm) {
  Transaction legacy = TestTransaction{.data = 60}.plain();
  legacy.type = Transaction::Type::legacy;
  legacy.max_priority_fee = legacy.max_fee;
  const std::vector<PoolTransactionPointer> all{TestTransaction{.data = 10}.made(),
                                                PoolTransaction::make(legacy, test_address(0))};
  const auto read = decode_tx_message(encode_reply(3, all));
  ASSERT_TRUE(read.has_value());
  const auto& reply = std::get<TxReply>(*read);
  ASSERT_EQ(reply.transactions.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(reply.transactions[i].transaction, all[i]->transaction);
    EXPECT_EQ(reply.transactions[i].hash, all[i]->hash);
    EXPECT_EQ(reply.transactions[i].bytes, all[i]->bytes);
  }
}

TEST(TxMessages, RefuseEveryOtherForm) {
  using enum TxMessageError;
  EXPECT_EQ(fault_of({}), malformed);
  EXPECT_EQ(fault_of(hex("0bc0")), unknown_kind);
  EXPECT_EQ(fault_of(hex("0880")), malformed);
  EXPECT_EQ(fault_of(hex("08c3"
                         "80c0c0")),
            empty);
  EXPECT_EQ(fault_of(hex("09c2"
                         "07c0")),
            empty);
  EXPECT_EQ(fault_of(hex("09c3"
                         "0007c0")),
            malformed);  // a leading zero
  EXPECT_EQ(fault_of(hex("09c3"
                         "07c001")),
            malformed);  // a field too many
  EXPECT_EQ(fault_of(hex("09c4"
                         "07c2c101")),
            malformed);  // no hash
  EXPECT_EQ(fault_of(hex("0ac3"
                         "07c180")),
            bad_transaction);
  EXPECT_EQ(fault_of(hex("0ac3"
                         "07c1c0")),
            bad_transaction);
  Bytes behind = announcement(2).encode();
  behind.push_back(0);
  EXPECT_EQ(fault_of(behind), malformed);
}

TEST(TxMessages, OfEveryLengthCutShortAreRefused) {
  const std::vector<PoolTransactionPointer> all{TestTransaction{.data = 10}.made()};
  for (const Bytes& whole :
       {announcement(3).encode(), TxRequest{.id = 9, .hashes = {hash_of(1), hash_of(2)}}.encode(),
        encode_reply(3, all)}) {
    for (std::size_t size = 0; size < whole.size(); ++size)
      EXPECT_TRUE(fault_of(ByteView(whole).first(size)).has_value());
    EXPECT_FALSE(fault_of(whole).has_value());
  }
}

Bytes announce(std::size_t types, std::size_t sizes, std::size_t hashes) {
  Bytes out{0x08};
  RlpWriter writer(out);
  const auto message = writer.begin_list();
  writer.string(Bytes(types, 2));
  const auto size_list = writer.begin_list();
  for (std::size_t i = 0; i < sizes; ++i)
    writer.number(U256(7));
  writer.end_list(size_list);
  const auto hash_list = writer.begin_list();
  for (std::size_t i = 0; i < hashes; ++i)
    writer.hash(hash_of(i));
  writer.end_list(hash_list);
  writer.end_list(message);
  return out;
}

TEST(TxMessages, WantAsManyTypesAndSizesAsHashes) {
  EXPECT_EQ(fault_of(announce(3, 3, 3)), std::nullopt);
  EXPECT_EQ(fault_of(announce(2, 3, 3)), TxMessageError::malformed);
  EXPECT_EQ(fault_of(announce(3, 2, 3)), TxMessageError::malformed);
  EXPECT_EQ(fault_of(announce(3, 4, 3)), TxMessageError::malformed);
  EXPECT_EQ(fault_of(announce(4'097, 4'097, 4'097)), TxMessageError::too_many);
}

TEST(TxMessages, HaveTheirLimits) {
  Bytes out{0x09};
  RlpWriter writer(out);
  const auto message = writer.begin_list();
  writer.number(1);
  const auto list = writer.begin_list();
  for (std::uint64_t i = 0; i < 257; ++i)
    writer.hash(hash_of(i));
  writer.end_list(list);
  writer.end_list(message);
  EXPECT_EQ(fault_of(out), TxMessageError::too_many);
  for (const auto& [kind, bytes_max] :
       {std::pair{0x08, announcement_bytes_max}, std::pair{0x09, request_bytes_max},
        std::pair{0x0a, reply_bytes_max}}) {
    Bytes long_one(bytes_max + 2);
    long_one[0] = static_cast<std::uint8_t>(kind);
    EXPECT_EQ(fault_of(long_one), TxMessageError::too_large);
  }
  std::vector<PoolTransactionPointer> many(257, TestTransaction{}.made());
  EXPECT_EQ(fault_of(encode_reply(1, many)), TxMessageError::too_many);
  const std::vector<PoolTransactionPointer> large{
      TestTransaction{.data = pool_transaction_bytes_max}.made()};
  EXPECT_EQ(fault_of(encode_reply(1, large)), TxMessageError::bad_transaction);
}

TEST(TxMessages, AnswerWithWhatThePoolHasUntilItIsEnough) {
  TestPool test;
  test.give_many(40, U256(1'000'000'000'000'000));
  TxRequest request{.id = 1, .hashes = {hash_of(1)}};
  for (std::uint64_t from = 0; from < 40; ++from) {
    const auto one = TestTransaction{.from = from, .gas = 10'000'000, .data = 120'000}.made();
    ASSERT_TRUE(test.add(one).has_value());
    request.hashes.push_back(one->hash);
  }
  const auto answer = answer_to(request, test.pool);
  EXPECT_EQ(answer.size(), 18U);  // of 120,000 bytes each, the first beyond 2 MiB
  EXPECT_EQ(answer[0]->hash, request.hashes[1]);
  EXPECT_EQ(fault_of(encode_reply(1, answer)), std::nullopt);
}

}  // namespace
}  // namespace kith::ledger
