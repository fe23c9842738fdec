#include <algorithm>

#include <kith/pubsub/author_numbers.hpp>

namespace kith::pubsub {

AuthorNumbers::Author& AuthorNumbers::author_entry(const PeerId& author, Instant now) {
  auto found = authors_.find(author);
  if (found != authors_.end()) {
    order_.splice(order_.end(), order_, found->second.place);
    return found->second;
  }
  if (authors_.size() >= authors_max_) {
    authors_.erase(order_.front());
    order_.pop_front();
  }
  Author& made = authors_[author];
  made.since = now;
  made.place = order_.insert(order_.end(), author);
  return made;
}

bool AuthorNumbers::accept(const PeerId& author, std::uint64_t number, Instant now) {
  if (number == 0) return false;
  Author& its = author_entry(author, now);
  const Duration passed = now - its.since;
  if (passed >= half_) {
    its.low = passed >= 2 * half_ ? its.high : its.past;
    its.past = its.high;
    its.since = now;
  }
  if (number <= its.low) return false;
  its.high = std::max(its.high, number);
  return true;
}

std::size_t AuthorNumbers::forget(const std::optional<PeerId>& author) {
  if (!author) {
    order_.clear();
    return std::exchange(authors_, {}).size();
  }
  auto found = authors_.find(*author);
  if (found == authors_.end()) return 0;
  order_.erase(found->second.place);
  authors_.erase(found);
  return 1;
}

Bytes AuthorNumbers::encode() const {
  Bytes out;
  for (const PeerId& author : order_) {
    out.push_back(static_cast<std::uint8_t>(author.bytes().size()));
    append(out, author.bytes());
    std::uint8_t number[8];
    store_be(number, authors_.at(author).high);
    append(out, number);
  }
  return out;
}

void AuthorNumbers::decode(ByteView encoded, Instant now) {
  while (!encoded.empty()) {
    const std::size_t size = encoded[0];
    if (encoded.size() < 1 + size + 8) return;
    auto author = PeerId::from_bytes(encoded.subspan(1, size));
    const std::uint64_t number = load_be<std::uint64_t>(encoded.data() + 1 + size);
    encoded = encoded.subspan(1 + size + 8);
    if (!author) continue;
    Author& its = author_entry(*author, now);
    its.low = its.past = its.high = std::max(its.high, number);
  }
}

}  // namespace kith::pubsub
