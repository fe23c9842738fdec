// EvidenceFile: what was found against validators, kept over a restart.
//
//   file     RLP, a list of [accused's key, evidence as Evidence::encode() writes it]
//
// The newest bft_limits::evidence_max of them. The file is replaced as a whole, so it is never half
// written. Thread: calls block, so they are for workers; one at a time.
#pragma once

#include <string>
#include <vector>

#include <kith/ledger/consensus/bft_driver/bft_driver.hpp>
#include <kith/ledger/consensus/bft_driver/detail/vote_log.hpp>

namespace kith::ledger::detail {

/// Of a file that isn't there: nothing. Errc::corrupt if it isn't what save_evidence() wrote.
/// Clears away what saving left behind that was stopped halfway.
Result<std::vector<BftAccusation>> load_evidence(port::FileSystem& files, const std::string& path);
/// Durable when it returns.
Result<void> save_evidence(port::FileSystem& files, const std::string& path,
                           const std::vector<BftAccusation>& all);

}  // namespace kith::ledger::detail
