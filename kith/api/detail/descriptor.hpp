// Writing to file descriptors of the process: standard output, devices, pipes. Such writes block,
// which is fine for a program that has nothing else to do; they end when a signal asks it to.
#pragma once

#include <string>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/io/descriptor.hpp>

namespace kith::api {

/// Opens what is at `path` for writing, as it is. Errc::cancelled as below: a pipe is opened when
/// its reader comes.
Result<io::Descriptor> open_for_writing(const std::string& path);

/// Writes all of it, and waits for a reader that is slow, also if the descriptor itself doesn't
/// block. Errc::cancelled if a signal comes meanwhile; errno errors.
Result<void> write_fully(int descriptor, ByteView bytes);

}  // namespace kith::api
