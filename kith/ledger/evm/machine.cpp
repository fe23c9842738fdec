#include <cstdlib>
#include <utility>

#include <kith/base/assert.hpp>
#include <kith/ledger/evm/detail/interpreter.hpp>
#include <kith/ledger/evm/machine.hpp>
#include <kith/ledger/evm/precompile.hpp>
#include <kith/ledger/evm/tracer.hpp>
#include <kith/ledger/primitives/rlp.hpp>

namespace kith::ledger {
namespace {

/// No two frames' stacks overlap, and each has at most stack_items_max items.
constexpr std::size_t stack_items = (detail::call_depth_max + 1) * detail::stack_items_max + 1;
constexpr std::int64_t code_byte_gas = 200;
constexpr std::size_t code_bytes_max = 24'576;
constexpr std::uint8_t reserved_prefix = 0xef;

}  // namespace

std::string_view name_of(Halt halt) noexcept {
  switch (halt) {
    case Halt::none:
    case Halt::stop:
      return "";
    case Halt::revert:
      return "execution reverted";
    case Halt::out_of_gas:
      return "out of gas";
    case Halt::undefined_instruction:
      return "invalid opcode";
    case Halt::invalid_instruction:
      return "invalid opcode: INVALID";
    case Halt::stack_underflow:
      return "stack underflow";
    case Halt::stack_overflow:
      return "stack limit reached";
    case Halt::bad_jump_destination:
      return "invalid jump destination";
    case Halt::return_data_out_of_bounds:
      return "return data out of bounds";
    case Halt::static_violation:
      return "write protection";
    case Halt::call_depth:
      return "max call depth exceeded";
    case Halt::insufficient_balance:
      return "insufficient balance for transfer";
    case Halt::nonce_overflow:
      return "nonce uint64 overflow";
    case Halt::address_collision:
      return "contract address collision";
    case Halt::code_size:
      return "max code size exceeded";
    case Halt::code_prefix:
      return "invalid code: must not begin with 0xef";
    case Halt::precompile_failure:
      return "precompiled contract failed";
    case Halt::fault:
      return "the state can't be read";
  }
  return "unknown";
}

Address created_address(const Address& creator, std::uint64_t nonce) {
  Bytes encoded;
  RlpWriter writer(encoded);
  const RlpWriter::List list = writer.begin_list();
  writer.address(creator);
  writer.number(nonce);
  writer.end_list(list);
  return Address::from_word(keccak256(encoded).to_word());
}

Address created_address(const Address& creator, const U256& salt, ByteView init_code) {
  Bytes preimage{0xff};
  append(preimage, creator.view());
  append(preimage, salt.to_be());
  append(preimage, keccak256(init_code).view());
  return Address::from_word(keccak256(preimage).to_word());
}

Machine::Machine(World& world)
    : world_(world),
      // Not zeroed: the system gives memory as far as it is touched.
      stack_(static_cast<U256*>(std::malloc(stack_items * sizeof(U256)))) {
  ASSERT(stack_ != nullptr);
}

Machine::~Machine() = default;

void Machine::Free::operator()(U256* items) const noexcept {
  std::free(items);
}

Outcome Machine::execute(const BlockContext& block, const TransactionContext& transaction,
                         const Message& message) {
  ASSERT(depth_ == 0);
  block_ = &block;
  transaction_ = &transaction;
  std::optional<Result> result = begin(message);
  while (depth_ > 0) {
    if (result) {
      deliver(*result);
      result.reset();
    }
    detail::Frame& frame = *frames_[depth_ - 1];
    const Halt halt = detail::Interpreter(*this, frame).run();
    result = halt == detail::wants_call ? begin(pending_) : end_frame(halt);
    // The first frame's end is nobody's to take.
  }
  ASSERT(result.has_value());
  Outcome outcome{.halt = world_.fault() ? Halt::fault : result->halt,
                  .gas_left = result->gas_left,
                  .output = to_bytes(result->output),
                  .created = std::nullopt};
  if (message.is_creation() && outcome.succeeded()) outcome.created = result->created;
  return outcome;
}

/// A call's success or a creation's address is what the caller finds on its stack.
void Machine::deliver(const Result& result) {
  detail::Frame& caller = *frames_[depth_ - 1];
  const bool succeeded = result.halt == Halt::stop;
  const bool creation = caller.awaits_creation;
  caller.gas += result.gas_left;
  caller.return_data = creation && succeeded ? ByteView() : result.output;
  U256 told = succeeded ? 1 : 0;
  if (creation && succeeded) told = result.created.to_word();
  *++caller.top = told;
  const std::size_t copied = std::min<std::size_t>(caller.output_bytes, result.output.size());
  if (!creation && copied > 0)
    std::memcpy(caller.memory.data() + caller.output_at, result.output.data(), copied);
}

std::optional<Machine::Result> Machine::begin(const Message& message) {
  if (tracer_ != nullptr)
    tracer_->on_begin(message, depth_ + 1, depth_ == 0 ? 0 : frames_[depth_ - 1]->gas);
  auto result = message.is_creation() ? begin_creation(message) : begin_call(message);
  if (result && tracer_ != nullptr)
    tracer_->on_end(result->halt, result->gas_left, result->output, depth_ + 1);
  return result;
}

std::optional<Machine::Result> Machine::begin_call(const Message& message) {
  World::Account& sender = world_.account(message.sender);
  const bool moves = message.kind == Message::Kind::call;
  const bool pays = message.kind != Message::Kind::delegate_call && !message.value.is_zero();
  if (depth_ > detail::call_depth_max) return Result{Halt::call_depth, message.gas, {}, {}};
  if (pays && sender.balance < message.value)
    return Result{Halt::insufficient_balance, message.gas, {}, {}};
  const World::Checkpoint checkpoint = world_.checkpoint();
  if (moves) {
    World::Account& recipient = world_.account(message.recipient);
    if (pays) {
      world_.subtract_balance(sender, message.value);
      world_.add_balance(recipient, message.value);
    } else {
      world_.touch(recipient);
    }
  }
  const Precompile* contract = precompile(message.code_from);
  // A delegation to one runs nothing (EIP-7702).
  if (contract != nullptr && !message.is_delegated)
    return run_precompile(*contract, message, checkpoint);
  const CodePointer& code = world_.code_of(world_.account(message.code_from));
  if (world_.fault()) return Result{Halt::fault, 0, {}, {}};
  if (code->size() == 0) return Result{Halt::stop, message.gas, {}, {}};
  detail::Frame& frame = push_frame(message, checkpoint);
  frame.code = code;
  frame.next = frame.code->begin();
  return std::nullopt;
}

const Precompile* Machine::precompile(const Address& address) const {
  if (moved_ != nullptr) {
    if (const auto found = moved_->find(address); found != moved_->end()) return found->second;
  }
  return precompile_at(address, world_.revision());
}

Machine::Result Machine::run_precompile(const Precompile& contract, const Message& message,
                                        const World::Checkpoint& checkpoint) {
  const std::int64_t price = contract.gas(message.input, world_.revision());
  Halt halt = Halt::out_of_gas;
  if (price <= message.gas) {
    if (contract.run == nullptr) {
      world_.fail({Errc::unsupported, std::string("this build can't run ") + contract.name});
      return {Halt::fault, 0, {}, {}};
    }
    if (auto output = contract.run(message.input, world_.revision())) {
      precompile_output_ = *std::move(output);
      return {Halt::stop, message.gas - price, precompile_output_, {}};
    }
    halt = Halt::precompile_failure;
  }
  world_.revert_to(checkpoint);
  return {halt, 0, {}, {}};
}

std::optional<Machine::Result> Machine::begin_creation(const Message& message) {
  World::Account& creator = world_.account(message.sender);
  if (depth_ > detail::call_depth_max) return Result{Halt::call_depth, message.gas, {}, {}};
  if (creator.balance < message.value)
    return Result{Halt::insufficient_balance, message.gas, {}, {}};
  if (creator.nonce == ~0ULL) return Result{Halt::nonce_overflow, message.gas, {}, {}};
  const Address address = message.kind == Message::Kind::create2
                              ? created_address(message.sender, message.salt, message.input)
                              : created_address(message.sender, creator.nonce);
  world_.set_nonce(creator, creator.nonce + 1);
  World::Account& created = world_.account(address);
  if (world_.fault()) return Result{Halt::fault, 0, {}, {}};
  if (world_.revision() >= Revision::berlin) world_.warm(created);
  const World::Checkpoint checkpoint = world_.checkpoint();
  // EIP-684 and EIP-7610: of all revisions, since no main chain has ever had such an account.
  const bool has_storage = created.had_storage && !created.storage_is_new;
  if (created.nonce != 0 || created.has_code() || has_storage)
    return Result{Halt::address_collision, 0, {}, {}};
  world_.create(created, world_.revision() >= Revision::spurious_dragon ? 1 : 0);
  world_.subtract_balance(creator, message.value);
  world_.add_balance(created, message.value);
  Message inner = message;
  inner.recipient = inner.code_from = address;
  inner.input = {};
  detail::Frame& frame = push_frame(inner, checkpoint);
  frame.code = std::make_shared<const Code>(message.input);
  frame.next = frame.code->begin();
  return std::nullopt;
}

detail::Frame& Machine::push_frame(const Message& message, const World::Checkpoint& checkpoint) {
  if (frames_.size() == depth_) frames_.push_back(std::make_unique<detail::Frame>());
  detail::Frame& frame = *frames_[depth_];
  frame.message = message;
  frame.checkpoint = checkpoint;
  frame.self = &world_.account(message.recipient);
  frame.memory.clear();
  frame.return_data = {};
  frame.output_at = frame.output_bytes = 0;
  frame.result_at = frame.result_bytes = 0;
  frame.bottom = frame.top = depth_ == 0 ? stack_.get() : frames_[depth_ - 1]->top;
  frame.gas = message.gas;
  ++depth_;
  return frame;
}

/// Takes the top frame off. What it returned stays in its memory until the next one at its depth.
Machine::Result Machine::end_frame(Halt halt) {
  detail::Frame& frame = *frames_[depth_ - 1];
  Result result{halt, frame.gas, frame.result(), {}};
  if (halt == Halt::stop && frame.message.is_creation()) result = end_creation(frame);
  if (result.halt != Halt::stop) world_.revert_to(frame.checkpoint);
  if (result.halt != Halt::stop && result.halt != Halt::revert) {
    result.gas_left = 0;
    result.output = {};
  }
  if (tracer_ != nullptr) tracer_->on_end(result.halt, result.gas_left, result.output, depth_);
  --depth_;
  return result;
}

/// What the code returned becomes the account's code.
Machine::Result Machine::end_creation(detail::Frame& frame) {
  const Revision revision = world_.revision();
  const ByteView code = frame.result();
  Result result{Halt::stop, frame.gas, code, frame.message.recipient};
  if (revision >= Revision::spurious_dragon && code.size() > code_bytes_max) {
    result.halt = Halt::code_size;
  } else if (revision >= Revision::london && !code.empty() && code[0] == reserved_prefix) {
    result.halt = Halt::code_prefix;
  } else if (const auto price = code_byte_gas * static_cast<std::int64_t>(code.size());
             price > frame.gas) {
    // Frontier leaves an account without code.
    if (revision >= Revision::homestead) result.halt = Halt::out_of_gas;
    result.output = {};
  } else {
    result.gas_left -= price;
    if (!code.empty())
      world_.set_code(*frame.self, std::make_shared<const Code>(code), keccak256(code));
  }
  return result;
}

}  // namespace kith::ledger
