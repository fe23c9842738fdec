#include <unistd.h>

#include <kith/io/descriptor.hpp>

namespace kith::io {

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

}  // namespace kith::io
