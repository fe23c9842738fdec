// Strategy: the bytes are a file that keeps a DHT's state, or, if they don't begin as one, the body
// of a frame, since no fuzzer finds a checksum. Invariants: what was read of it is within the
// limits, and says the same after it was written and read again.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/dht/state_file.hpp>

namespace kith::fuzz {

Kinds kinds_dht_state{"a peer",
                      "a provider",
                      "with a group",
                      "a value",
                      "content",
                      "dropped content",
                      "that nobody was told of",
                      "several addresses",
                      "damaged"};

namespace {

void tell(const dht::SavedRecord& record) {
  Kinds& kinds = kinds_dht_state;
  if (const auto* peer = std::get_if<dht::SavedPeer>(&record)) {
    kinds.reached("a peer");
    kinds.reached_if(peer->addresses.size() > 1, "several addresses");
    ASSERT(peer->addresses.size() <= dht::addresses_per_peer_max);
  } else if (const auto* provider = std::get_if<dht::SavedProvider>(&record)) {
    kinds.reached("a provider");
    kinds.reached_if(provider->provider.group.has_value(), "with a group");
    ASSERT(provider->content.size() <= dht::content_key_bytes_max);
  } else if (const auto* value = std::get_if<dht::SavedValue>(&record)) {
    kinds.reached("a value");
    ASSERT(value->value.size() <= dht::value_bytes_max);
  } else if (const auto* content = std::get_if<dht::SavedContent>(&record)) {
    kinds.reached(content->next ? "content" : "dropped content");
    kinds.reached_if(content->next && !content->told, "that nobody was told of");
    ASSERT(content->content.size() <= dht::content_key_bytes_max);
  }
}

}  // namespace

void fuzz_dht_state(ByteView input);
void fuzz_dht_state(ByteView input) {
  Bytes whole = to_bytes(input);
  if (!input.empty() && !as_text(input).starts_with(as_text(dht::state_file_begin()))) {
    whole = to_bytes(dht::state_file_begin());
    append(whole, dht::state_frame(input));
  }
  std::vector<dht::SavedRecord> records;
  const dht::StateRead read = dht::read_state(whole, [&records](dht::SavedRecord record) {
    tell(record);
    records.push_back(std::move(record));
  });
  kinds_dht_state.reached_if(read.damaged_bytes > 0, "damaged");
  ASSERT(read.damaged_bytes <= whole.size() && read.records == records.size());
  Bytes file = to_bytes(dht::state_file_begin());
  dht::FrameWriter frame;
  for (const dht::SavedRecord& record : records)
    frame.add(record);
  if (!frame.empty()) append(file, frame.take());
  std::size_t at = 0;
  const dht::StateRead again = dht::read_state(file, [&](dht::SavedRecord record) {
    ASSERT(at < records.size() && record == records[at]);
    ++at;
  });
  ASSERT(at == records.size() && again.damaged_bytes == 0);
}

}  // namespace kith::fuzz
