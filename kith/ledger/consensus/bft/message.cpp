#include <algorithm>

#include <kith/ledger/consensus/bft/detail/codec.hpp>
#include <kith/ledger/consensus/bft/message.hpp>

namespace kith::ledger::bft {
namespace {

enum class MessageType : std::uint8_t { vote = 1, certificate = 2, request = 3, response = 4 };

void write_type(RlpWriter& into, MessageType type) {
  into.number(static_cast<std::uint64_t>(type));
}

void write_statement(RlpWriter& into, const Statement& says) {
  into.number(says.epoch);
  into.number(static_cast<std::uint64_t>(says.kind));
  into.number(says.about.view);
  into.number(says.about.parent);
  into.hash(says.about.payload);
}

Decoded<Statement> read_statement(RlpReader& list) {
  Statement says;
  KITH_TRY(says.epoch, of_rlp(list.small_number()));
  KITH_TRY(const std::uint64_t kind, of_rlp(list.small_number()));
  if (kind < 1 || kind > vote_kinds) return std::unexpected(BftError::unknown_kind);
  says.kind = static_cast<VoteKind>(kind);
  KITH_TRY(says.about.view, of_rlp(list.small_number()));
  KITH_TRY(says.about.parent, of_rlp(list.small_number()));
  KITH_TRY(says.about.payload, of_rlp(list.hash()));
  if (says.is_well_formed()) return says;
  const bool in_range =
      says.about.view > 0 && says.about.view < view_max && says.about.parent < says.about.view;
  return std::unexpected(in_range ? BftError::not_canonical : BftError::view_out_of_range);
}

void write_vote_items(RlpWriter& into, const Vote& vote) {
  write_statement(into, vote.says);
  into.number(std::uint64_t{vote.by});
  into.string(vote.signature);
}

Decoded<Vote> read_vote_items(RlpReader& list) {
  Vote vote;
  KITH_TRY(vote.says, read_statement(list));
  KITH_TRY(const std::uint64_t by, of_rlp(list.small_number()));
  if (by >= validators_max) return std::unexpected(BftError::too_many);
  vote.by = static_cast<ValidatorIndex>(by);
  KITH_TRY(const ByteView signature, of_rlp(list.string(vote.signature.size())));
  std::ranges::copy(signature, vote.signature.begin());
  KITH_CHECK(of_rlp(list.end()));
  return vote;
}

void write_certificate_items(RlpWriter& into, const Certificate& certificate) {
  write_statement(into, certificate.says);
  into.string(certificate.by.to_bytes());
  Bytes all;
  all.reserve(certificate.signatures.size() * sizeof(Signature));
  for (const Signature& one : certificate.signatures)
    append(all, one);
  into.string(all);
}

Decoded<Certificate> read_certificate_items(RlpReader& list) {
  Certificate read;
  KITH_TRY(read.says, read_statement(list));
  KITH_TRY(const ByteView bits, of_rlp(list.string(ValidatorBits::bytes)));
  read.by = ValidatorBits::from_bytes(bits.first<ValidatorBits::bytes>());
  const std::size_t count = read.by.count();
  KITH_TRY(ByteView all, of_rlp(list.string(count * sizeof(Signature))));
  KITH_CHECK(of_rlp(list.end()));
  read.signatures.resize(count);
  for (Signature& one : read.signatures) {
    std::ranges::copy(all.first<sizeof(Signature)>(), one.begin());
    all = all.subspan(sizeof(Signature));
  }
  return read;
}

void write_request(RlpWriter& into, const Request& request) {
  into.number(request.epoch);
  const RlpWriter::List items = into.begin_list();
  for (const Request::Item& one : request.items) {
    const RlpWriter::List item = into.begin_list();
    into.number(one.view);
    into.number(std::uint64_t{one.wanted});
    into.end_list(item);
  }
  into.end_list(items);
}

Decoded<Request::Item> read_request_item(RlpReader& items) {
  KITH_TRY(RlpReader item, of_rlp(items.list()));
  Request::Item one;
  KITH_TRY(one.view, of_rlp(item.small_number()));
  KITH_TRY(const std::uint64_t wanted, of_rlp(item.small_number()));
  KITH_CHECK(of_rlp(item.end()));
  if (one.view == 0 || one.view >= view_max) return std::unexpected(BftError::view_out_of_range);
  if (wanted < Request::notarization || wanted > Request::either)
    return std::unexpected(BftError::unknown_kind);
  one.wanted = static_cast<std::uint8_t>(wanted);
  return one;
}

/// Views ascend, so that each is named once.
Decoded<Request> read_request(RlpReader& list) {
  Request read;
  KITH_TRY(read.epoch, of_rlp(list.small_number()));
  KITH_TRY(RlpReader items, of_rlp(list.list()));
  KITH_CHECK(of_rlp(list.end()));
  while (!items.at_end()) {
    if (read.items.size() == request_views_max) return std::unexpected(BftError::too_many);
    KITH_TRY(const Request::Item one, read_request_item(items));
    if (!read.items.empty() && read.items.back().view >= one.view)
      return std::unexpected(BftError::not_canonical);
    read.items.push_back(one);
  }
  if (read.items.empty()) return std::unexpected(BftError::not_canonical);
  return read;
}

void write_response(RlpWriter& into, const Response& response) {
  into.number(response.epoch);
  const RlpWriter::List items = into.begin_list();
  for (const CertificatePtr& one : response.certificates)
    write_certificate(into, *one);
  into.end_list(items);
}

Decoded<Response> read_response(RlpReader& list) {
  Response read;
  KITH_TRY(read.epoch, of_rlp(list.small_number()));
  KITH_TRY(RlpReader items, of_rlp(list.list()));
  KITH_CHECK(of_rlp(list.end()));
  while (!items.at_end()) {
    if (read.certificates.size() == response_certificates_max)
      return std::unexpected(BftError::too_many);
    KITH_TRY(Certificate one, read_certificate(items));
    if (one.says.epoch != read.epoch) return std::unexpected(BftError::not_canonical);
    read.certificates.push_back(std::make_shared<const Certificate>(std::move(one)));
  }
  return read;
}

/// Calls `items` with the writer of a list of that type.
template <class Items>
Bytes encoded(MessageType type, Items items) {
  Bytes out;
  RlpWriter writer(out);
  const RlpWriter::List list = writer.begin_list();
  write_type(writer, type);
  items(writer);
  writer.end_list(list);
  return out;
}

/// A list's reader, and the number it begins with.
Decoded<std::uint64_t> read_type(RlpReader& list) {
  return of_rlp(list.small_number());
}

}  // namespace

bool Statement::is_well_formed() const noexcept {
  if (about.view == 0 || about.view >= view_max || about.parent >= about.view) return false;
  return kind != VoteKind::nullify || (about.parent == 0 && about.payload.is_zero());
}

void Vote::write(RlpWriter& into) const {
  const RlpWriter::List list = into.begin_list();
  write_vote_items(into, *this);
  into.end_list(list);
}

Decoded<Vote> Vote::read(RlpReader& from) {
  KITH_TRY(RlpReader list, of_rlp(from.list()));
  return read_vote_items(list);
}

void write_certificate(RlpWriter& into, const Certificate& certificate) {
  const RlpWriter::List list = into.begin_list();
  write_certificate_items(into, certificate);
  into.end_list(list);
}

Decoded<Certificate> read_certificate(RlpReader& from) {
  KITH_TRY(RlpReader list, of_rlp(from.list()));
  return read_certificate_items(list);
}

Bytes Certificate::encode() const {
  return encoded(MessageType::certificate,
                 [&](RlpWriter& into) { write_certificate_items(into, *this); });
}

Decoded<Certificate> Certificate::decode(ByteView input) {
  RlpReader reader(input);
  KITH_TRY(RlpReader list, of_rlp(reader.list()));
  KITH_CHECK(of_rlp(reader.end()));
  KITH_TRY(const std::uint64_t type, read_type(list));
  if (type != static_cast<std::uint64_t>(MessageType::certificate))
    return std::unexpected(BftError::unknown_kind);
  return read_certificate_items(list);
}

bool operator==(const Response& a, const Response& b) {
  return a.epoch == b.epoch &&
         std::ranges::equal(a.certificates, b.certificates,
                            [](const auto& x, const auto& y) { return *x == *y; });
}

Bytes encode_message(const Message& message) {
  if (const Vote* vote = std::get_if<Vote>(&message))
    return encoded(MessageType::vote, [&](RlpWriter& into) { write_vote_items(into, *vote); });
  if (const CertificatePtr* certificate = std::get_if<CertificatePtr>(&message))
    return (*certificate)->encode();
  if (const Request* request = std::get_if<Request>(&message))
    return encoded(MessageType::request, [&](RlpWriter& into) { write_request(into, *request); });
  return encoded(MessageType::response,
                 [&](RlpWriter& into) { write_response(into, std::get<Response>(message)); });
}

Decoded<Message> decode_message(ByteView input) {
  if (input.size() > message_bytes_max) return std::unexpected(BftError::too_many);
  RlpReader reader(input);
  KITH_TRY(RlpReader list, of_rlp(reader.list()));
  KITH_CHECK(of_rlp(reader.end()));
  KITH_TRY(const std::uint64_t type, read_type(list));
  if (type > static_cast<std::uint64_t>(MessageType::response))
    return std::unexpected(BftError::unknown_kind);
  switch (static_cast<MessageType>(type)) {
    case MessageType::vote:
      return read_vote_items(list);
    case MessageType::certificate: {
      KITH_TRY(Certificate one, read_certificate_items(list));
      return std::make_shared<const Certificate>(std::move(one));
    }
    case MessageType::request:
      return read_request(list);
    case MessageType::response:
      return read_response(list);
  }
  return std::unexpected(BftError::unknown_kind);
}

}  // namespace kith::ledger::bft
