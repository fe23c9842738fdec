// Runs every fuzz target on its corpus, on mutations of it and on random inputs, with fixed seeds.
// It finds crashes that a broken build or a careless change brings; the search for new ones is
// libFuzzer's.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>

#include "table.hpp"

namespace kith::fuzz {
namespace {

constexpr int random_inputs = 1000;
constexpr int mutations_per_seed = 200;

std::vector<Bytes> corpus_of(std::string_view name) {
  std::vector<std::filesystem::path> paths;
  std::filesystem::path folder = std::filesystem::path(KITH_SOURCE_DIR) / "fuzz/corpus" / name;
  if (std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  std::vector<Bytes> corpus;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

Bytes mutated(Bytes input, Prng& prng) {
  for (std::uint64_t i = 0, edits = prng.between(1, 8); i < edits; ++i) {
    std::size_t at = prng.below(input.size() + 1);
    switch (prng.below(4)) {
      case 0:
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at),
                     static_cast<std::uint8_t>(prng.next()));
        break;
      case 1:
        if (at < input.size()) input.erase(input.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      case 2:
        if (at < input.size()) input[at] ^= static_cast<std::uint8_t>(1U << prng.below(8));
        break;
      case 3:
        input.resize(at);
        break;
    }
  }
  return input;
}

class FuzzSmoke : public testing::TestWithParam<Target> {};

TEST_P(FuzzSmoke, SurvivesItsCorpusAndRandomInput) {
  Prng prng(1);
  std::vector<Bytes> corpus = corpus_of(GetParam().name);
  EXPECT_FALSE(corpus.empty()) << "fuzz/corpus/" << GetParam().name << " has no seeds";
  for (const Bytes& seed : corpus) {
    GetParam().run(seed);
    for (int i = 0; i < mutations_per_seed; ++i)
      GetParam().run(mutated(seed, prng));
  }
  for (int i = 0; i < random_inputs; ++i) {
    Bytes input(prng.below(512));
    prng.fill(input);
    GetParam().run(input);
  }
}

TEST_P(FuzzSmoke, ReachesEachKindFromItsCorpus) {
  GetParam().kinds->forget();
  for (const Bytes& seed : corpus_of(GetParam().name))
    GetParam().run(seed);
  std::string missing;
  for (const std::string& kind : GetParam().kinds->missing())
    missing += kind + '\n';
  EXPECT_EQ(missing, "");
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FuzzSmoke);
INSTANTIATE_TEST_SUITE_P(All, FuzzSmoke, testing::ValuesIn(std::begin(targets), std::end(targets)),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace kith::fuzz
