// Where ngtcp2's pools lie. Each list of a connection (packets that were sent, gaps, ids, streams)
// has a pool of its own, which asks at its first object for room for 8 to 64 of them: some 8 KiB,
// of which an idle connection touches a few hundred bytes, and a connection has some nine such
// lists. malloc hands out memory that others have used before, so that all of it is resident. Here
// each pool begins at a page of its own, and the pages that it never touches cost nothing.
//
// Invariants: of a pool that was given back at most one page is resident; a region without pools
// goes back to the system, but for one of each size. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <ngtcp2/ngtcp2.h>
#include <vector>

namespace kith::net::detail {

class PagedPools {
 public:
  static constexpr std::size_t page_bytes = 4096;
  static constexpr std::size_t pages_max = 8;
  static constexpr std::size_t region_bytes = std::size_t{1} << 20;

  PagedPools();
  ~PagedPools();
  PagedPools(const PagedPools&) = delete;
  PagedPools& operator=(const PagedPools&) = delete;

  /// As malloc, and from malloc what is less than a page or more than pages_max of them. Null if
  /// there is no memory.
  void* allocate(std::size_t size) noexcept;
  /// What this or malloc gave, or null.
  void free(void* memory) noexcept;
  /// As realloc, for what this or malloc gave, or null.
  void* resize(void* memory, std::size_t size) noexcept;
  /// How much memory is mapped, resident or not.
  std::size_t mapped_bytes() const noexcept;

 private:
  struct Region;

  Region* with_room(std::size_t pages) noexcept;
  Region* region_of(const void* memory) const noexcept;
  bool give_back(void* memory) noexcept;
  std::size_t room_of(const void* memory) const noexcept;

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Region>> regions_;  ///< by address
  /// By pages of a pool.
  std::array<std::vector<Region*>, pages_max + 1> with_room_;
};

/// For ngtcp2_conn_client_new() and ngtcp2_conn_server_new(). The process has one.
const ngtcp2_mem* quic_memory() noexcept;

}  // namespace kith::net::detail
