#include <gtest/gtest.h>

#include <kith/ledger/state/trie_root.hpp>
#include <kith/ledger/sync/eth_messages.hpp>

namespace kith::ledger {
namespace {

Hash hash_of(std::uint64_t number) {
  return Hash::from_word(number);
}

Bytes hex(std::string_view text) {
  return *from_hex(text);
}

std::optional<EthMessageError> fault_of(ByteView input) {
  const auto read = decode_eth_message(input);
  return read ? std::nullopt : std::optional(read.error());
}

template <class Message>
Message read_as(ByteView input) {
  const auto read = decode_eth_message(input);
  EXPECT_TRUE(read.has_value());
  return std::get<Message>(*read);
}

std::string zeros(std::size_t bytes) {
  return std::string(2 * bytes, '0');
}

/// The header of EIP-2481's vectors.
std::string header_vector() {
  return "f901f9a0" + zeros(32) + "a0" + zeros(32) + "94" + zeros(20) + "a0" + zeros(32) + "a0" +
         zeros(32) + "a0" + zeros(32) + "b90100" + zeros(256) +
         "8208ae820d0582115c8215b3821a0a827788a0" + zeros(32) + "88" + zeros(8);
}

const std::string transactions_vector =
    "f8d2f867088504a817c8088302e248943535353535353535353535353535353535353535820200802"
    "5a064b1702d9298fee62dfeccc57d322a463ad55ca201256d01f62b45b2e1c21c12a064b1702d9298"
    "fee62dfeccc57d322a463ad55ca201256d01f62b45b2e1c21c10f867098504a817c80983033450943"
    "5353535353535353535353535353535353535358202d98025a052f8f61201b2b11a78d6e866abc9c3"
    "db2ae8631fa656bfe5cb53668255367afba052f8f61201b2b11a78d6e866abc9c3db2ae8631fa656b"
    "fe5cb53668255367afb";

TEST(EthMessages, AreThoseOfTheVectorsOfEip2481) {
  const GetHeaders by_hash{.id = 1'111, .start = hash_of(0xdeadc0de), .amount = 5, .skip = 5};
  EXPECT_EQ(to_hex(by_hash.encode()), "03e8820457e4a0" + zeros(28) + "deadc0de050580");
  const GetHeaders by_number{.id = 1'111, .start = 9'999ULL, .amount = 5, .skip = 5};
  EXPECT_EQ(to_hex(by_number.encode()), "03ca820457c682270f050580");
  EXPECT_EQ(read_as<GetHeaders>(by_hash.encode()), by_hash);
  EXPECT_EQ(read_as<GetHeaders>(by_number.encode()), by_number);
  const std::string two = "820457f842a0" + zeros(28) + "deadc0dea0" + zeros(28) + "feedbeef";
  const GetBodies bodies{.id = 1'111, .hashes = {hash_of(0xdeadc0de), hash_of(0xfeedbeef)}};
  const GetReceipts receipts{.id = 1'111, .hashes = bodies.hashes};
  EXPECT_EQ(to_hex(bodies.encode()), "05f847" + two);
  EXPECT_EQ(to_hex(receipts.encode()), "0ff847" + two);
  EXPECT_EQ(read_as<GetBodies>(bodies.encode()), bodies);
  EXPECT_EQ(read_as<GetReceipts>(receipts.encode()), receipts);
}

TEST(EthMessages, CarryTheHeaderOfEip2481) {
  const Bytes message = hex("04f90202820457f901fc" + header_vector());
  const auto read = read_as<Headers>(message);
  EXPECT_EQ(read.id, 1'111U);
  ASSERT_EQ(read.headers.size(), 1U);
  EXPECT_EQ(read.headers[0].header.number, 0xd05U);
  EXPECT_EQ(read.headers[0].hash.to_hex(),
            "0x8c2f2af15b7b563b6ab1e09bed0e9caade7ed730aec98b70a993597a797579a9");
  EXPECT_EQ(encode_headers(1'111, std::vector{read.headers[0].header}), message);
}

TEST(EthMessages, CarryTheBodyOfEip2481) {
  const Bytes message =
      hex("06f902dc820457f902d6f902d3" + transactions_vector + "f901fc" + header_vector());
  const auto read = read_as<Bodies>(message);
  ASSERT_EQ(read.bodies.size(), 1U);
  const ReceivedBody& body = read.bodies[0];
  EXPECT_EQ(encode_bodies(1'111, std::vector<Bytes>{body.encoded}), message);
  Header header;
  header.transactions_root = body.transactions_root;
  header.ommers = body.ommers_hash;
  EXPECT_TRUE(body.is_of(header));
  const auto block = read_block(header, body.encoded);
  ASSERT_TRUE(block.has_value());
  EXPECT_EQ(block->header, header);
  ASSERT_EQ(block->transactions.size(), 2U);
  EXPECT_EQ(block->transactions[0].hash().to_hex(),
            "0x588df025c4c2d757d3e314bd3dfbfe352687324e6b8557ad1731585e96928aed");
  EXPECT_EQ(block->ommers[0].number, 0xd05U);
  EXPECT_EQ(block->transactions_root(), body.transactions_root);
  EXPECT_EQ(block->ommers_hash(), body.ommers_hash);
  EXPECT_EQ(body_of(*block), body.encoded);
  // Withdrawals are of a body that has some, be they none.
  header.withdrawals_root = empty_trie_root;
  EXPECT_FALSE(body.is_of(header));
}

TEST(EthMessages, ABodyInWhichNothingIsNeedntBeAskedFor) {
  Block block;
  block.header.transactions_root = block.transactions_root();
  block.header.ommers = block.ommers_hash();
  EXPECT_EQ(empty_body_of(block.header), body_of(block));
  block.withdrawals.emplace();
  block.header.withdrawals_root = block.withdrawals_root();
  EXPECT_EQ(empty_body_of(block.header), body_of(block));
  const auto read = read_as<Bodies>(encode_bodies(1, std::vector<Bytes>{body_of(block)}));
  EXPECT_TRUE(read.bodies[0].is_of(block.header));
  block.withdrawals->push_back({.index = 1, .validator = 2, .address = {}, .amount = 3});
  block.header.withdrawals_root = block.withdrawals_root();
  EXPECT_EQ(empty_body_of(block.header), std::nullopt);
  const auto with = read_as<Bodies>(encode_bodies(1, std::vector<Bytes>{body_of(block)}));
  EXPECT_TRUE(with.bodies[0].is_of(block.header));
  EXPECT_EQ(read_block(block.header, with.bodies[0].encoded)->withdrawals, block.withdrawals);
  block.header.ommers = Hash();
  EXPECT_EQ(empty_body_of(block.header), std::nullopt);
}

TEST(EthMessages, CarryReceiptsOfEveryForm) {
  Receipt legacy;
  legacy.cumulative_gas = 21'000;
  legacy.root = hash_of(77);
  Receipt modern;
  modern.type = Transaction::Type::set_code;
  modern.succeeded = true;
  modern.cumulative_gas = 50'000;
  modern.logs.push_back(
      {.address = Address::of_number(5), .topics = {hash_of(1), hash_of(2)}, .data = Bytes(60, 9)});
  modern.bloom.add(modern.logs[0]);
  const std::vector<Receipt> all{legacy, modern};
  const Bytes message = encode_receipt_answer(9, std::vector{receipts_of(all), receipts_of({})});
  const auto read = read_as<BlockReceipts>(message);
  EXPECT_EQ(read.id, 9U);
  ASSERT_EQ(read.blocks.size(), 2U);
  EXPECT_EQ(read.blocks[0].root, list_root(std::vector{legacy.encode(), modern.encode()}));
  EXPECT_EQ(read.blocks[1].root, empty_trie_root);
  const auto receipts = read_receipts(read.blocks[0].encoded);
  ASSERT_TRUE(receipts.has_value());
  ASSERT_EQ(receipts->size(), 2U);
  for (std::size_t i = 0; i < 2; ++i)
    EXPECT_EQ((*receipts)[i].encode(), all[i].encode());
  EXPECT_TRUE(read_receipts(read.blocks[1].encoded)->empty());
}

TEST(EthMessages, TellWhoAndWhereAPeerIs) {
  const ChainStatus status{.network = 4242,
                           .total_difficulty = U256::power_of_two(200),
                           .head = hash_of(1),
                           .genesis = hash_of(2),
                           .fork = {0x0000c0de, 1'150'000}};
  EXPECT_EQ(read_as<ChainStatus>(status.encode()), status);
  // The checksum keeps its leading zeros.
  EXPECT_TRUE(to_hex(status.encode()).ends_with("c9840000c0de83118c30"));
  const NewHead head{.hash = hash_of(3), .number = ~0ULL, .total_weight = U256::max()};
  EXPECT_EQ(read_as<NewHead>(head.encode()), head);
  const GetFinality asked{.id = 5, .number = 64};
  EXPECT_EQ(read_as<GetFinality>(asked.encode()), asked);
  EXPECT_EQ(to_hex(asked.encode()), "21c20540");
  const Finality none{.id = 5, .proof = std::nullopt};
  EXPECT_EQ(to_hex(none.encode()), "22c205c0");
  EXPECT_EQ(read_as<Finality>(none.encode()), none);
  const Finality proven{
      .id = 5,
      .proof = FinalityProof{.number = 64, .certificate = Bytes(certificate_bytes_max, 1)}};
  EXPECT_EQ(read_as<Finality>(proven.encode()), proven);
}

TEST(EthMessages, RefuseEveryOtherForm) {
  using enum EthMessageError;
  EXPECT_EQ(fault_of({}), malformed);
  EXPECT_EQ(fault_of(hex("01c0")), unknown_kind);
  EXPECT_EQ(fault_of(hex("0280")), unknown_kind);
  EXPECT_EQ(fault_of(hex("0380")), malformed);
  EXPECT_EQ(fault_of(hex("03c601c401010002")), malformed);    // a zero that is a byte
  EXPECT_EQ(fault_of(hex("03c601c401018002")), malformed);    // neither forwards nor back
  EXPECT_EQ(fault_of(hex("03c701c50101800180")), malformed);  // a field too many
  EXPECT_EQ(fault_of(hex("03c601c401018001")), std::nullopt);
  EXPECT_EQ(fault_of(hex("03c60ac5018080c0")), malformed);
  EXPECT_EQ(fault_of(hex("04c201c0")), std::nullopt);
  EXPECT_EQ(fault_of(hex("04c301c080")), malformed);
  EXPECT_EQ(fault_of(hex("04c301c1c0")), malformed);
  EXPECT_EQ(fault_of(hex("05c201c0")), empty);
  EXPECT_EQ(fault_of(hex("0fc201c0")), empty);
  EXPECT_EQ(fault_of(hex("05c301c101")), malformed);
  EXPECT_EQ(fault_of(hex("06c401c2c1c0")), malformed);      // a body without ommers
  EXPECT_EQ(fault_of(hex("06c501c3c280c0")), malformed);    // transactions that are no list
  EXPECT_EQ(fault_of(hex("06c601c4c3c1c0c0")), malformed);  // a transaction of nothing
  EXPECT_EQ(fault_of(hex("06c601c4c3c180c0")), malformed);
  EXPECT_EQ(fault_of(hex("06c501c3c2c0c0")), std::nullopt);
  EXPECT_EQ(fault_of(hex("06c601c4c3c0c0c0")), std::nullopt);
  EXPECT_EQ(fault_of(hex("06c701c5c4c0c0c0c0")), malformed);
  EXPECT_EQ(fault_of(hex("22c301c101")), malformed);
  EXPECT_EQ(fault_of(hex("22c401c20180")), std::nullopt);
  EXPECT_EQ(fault_of(hex("22c501c3018080")), malformed);
  ChainStatus status;
  Bytes other = status.encode();
  const auto version = std::ranges::find(other, 68);
  *version = 67;
  EXPECT_EQ(fault_of(other), other_version);
  // What is no transaction is found when the block is read.
  EXPECT_EQ(fault_of(hex("06c701c5c4c2c101c0")), std::nullopt);
  EXPECT_EQ(read_block(Header(), hex("c4c2c101c0")).error(), TransactionError::malformed);
}

Bytes many(std::uint8_t kind, std::size_t count, ByteView item) {
  Bytes out{kind};
  RlpWriter writer(out);
  const RlpWriter::List message = writer.begin_list();
  writer.number(1);
  const RlpWriter::List list = writer.begin_list();
  for (; count > 0; --count)
    writer.raw(item);
  writer.end_list(list);
  writer.end_list(message);
  return out;
}

TEST(EthMessages, HaveLimits) {
  using enum EthMessageError;
  const Bytes hash = hex("a0" + zeros(32));
  for (const std::uint8_t kind : {0x05, 0x0f}) {
    EXPECT_EQ(fault_of(many(kind, hashes_per_request_max, hash)), std::nullopt);
    EXPECT_EQ(fault_of(many(kind, hashes_per_request_max + 1, hash)), too_many);
    EXPECT_EQ(fault_of(many(kind, 2 * hashes_per_request_max, hash)), too_large);
  }
  Header header = Header::decode(hex(header_vector())).value();
  EXPECT_EQ(fault_of(many(0x04, headers_per_answer_max, header.encode())), std::nullopt);
  EXPECT_EQ(fault_of(many(0x04, headers_per_answer_max + 1, header.encode())), too_many);
  header.extra_data = Bytes(header_bytes_max);
  EXPECT_EQ(fault_of(many(0x04, 1, header.encode())), too_large);
  const Bytes body = hex("c2c0c0");
  EXPECT_EQ(fault_of(many(0x06, hashes_per_request_max, body)), std::nullopt);
  EXPECT_EQ(fault_of(many(0x06, hashes_per_request_max + 1, body)), too_many);
  EXPECT_EQ(fault_of(many(0x10, hashes_per_request_max + 1, hex("c0"))), too_many);
  EXPECT_EQ(fault_of(Bytes(eth_message_bytes_max + 1, 6)), too_large);
  Finality large{
      .id = 1,
      .proof = FinalityProof{.number = 1, .certificate = Bytes(certificate_bytes_max + 1)}};
  EXPECT_EQ(fault_of(large.encode()), too_large);
}

TEST(EthMessages, OfManySmallTransactionsAreRefusedBeforeTheyCostMemory) {
  // Of a byte each, over several bodies.
  Bytes transactions;
  RlpWriter writer(transactions);
  const RlpWriter::List body = writer.begin_list();
  const RlpWriter::List list = writer.begin_list();
  writer.raw(Bytes(answer_transactions_max / 2, 1));
  writer.end_list(list);
  writer.raw(Bytes{0xc0});
  writer.end_list(body);
  EXPECT_EQ(fault_of(many(0x06, 2, transactions)), std::nullopt);
  EXPECT_EQ(fault_of(many(0x06, 3, transactions)), EthMessageError::too_many);
  Bytes with_ommers;
  RlpWriter other(with_ommers);
  const RlpWriter::List whole = other.begin_list();
  other.raw(Bytes{0xc0});
  const RlpWriter::List inner = other.begin_list();
  other.raw(Bytes(body_ommers_max + 1, 0xc0));
  other.end_list(inner);
  other.end_list(whole);
  EXPECT_EQ(fault_of(many(0x06, 1, with_ommers)), EthMessageError::too_many);
}

TEST(EthMessages, OfEveryLengthCutShortAreRefused) {
  const GetHeaders get{.id = 3, .start = hash_of(5), .amount = 7, .skip = 1, .reverse = true};
  for (const Bytes& whole :
       {ChainStatus().encode(), get.encode(), GetBodies{.id = 9, .hashes = {hash_of(1)}}.encode(),
        hex("04f90202820457f901fc" + header_vector()), many(0x06, 2, hex("c2c0c0")),
        NewHead().encode(), GetFinality{.id = 1, .number = 2}.encode(),
        Finality{.id = 1, .proof = FinalityProof{.number = 2, .certificate = Bytes(9)}}.encode()}) {
    EXPECT_EQ(fault_of(whole), std::nullopt);
    for (std::size_t size = 0; size < whole.size(); ++size)
      EXPECT_TRUE(fault_of(ByteView(whole).first(size)).has_value());
    Bytes longer = whole;
    longer.push_back(0);
    EXPECT_TRUE(fault_of(longer).has_value());
  }
}

}  // namespace
}  // namespace kith::ledger
