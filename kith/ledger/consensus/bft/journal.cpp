#include <algorithm>

#include <kith/crypto/hash.hpp>
#include <kith/ledger/consensus/bft/detail/codec.hpp>
#include <kith/ledger/consensus/bft/journal.hpp>

namespace kith::ledger::bft {
namespace {

constexpr std::size_t head_bytes = 8;
constexpr std::size_t check_bytes = 4;
constexpr std::size_t vote_bytes = 128;
constexpr std::size_t certificate_bytes = 88;

enum class RecordType : std::uint8_t { vote = 1, certificate = 2, snapshot = 3 };

void write_head(Bytes& frame) {
  const ByteView content = ByteView(frame).subspan(head_bytes);
  store_be(frame.data(), static_cast<std::uint32_t>(content.size()));
  std::copy_n(crypto::sha256(content).begin(), check_bytes, frame.begin() + 4);
}

/// The content of the frame at the beginning of the input; nothing if it isn't whole.
std::optional<ByteView> whole_frame(ByteView input) {
  if (input.size() < head_bytes) return std::nullopt;
  const std::size_t size = load_be<std::uint32_t>(input.data());
  // A file that grew without its bytes is zeros, and no frame is empty.
  if (size == 0 || size > input.size() - head_bytes) return std::nullopt;
  const ByteView content = input.subspan(head_bytes, size);
  const crypto::Sha256Digest digest = crypto::sha256(content);
  if (!equal(ByteView(digest).first(check_bytes), input.subspan(4, check_bytes)))
    return std::nullopt;
  return content;
}

/// True if a whole frame stands behind the damaged one, as far as its length can be believed.
bool damaged_before_its_end(ByteView input) {
  if (input.size() < head_bytes) return false;
  const std::size_t size = load_be<std::uint32_t>(input.data());
  if (size > input.size() - head_bytes) return false;
  return whole_frame(input.subspan(head_bytes + size)).has_value();
}

void write_snapshot(RlpWriter& into, const Snapshot& snapshot) {
  into.number(snapshot.epoch);
  into.hash(snapshot.set);
  into.hash(snapshot.genesis);
  const RlpWriter::List votes = into.begin_list();
  for (const Vote& one : snapshot.votes)
    one.write(into);
  into.end_list(votes);
  const RlpWriter::List certificates = into.begin_list();
  for (const CertificatePtr& one : snapshot.certificates)
    write_certificate(into, *one);
  into.end_list(certificates);
}

Decoded<CertificatePtr> read_shared_certificate(RlpReader& from) {
  KITH_TRY(Certificate one, read_certificate(from));
  return std::make_shared<const Certificate>(std::move(one));
}

Decoded<Snapshot> read_snapshot(RlpReader& list) {
  Snapshot read;
  KITH_TRY(read.epoch, of_rlp(list.small_number()));
  KITH_TRY(read.set, of_rlp(list.hash()));
  KITH_TRY(read.genesis, of_rlp(list.hash()));
  KITH_TRY(RlpReader votes, of_rlp(list.list()));
  while (!votes.at_end()) {
    KITH_TRY(Vote one, Vote::read(votes));
    read.votes.push_back(one);
  }
  KITH_TRY(RlpReader certificates, of_rlp(list.list()));
  while (!certificates.at_end()) {
    KITH_TRY(CertificatePtr one, read_shared_certificate(certificates));
    read.certificates.push_back(std::move(one));
  }
  return read;
}

void write_record(RlpWriter& into, const Record& record) {
  const RlpWriter::List list = into.begin_list();
  const auto type = [&](RecordType is) { into.number(static_cast<std::uint64_t>(is)); };
  if (const Vote* vote = std::get_if<Vote>(&record)) {
    type(RecordType::vote);
    vote->write(into);
  } else if (const CertificatePtr* certificate = std::get_if<CertificatePtr>(&record)) {
    type(RecordType::certificate);
    write_certificate(into, **certificate);
  } else {
    type(RecordType::snapshot);
    write_snapshot(into, std::get<Snapshot>(record));
  }
  into.end_list(list);
}

Decoded<Record> read_record(RlpReader& from) {
  KITH_TRY(RlpReader list, of_rlp(from.list()));
  KITH_TRY(const std::uint64_t type, of_rlp(list.small_number()));
  Record read;
  if (type == static_cast<std::uint64_t>(RecordType::vote)) {
    KITH_TRY(read, Vote::read(list));
  } else if (type == static_cast<std::uint64_t>(RecordType::certificate)) {
    KITH_TRY(read, read_shared_certificate(list));
  } else if (type == static_cast<std::uint64_t>(RecordType::snapshot)) {
    KITH_TRY(read, read_snapshot(list));
  } else {
    return std::unexpected(BftError::unknown_kind);
  }
  KITH_CHECK(of_rlp(list.end()));
  return read;
}

Decoded<void> read_records(ByteView content, std::vector<Record>& into) {
  RlpReader reader(content);
  KITH_TRY(RlpReader list, of_rlp(reader.list()));
  KITH_CHECK(of_rlp(reader.end()));
  while (!list.at_end()) {
    KITH_TRY(Record one, read_record(list));
    into.push_back(std::move(one));
  }
  return {};
}

}  // namespace

bool operator==(const Snapshot& a, const Snapshot& b) {
  return a.epoch == b.epoch && a.set == b.set && a.genesis == b.genesis && a.votes == b.votes &&
         std::ranges::equal(a.certificates, b.certificates,
                            [](const auto& x, const auto& y) { return *x == *y; });
}

Bytes encode_frame(std::span<const Record> records) {
  Bytes frame(head_bytes);
  RlpWriter writer(frame);
  const RlpWriter::List list = writer.begin_list();
  for (const Record& one : records)
    write_record(writer, one);
  writer.end_list(list);
  write_head(frame);
  return frame;
}

Decoded<JournalContents> decode_journal(ByteView input) {
  JournalContents contents;
  while (contents.whole_bytes < input.size()) {
    const ByteView rest = input.subspan(contents.whole_bytes);
    const auto content = whole_frame(rest);
    if (!content) {
      if (damaged_before_its_end(rest)) return std::unexpected(BftError::corrupt);
      break;
    }
    if (!read_records(*content, contents.records)) return std::unexpected(BftError::corrupt);
    contents.whole_bytes += head_bytes + content->size();
  }
  return contents;
}

std::size_t record_bytes(const Record& record) noexcept {
  const auto of = [](const Certificate& one) {
    return certificate_bytes + one.signatures.size() * sizeof(Signature);
  };
  if (std::holds_alternative<Vote>(record)) return vote_bytes;
  if (const CertificatePtr* one = std::get_if<CertificatePtr>(&record)) return of(**one);
  const Snapshot& snapshot = std::get<Snapshot>(record);
  std::size_t sum = vote_bytes * (1 + snapshot.votes.size());
  for (const CertificatePtr& one : snapshot.certificates)
    sum += of(*one);
  return sum;
}

}  // namespace kith::ledger::bft
