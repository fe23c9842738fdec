#include <gtest/gtest.h>

#include <kith/dht/state_file.hpp>
#include <kith/dht/test_network.hpp>

namespace kith::dht {
namespace {

using namespace kith::dht::testing;

const WallTime noon{48h};

SavedProvider a_provider(std::uint64_t number) {
  return {to_bytes(content(number).bytes()),
          {peer_id(number), {address_in(1, 2), address_in(3, 4)}, IpGroup{77}, noon}};
}

std::vector<SavedRecord> one_of_each() {
  SavedProvider alone = a_provider(2);
  alone.provider.group.reset();
  alone.provider.addresses.clear();
  return {SavedPeer{peer_id(1), {address_in(1, 1)}},
          a_provider(1),
          alone,
          SavedValue{to_bytes("/n/x"), to_bytes("5"), noon},
          SavedContent{to_bytes(content(1).bytes()), noon + 1h, true},
          SavedContent{to_bytes(content(1).bytes()), noon + 1h, false},
          SavedContent{to_bytes(content(2).bytes()), std::nullopt}};
}

Bytes frame_of(const std::vector<SavedRecord>& records) {
  FrameWriter frame;
  for (const SavedRecord& record : records)
    frame.add(record);
  return frame.take();
}

Bytes file_of(const std::vector<Bytes>& frames) {
  Bytes file = to_bytes(state_file_begin());
  for (const Bytes& frame : frames)
    append(file, frame);
  return file;
}

std::vector<SavedRecord> read(ByteView file, StateRead& read) {
  std::vector<SavedRecord> records;
  read = read_state(file, [&](SavedRecord record) { records.push_back(std::move(record)); });
  EXPECT_EQ(read.records, records.size());
  return records;
}

TEST(StateFile, SaysTheSameWhenItIsRead) {
  StateRead said;
  EXPECT_EQ(read(file_of({frame_of(one_of_each())}), said), one_of_each());
  EXPECT_EQ(said.damaged_bytes, 0u);
  EXPECT_TRUE(read(file_of({}), said).empty());
  EXPECT_EQ(said.damaged_bytes, 0u);
}

TEST(StateFile, LeavesOutADamagedFrameAlone) {
  const Bytes first = frame_of({one_of_each()[0]});
  Bytes second = frame_of({one_of_each()[1]});
  const Bytes third = frame_of({one_of_each()[3]});
  second.back() ^= 1;
  StateRead said;
  EXPECT_EQ(read(file_of({first, second, third}), said),
            (std::vector<SavedRecord>{one_of_each()[0], one_of_each()[3]}));
  EXPECT_EQ(said.damaged_bytes, second.size());
}

TEST(StateFile, IsReadUpToWhereItWasCut) {
  const Bytes whole = file_of({frame_of({one_of_each()[0]}), frame_of({one_of_each()[1]})});
  const std::size_t of_first = file_of({frame_of({one_of_each()[0]})}).size();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    StateRead said;
    const auto records = read(ByteView(whole).first(size), said);
    EXPECT_EQ(records.size(), size < of_first ? 0u : 1u) << size;
    const bool at_an_end = size == of_first || size == state_file_begin().size() || size == 0;
    EXPECT_EQ(said.damaged_bytes == 0, at_an_end) << size;
  }
}

TEST(StateFile, OfSomethingElseSaysNothing) {
  StateRead said;
  EXPECT_TRUE(read(as_bytes("{\"json\": true}"), said).empty());
  EXPECT_EQ(said.damaged_bytes, 14u);
}

}  // namespace
}  // namespace kith::dht
