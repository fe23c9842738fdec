#include <cstring>
#include <new>

#include <kith/base/buffer.hpp>

namespace kith {

struct Buffer::OwnSlab : Slab {
  std::uint8_t* bytes() noexcept { return reinterpret_cast<std::uint8_t*>(this + 1); }
};

struct Buffer::AdoptedSlab : Slab {
  Bytes bytes;
};

Buffer Buffer::allocate(std::size_t size) {
  if (size == 0) return {};
  void* memory = ::operator new(sizeof(OwnSlab) + size);
  auto* slab = new (memory) OwnSlab;
  slab->memory_bytes = sizeof(OwnSlab) + size;
  slab->destroy = [](Slab* dying) noexcept {
    auto* own = static_cast<OwnSlab*>(dying);
    own->~OwnSlab();
    ::operator delete(own);
  };
  Buffer buffer;
  buffer.slab_ = slab;
  buffer.data_ = slab->bytes();
  buffer.size_ = size;
  return buffer;
}

Buffer Buffer::copy_of(ByteView bytes) {
  Buffer buffer = allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(buffer.data_, bytes.data(), bytes.size());
  return buffer;
}

Buffer Buffer::adopt(Bytes bytes) {
  if (bytes.empty()) return {};
  auto* slab = new AdoptedSlab;
  slab->bytes = std::move(bytes);
  slab->memory_bytes = sizeof(AdoptedSlab) + slab->bytes.capacity();
  slab->destroy = [](Slab* dying) noexcept { delete static_cast<AdoptedSlab*>(dying); };
  Buffer buffer;
  buffer.slab_ = slab;
  buffer.data_ = slab->bytes.data();
  buffer.size_ = slab->bytes.size();
  return buffer;
}

Buffer Buffer::slice(std::size_t offset, std::size_t size) const& {
  Buffer copy = *this;
  return std::move(copy).slice(offset, size);
}

Buffer Buffer::slice(std::size_t offset, std::size_t size) && {
  ASSERT(offset <= size_ && size <= size_ - offset);
  data_ += offset;
  size_ = size;
  return std::move(*this);
}

Buffer Buffer::compacted() && {
  constexpr std::size_t slack_bytes = 128;
  if (memory_bytes() <= 2 * size_ + slack_bytes) return std::move(*this);
  return copy_of(view());
}

}  // namespace kith
