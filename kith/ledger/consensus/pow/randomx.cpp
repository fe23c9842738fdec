#include <kith/ledger/consensus/pow/detail/randomx_hash.hpp>
#include <kith/ledger/consensus/pow/limits.hpp>
#include <kith/ledger/consensus/pow/work_hash.hpp>

#if KITH_RANDOMX

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <dlfcn.h>
#include <mutex>
#include <randomx.h>
#include <vector>

namespace kith::ledger {
namespace {

using namespace pow_limits;

static_assert(RANDOMX_HASH_SIZE == Hash::size);

/// The functions of librandomx. Opened by name when a chain needs it, so that a program without
/// such a chain neither needs the library nor loads it.
class Library {
 public:
  static Result<std::shared_ptr<const Library>> open() {
    auto library = std::make_shared<Library>();
    for (const char* name : {"librandomx.so.0", "librandomx.so"}) {
      if (library->handle_ == nullptr) library->handle_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    }
    if (library->handle_ == nullptr || !library->find_all()) {
      return std::unexpected(
          Error(Errc::unsupported, "RandomX needs librandomx (apt install librandomx0)"));
    }
    return library;
  }
  ~Library() {
    if (handle_ != nullptr) dlclose(handle_);
  }

  decltype(&::randomx_get_flags) get_flags = nullptr;
  decltype(&::randomx_alloc_cache) alloc_cache = nullptr;
  decltype(&::randomx_init_cache) init_cache = nullptr;
  decltype(&::randomx_release_cache) release_cache = nullptr;
  decltype(&::randomx_alloc_dataset) alloc_dataset = nullptr;
  decltype(&::randomx_dataset_item_count) dataset_item_count = nullptr;
  decltype(&::randomx_init_dataset) init_dataset = nullptr;
  decltype(&::randomx_release_dataset) release_dataset = nullptr;
  decltype(&::randomx_create_vm) create_vm = nullptr;
  decltype(&::randomx_destroy_vm) destroy_vm = nullptr;
  decltype(&::randomx_calculate_hash) calculate_hash = nullptr;
  decltype(&::randomx_calculate_hash_first) calculate_hash_first = nullptr;
  decltype(&::randomx_calculate_hash_next) calculate_hash_next = nullptr;
  decltype(&::randomx_calculate_hash_last) calculate_hash_last = nullptr;

 private:
  template <class Function>
  bool find(Function& into, const char* name) {
    into = reinterpret_cast<Function>(dlsym(handle_, name));
    return into != nullptr;
  }
  bool find_all() {
    return find(get_flags, "randomx_get_flags") && find(alloc_cache, "randomx_alloc_cache") &&
           find(init_cache, "randomx_init_cache") && find(release_cache, "randomx_release_cache") &&
           find(alloc_dataset, "randomx_alloc_dataset") &&
           find(dataset_item_count, "randomx_dataset_item_count") &&
           find(init_dataset, "randomx_init_dataset") &&
           find(release_dataset, "randomx_release_dataset") &&
           find(create_vm, "randomx_create_vm") && find(destroy_vm, "randomx_destroy_vm") &&
           find(calculate_hash, "randomx_calculate_hash") &&
           find(calculate_hash_first, "randomx_calculate_hash_first") &&
           find(calculate_hash_next, "randomx_calculate_hash_next") &&
           find(calculate_hash_last, "randomx_calculate_hash_last");
  }

  void* handle_ = nullptr;
};

std::unexpected<Error> out_of_memory(std::string_view what) {
  return std::unexpected(
      Error(Errc::limit_exceeded, "RandomX: no memory for " + std::string(what)));
}

/// 256 MiB that follow from a key, and never change: all threads read them.
class Cache {
 public:
  static Result<std::shared_ptr<Cache>> make(std::shared_ptr<const Library> library, ByteView key) {
    auto cache = std::make_shared<Cache>();
    cache->library_ = std::move(library);
    cache->memory_ = cache->library_->alloc_cache(cache->library_->get_flags());
    if (cache->memory_ == nullptr) return out_of_memory("256 MiB of cache");
    cache->library_->init_cache(cache->memory_, key.data(), key.size());
    cache->key_ = Hash::from_bytes(key).value_or(Hash());
    return cache;
  }
  ~Cache() {
    if (memory_ != nullptr) library_->release_cache(memory_);
  }

  const Library& library() const noexcept { return *library_; }
  randomx_cache* get() const noexcept { return memory_; }
  const Hash& key() const noexcept { return key_; }

