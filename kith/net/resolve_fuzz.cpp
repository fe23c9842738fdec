// Strategy: the first line is a /dnsaddr that is looked up, the others are the texts at its name.
// Invariants: an answer is what one text says, and ends as the question ends.
#include <algorithm>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/net/resolve.hpp>

namespace kith::fuzz {

Kinds kinds_dnsaddr{"an address", "a name", "left out", "of one peer"};

void fuzz_dnsaddr(ByteView input);
void fuzz_dnsaddr(ByteView input) {
  using multiformats::Multiaddr;
  std::vector<std::string> lines(1);
  for (char c : as_text(input)) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  auto question = Multiaddr::parse(lines.front());
  if (!question || !question->dns_name()) return;
  auto texts = std::span<const std::string>(lines).subspan(1);
  std::vector<Multiaddr> answers = net::dnsaddr_answers(*question, texts);
  ASSERT(answers.size() <= texts.size());
  kinds_dnsaddr.reached_if(answers.size() < texts.size(), "left out");
  const ByteView end = question->bytes().subspan(question->dns_name()->bytes.size());
  for (const Multiaddr& answer : answers) {
    kinds_dnsaddr.reached(answer.dns_name() ? "a name" : "an address");
    kinds_dnsaddr.reached_if(!end.empty(), "of one peer");
    ASSERT(answer.bytes().size() >= end.size() && equal(answer.bytes().last(end.size()), end));
    ASSERT(*Multiaddr::parse(answer.to_string()) == answer);
  }
}

}  // namespace kith::fuzz
