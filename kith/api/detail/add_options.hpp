// What the options of `add`, over the configuration's Import, make of new files: by Kubo's rules,
// so that the same words make the same CIDs. Pure; any thread.
#pragma once

#include <kith/api/command.hpp>
#include <kith/node/config.hpp>
#include <kith/unixfs/node.hpp>
#include <kith/unixfs/options.hpp>

namespace kith::api {

/// Another hash than sha2-256 means version 1, version 1 means raw leaves, and permissions or a
/// time mean none; what an option or the configuration says itself stays. Errc::invalid_argument
/// names the option that makes no sense.
Result<unixfs::ImportOptions> import_options(const node::ImportSettings& settings,
                                             const Request& request);

/// --mode, --mtime and --mtime-nsecs. As with Kubo, 0 is as good as not given.
Result<unixfs::Metadata> wanted_metadata(const Request& request);

/// What an entry gets: `wanted`, or else its own. A symlink's permissions mean nothing, and are
/// left out as Kubo does.
unixfs::Metadata metadata_of(const InputEntry& entry, const unixfs::Metadata& wanted);

}  // namespace kith::api