 private:
  std::shared_ptr<const Library> library_;
  randomx_cache* memory_ = nullptr;
  Hash key_;
};

/// 2,080 MiB that follow from a cache. All who want it make it together.
class Dataset {
 public:
  static Result<std::shared_ptr<Dataset>> make(std::shared_ptr<Cache> cache) {
    auto dataset = std::make_shared<Dataset>();
    dataset->cache_ = std::move(cache);
    dataset->memory_ = dataset->cache_->library().alloc_dataset(RANDOMX_FLAG_DEFAULT);
    if (dataset->memory_ == nullptr) return out_of_memory("2,080 MiB of dataset");
    dataset->items_ = dataset->cache_->library().dataset_item_count();
    return dataset;
  }
  ~Dataset() {
    if (memory_ != nullptr) cache_->library().release_dataset(memory_);
  }

  /// Makes what nobody has begun, and returns when all of it is there.
  void complete() {
    constexpr unsigned long step = 16'384;
    for (unsigned long from = begun_.fetch_add(step); from < items_;
         from = begun_.fetch_add(step)) {
      const unsigned long count = std::min(step, items_ - from);
      cache_->library().init_dataset(memory_, cache_->get(), from, count);
      done_ += count;
      done_.notify_all();
    }
    for (unsigned long done = done_; done < items_; done = done_)
      done_.wait(done);
  }

  randomx_dataset* get() const noexcept { return memory_; }
  const Hash& key() const noexcept { return cache_->key(); }

 private:
  std::shared_ptr<Cache> cache_;
  randomx_dataset* memory_ = nullptr;
  unsigned long items_ = 0;
  std::atomic<unsigned long> begun_ = 0;
  std::atomic<unsigned long> done_ = 0;
};

/// Of one thread at a time: about 2 MiB and its code.
class Machine {
 public:
  /// With the dataset if there is one.
  static Result<std::unique_ptr<Machine>> make(std::shared_ptr<Cache> cache,
                                               std::shared_ptr<Dataset> dataset) {
    auto machine = std::make_unique<Machine>();
    const Library& library = cache->library();
    const randomx_flags flags =
        library.get_flags() | (dataset ? RANDOMX_FLAG_FULL_MEM : RANDOMX_FLAG_DEFAULT);
    machine->vm_ = library.create_vm(flags, cache->get(), dataset ? dataset->get() : nullptr);
    if (machine->vm_ == nullptr) return out_of_memory("a machine");
    machine->cache_ = std::move(cache);
    machine->dataset_ = std::move(dataset);
    return machine;
  }
  ~Machine() {
    if (vm_ != nullptr) library().destroy_vm(vm_);
  }

  const Library& library() const noexcept { return cache_->library(); }
  randomx_vm* get() const noexcept { return vm_; }
  const Hash& key() const noexcept { return cache_->key(); }
  bool is_full() const noexcept { return dataset_ != nullptr; }

  Hash hash(ByteView input) {
    Hash out;
    library().calculate_hash(vm_, input.data(), input.size(), out.bytes.data());
    return out;
  }

 private:
  std::shared_ptr<Cache> cache_;
  std::shared_ptr<Dataset> dataset_;
  randomx_vm* vm_ = nullptr;
};

class RandomXSearcher final : public NonceSearcher {
 public:
  explicit RandomXSearcher(std::unique_ptr<Machine> machine) : machine_(std::move(machine)) {}

  std::optional<std::uint64_t> search(const Hash& seal, const U256& target, std::uint64_t first,
                                      std::uint64_t count) override {
    if (count == 0) return std::nullopt;
    // The pipelined functions leave the thread's rounding as their last program set it.
    std::fenv_t before;
    std::fegetenv(&before);
    const auto found = search_pipelined(seal, target, first, count);
    std::fesetenv(&before);
    return found;
  }

  std::uint64_t slice() const noexcept override { return machine_->is_full() ? 4 : 1; }

 private:
  std::optional<std::uint64_t> search_pipelined(const Hash& seal, const U256& target,
                                                std::uint64_t first, std::uint64_t count) {
    const Library& library = machine_->library();
    WorkInput input = work_input(seal, first);
    library.calculate_hash_first(machine_->get(), input.data(), input.size());
    for (std::uint64_t i = 0; i < count; ++i) {
      Hash hash;
      if (i + 1 < count) {
        input = work_input(seal, first + i + 1);
        library.calculate_hash_next(machine_->get(), input.data(), input.size(), hash.bytes.data());
      } else {
        library.calculate_hash_last(machine_->get(), hash.bytes.data());
      }
      if (hash.to_word() <= target) return first + i;
    }
    return std::nullopt;
  }

  std::unique_ptr<Machine> machine_;
};

class RandomX final : public WorkHash {
 public:
  explicit RandomX(RandomXOptions options) : options_(options) {}

  std::string_view name() const noexcept override { return "randomx"; }

  std::optional<std::uint64_t> key_number(std::uint64_t number) const noexcept override {
    if (number <= randomx_key_blocks + randomx_key_lag) return 0;
    return (number - randomx_key_lag - 1) / randomx_key_blocks * randomx_key_blocks;
  }

