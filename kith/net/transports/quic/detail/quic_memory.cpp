#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>

#include <sys/mman.h>
#include <unistd.h>

#include <kith/net/transports/quic/detail/quic_memory.hpp>

namespace kith::net::detail {
namespace {

/// A pool that is free begins with where the next one is.
struct Free {
  Free* next;
};

bool begins_page(const void* memory) noexcept {
  return reinterpret_cast<std::uintptr_t>(memory) % PagedPools::page_bytes == 0;
}

std::byte* map_region() noexcept {
  void* memory = ::mmap(nullptr, PagedPools::region_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  // One touched page would bring in 511 others. A kernel without huge pages refuses, and may.
  ::madvise(memory, PagedPools::region_bytes, MADV_NOHUGEPAGE);
  return static_cast<std::byte*>(memory);
}

}  // namespace

struct PagedPools::Region {
  Region(std::byte* at, std::size_t pages_each) noexcept : begin(at), pages(pages_each) {}
  ~Region() { ::munmap(begin, region_bytes); }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  std::size_t bytes_each() const noexcept { return pages * page_bytes; }
  bool full() const noexcept {
    return first_free == nullptr && fresh == region_bytes / bytes_each();
  }

  void* take() noexcept {
    ++used;
    if (first_free == nullptr) return begin + bytes_each() * fresh++;
    Free* taken = first_free;
    first_free = taken->next;
    return taken;
  }
  void put(void* memory) noexcept {
    --used;
    if (pages > 1)
      ::madvise(static_cast<std::byte*>(memory) + page_bytes, bytes_each() - page_bytes,
                MADV_DONTNEED);
    first_free = new (memory) Free{first_free};
  }

  std::byte* begin;
  std::size_t pages;
  std::size_t used = 0;
  std::size_t fresh = 0;  ///< of those from here on none was ever taken
  Free* first_free = nullptr;
};

PagedPools::PagedPools() = default;
PagedPools::~PagedPools() = default;

void* PagedPools::allocate(std::size_t size) noexcept {
  const std::size_t pages = (size + page_bytes - 1) / page_bytes;
  if (size < page_bytes || pages > pages_max) return std::malloc(size);
  {
    const std::scoped_lock lock(mutex_);
    if (Region* region = with_room(pages)) {
      void* memory = region->take();
      if (region->full()) with_room_[pages].pop_back();
      return memory;
    }
  }
  return std::malloc(size);
}

void PagedPools::free(void* memory) noexcept {
  if (!begins_page(memory) || !give_back(memory)) std::free(memory);
}

void* PagedPools::resize(void* memory, std::size_t size) noexcept {
  const std::size_t room = begins_page(memory) ? room_of(memory) : 0;
  if (room == 0) return std::realloc(memory, size);
  if (size <= room) return memory;
  void* larger = allocate(size);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, memory, room);
  free(memory);
  return larger;
}

std::size_t PagedPools::mapped_bytes() const noexcept {
  const std::scoped_lock lock(mutex_);
  return regions_.size() * region_bytes;
}

/// Null if there's no memory for one.
PagedPools::Region* PagedPools::with_room(std::size_t pages) noexcept {
  std::vector<Region*>& room = with_room_[pages];
  if (!room.empty()) return room.back();
  std::byte* at = map_region();
  if (at == nullptr) return nullptr;
  try {
    auto made = std::make_unique<Region>(at, pages);
    at = nullptr;
    // Whatever becomes of the regions, remembering who has room then can't fail.
    for (auto& each : with_room_)
      each.reserve(regions_.size() + 1);
    const auto place = std::ranges::upper_bound(regions_, made->begin, {},
                                                [](const auto& one) { return one->begin; });
    Region* region = regions_.insert(place, std::move(made))->get();
    room.push_back(region);
    return region;
  } catch (const std::bad_alloc&) {
    if (at != nullptr) ::munmap(at, region_bytes);
    return nullptr;
  }
}

PagedPools::Region* PagedPools::region_of(const void* memory) const noexcept {
  const auto* at = static_cast<const std::byte*>(memory);
  const auto after = std::ranges::upper_bound(regions_, at, std::less<>(),
                                              [](const auto& one) { return one->begin; });
  if (after == regions_.begin()) return nullptr;
  Region& region = **std::prev(after);
  return at < region.begin + region_bytes ? &region : nullptr;
}

/// 0 if it isn't from here.
std::size_t PagedPools::room_of(const void* memory) const noexcept {
  const std::scoped_lock lock(mutex_);
  const Region* region = region_of(memory);
  return region == nullptr ? 0 : region->bytes_each();
}

/// False if it isn't from here.
bool PagedPools::give_back(void* memory) noexcept {
  const std::scoped_lock lock(mutex_);
  Region* region = region_of(memory);
  if (region == nullptr) return false;
  std::vector<Region*>& room = with_room_[region->pages];
  if (region->full()) room.push_back(region);
  region->put(memory);
  if (region->used == 0 && room.size() > 1) {
    std::erase(room, region);
    std::erase_if(regions_, [&](const auto& one) { return one.get() == region; });
  }
  return true;
}

namespace {

// Whoever looks for leaks doesn't look for pointers in pools.
#if __has_feature(address_sanitizer)
constexpr bool paged = false;
#else
constexpr bool paged = true;
#endif

PagedPools& pools() noexcept {
  // Never destroyed: sessions may end after the process's own objects.
  static auto& one = *new PagedPools;
  return one;
}

}  // namespace

const ngtcp2_mem* quic_memory() noexcept {
  // What is wanted zeroed is used whole, and goes where it lies most tightly.
  static const ngtcp2_mem memory{
      nullptr, [](std::size_t size, void*) { return pools().allocate(size); },
      [](void* gone, void*) { pools().free(gone); },
      [](std::size_t count, std::size_t size, void*) { return std::calloc(count, size); },
      [](void* old, std::size_t size, void*) { return pools().resize(old, size); }};
  static const bool worth =
      paged && ::sysconf(_SC_PAGESIZE) == static_cast<long>(PagedPools::page_bytes);
  return worth ? &memory : ngtcp2_mem_default();
}

}  // namespace kith::net::detail
