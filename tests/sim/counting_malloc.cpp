// A malloc that knows whose each piece is (kith/sim/heap.hpp): glibc's, with 16 bytes before each
// piece. It stands in for all of malloc and not only for operator new, since Asio takes coroutines'
// frames by std::aligned_alloc, and OpenSSL what it needs by malloc. Sanitizers bring a malloc of
// their own: there nothing is counted.
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <errno.h>

#include <kith/sim/heap.hpp>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KITH_FOREIGN_MALLOC
#endif
#endif

#ifndef KITH_FOREIGN_MALLOC

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* block);
}

namespace {

using kith::sim::heap::Mark;

struct Header {
  std::size_t size;
  Mark mark;
  std::uint32_t offset;  ///< of the piece in what glibc gave
};
static_assert(sizeof(Header) == 16 && sizeof(Header) == alignof(std::max_align_t));

Header* header_of(void* piece) noexcept {
  return static_cast<Header*>(piece) - 1;
}

void* piece_in(void* block, std::size_t size, std::size_t offset) noexcept {
  if (block == nullptr) return nullptr;
  void* piece = static_cast<char*>(block) + offset;
  *header_of(piece) = {size, kith::sim::heap::allocated(size), static_cast<std::uint32_t>(offset)};
  return piece;
}

void* aligned_piece(std::size_t alignment, std::size_t size) noexcept {
  const std::size_t offset = alignment > sizeof(Header) ? alignment : sizeof(Header);
  if (size > SIZE_MAX - offset) return nullptr;
  return piece_in(__libc_memalign(offset, size + offset), size, offset);
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) {
  if (size > SIZE_MAX - sizeof(Header)) return nullptr;
  return piece_in(__libc_malloc(size + sizeof(Header)), size, sizeof(Header));
}

void* calloc(std::size_t count, std::size_t size) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - sizeof(Header)) {
    errno = ENOMEM;
    return nullptr;
  }
  return piece_in(__libc_calloc(1, bytes + sizeof(Header)), bytes, sizeof(Header));
}

void free(void* piece) {
  if (piece == nullptr) return;
  const Header header = *header_of(piece);
  kith::sim::heap::freed(header.mark, header.size);
  __libc_free(static_cast<char*>(piece) - header.offset);
}

void* realloc(void* piece, std::size_t size) {
  if (piece == nullptr) return malloc(size);
  if (size == 0) {
    free(piece);
    return nullptr;
  }
  void* moved = malloc(size);
  if (moved == nullptr) return nullptr;
  const std::size_t before = header_of(piece)->size;
  std::memcpy(moved, piece, before < size ? before : size);
  free(piece);
  return moved;
}

void* memalign(std::size_t alignment, std::size_t size) {
  return aligned_piece(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return aligned_piece(alignment, size);
}

int posix_memalign(void** piece, std::size_t alignment, std::size_t size) {
  *piece = aligned_piece(alignment, size);
  return *piece == nullptr ? ENOMEM : 0;
}

void* valloc(std::size_t size) {
  return aligned_piece(4096, size);
}

void* pvalloc(std::size_t size) {
  return aligned_piece(4096, (size + 4095) / 4096 * 4096);
}

std::size_t malloc_usable_size(void* piece) {
  return piece == nullptr ? 0 : header_of(piece)->size;
}

}  // extern "C"

#endif