  Result<Hash> hash(const WorkInput& input, const Hash& key) override {
    KITH_TRY(std::unique_ptr<Machine> machine, idle_machine(key));
    const Hash hash = machine->hash(input);
    const std::lock_guard lock(mutex_);
    const bool is_known = std::ranges::any_of(
        caches_, [&](const std::shared_ptr<Cache>& cache) { return cache->key() == key; });
    if (is_known && idle_.size() < idle_max) idle_.push_back(std::move(machine));
    return hash;
  }

  Result<std::unique_ptr<NonceSearcher>> searcher(const Hash& key) override {
    std::shared_ptr<Cache> cache;
    std::shared_ptr<Dataset> dataset;
    {
      const std::lock_guard lock(mutex_);
      KITH_TRY(cache, cache_of(key));
      if (options_.full_dataset) {
        KITH_TRY(dataset, dataset_of(cache));
      }
    }
    if (dataset) dataset->complete();
    KITH_TRY(auto machine, Machine::make(std::move(cache), std::move(dataset)));
    return std::make_unique<RandomXSearcher>(std::move(machine));
  }

 private:
  static constexpr std::size_t caches_max = 2;
  static constexpr std::size_t idle_max = 16;

  Result<std::unique_ptr<Machine>> idle_machine(const Hash& key) {
    std::shared_ptr<Cache> cache;
    {
      const std::lock_guard lock(mutex_);
      const auto idle = std::ranges::find(idle_, key, [](const auto& each) { return each->key(); });
      if (idle != idle_.end()) {
        std::unique_ptr<Machine> machine = std::move(*idle);
        idle_.erase(idle);
        return machine;
      }
      KITH_TRY(cache, cache_of(key));
    }
    return Machine::make(std::move(cache), nullptr);
  }

  /// The last used is the last. Whoever else wants a cache waits for a second while one is made.
  Result<std::shared_ptr<Cache>> cache_of(const Hash& key) {
    auto found = std::ranges::find(caches_, key, [](const auto& each) { return each->key(); });
    if (found != caches_.end()) {
      std::rotate(found, found + 1, caches_.end());
      return caches_.back();
    }
    if (!library_) {
      KITH_TRY(library_, Library::open());
    }
    // Makes room first: both at a time would be more than we say to take.
    if (caches_.size() == caches_max) {
      const Hash old = caches_.front()->key();
      std::erase_if(idle_, [&](const auto& machine) { return machine->key() == old; });
      caches_.erase(caches_.begin());
    }
    KITH_TRY(auto made, Cache::make(library_, key.view()));
    caches_.push_back(std::move(made));
    return caches_.back();
  }

  Result<std::shared_ptr<Dataset>> dataset_of(const std::shared_ptr<Cache>& cache) {
    std::shared_ptr<Dataset> there = dataset_.lock();
    if (there && there->key() == cache->key()) return there;
    KITH_TRY(there, Dataset::make(cache));
    dataset_ = there;
    return there;
  }

  const RandomXOptions options_;
  std::mutex mutex_;
  std::shared_ptr<const Library> library_;
  std::vector<std::shared_ptr<Cache>> caches_;
  std::vector<std::unique_ptr<Machine>> idle_;
  /// Lives as long as a searcher that has it.
  std::weak_ptr<Dataset> dataset_;
};

}  // namespace

std::unique_ptr<WorkHash> make_randomx(RandomXOptions options) {
  return std::make_unique<RandomX>(options);
}

Result<std::vector<Hash>> detail::randomx_hashes(ByteView key,
                                                 const std::vector<ByteView>& inputs) {
  KITH_TRY(auto library, Library::open());
  KITH_TRY(auto cache, Cache::make(std::move(library), key));
  KITH_TRY(const auto machine, Machine::make(std::move(cache), nullptr));
  std::vector<Hash> hashes;
  for (const ByteView input : inputs)
    hashes.push_back(machine->hash(input));
  return hashes;
}

}  // namespace kith::ledger

#else

namespace kith::ledger {
namespace {

std::unexpected<Error> missing() {
  return std::unexpected(Error(Errc::unsupported, "built without RandomX (KITH_RANDOMX)"));
}

class NoRandomX final : public WorkHash {
 public:
  std::string_view name() const noexcept override { return "randomx"; }
  std::optional<std::uint64_t> key_number(std::uint64_t) const noexcept override { return 0; }
  Result<Hash> hash(const WorkInput&, const Hash&) override { return missing(); }
  Result<std::unique_ptr<NonceSearcher>> searcher(const Hash&) override { return missing(); }
};

}  // namespace

std::unique_ptr<WorkHash> make_randomx(RandomXOptions) {
  return std::make_unique<NoRandomX>();
}

Result<std::vector<Hash>> detail::randomx_hashes(ByteView, const std::vector<ByteView>&) {
  return missing();
}

}  // namespace kith::ledger

#endif
